import { describe, expect, it } from "vitest";
import type { ForgeEvent } from "../../../specs/contracts/event.js";
import type { ConversationEntry, Script } from "../../agents/models/scripted-server/script.js";
import { startScriptedServer } from "../../agents/models/scripted-server/start-scripted-server.js";
import { rmsnormSources as sources } from "./mind-sources.js";
import { acceptedSource, despiteBusy, eventsOf, minutes, modelWords, projectOf, runGoalProcess } from "./model-goal.js";

const said = (conversation: readonly ConversationEntry[]): string =>
  conversation.flatMap((entry) => (entry.role === "user" ? [entry.text] : [])).join("\n");

/** The first lane passes; after that each lane makes two attempts, the first of which is wrong in the first lane and fast in the second. */
const lanesScript: Script = (conversation) => {
  const answers = conversation.flatMap((entry) => (entry.role === "tools" ? entry.answers : []));
  const verdicts = answers.filter(({ text }) => text.startsWith("Attempt ")).length;
  const isSecond = /You are (?:one of 2|island 2)/.test(said(conversation));
  const submit = (text: string, summary: string) => ({
    calls: [
      { name: "write", arguments: { name: "kernel.c", text } },
      { name: "submit", arguments: { summary } },
    ],
  });
  if (isSecond) {
    if (verdicts === 0) return submit(sources.faster, "second lane: sixteen sums");
    return verdicts === 1 ? submit(sources.wrong, "second lane: without eps") : { text: "Done." };
  }
  if (answers.length === 0) return { calls: [{ name: "write", arguments: { name: "forge.json", text: sources.manifest } }] };
  if (verdicts === 0) return submit(sources.right, "first lane: plain");
  return verdicts <= 2 ? submit(sources.wrong, `first lane: wrong, ${verdicts}`) : { text: "Done." };
};

/** `npm test` takes one; `npm run test:integrity -- agents` both. */
const strategies = process.env.FORGE_WHOLE === "1" ? ["best-of-2", "islands-2"] : ["islands-2"];

describe.each(strategies)("%s with a model in each lane", (strategy) => {
  it("opens a second lane after the first pass, numbers without gaps, and survives a kill", { timeout: 8 * minutes }, async () => {
    const folder = projectOf(sources);
    const server = await startScriptedServer(lanesScript);
    try {
      const words = [...modelWords("anthropic", server), "--strategy", strategy, "--attempts", "12"];
      // Killed when the second lane's first attempt is judged; the first lane may be waiting for it.
      const isMoment = (event: ForgeEvent) => event.type === "attempt-judged" && event.attempt === 3;
      const ended = await despiteBusy(async () => {
        const killed = await runGoalProcess({
          folder,
          sources,
          commandLine: words,
          onEvent: (event, child) => void (isMoment(event) && child.kill("SIGKILL")),
        });
        expect(killed.signal).toBe("SIGKILL");
        return runGoalProcess({ folder, sources, commandLine: [...words, "--resume", killed.run] });
      });
      const { log } = ended;
      expect(ended).toMatchObject({ code: 0, errors: "" });
      expect(server.requests.flatMap(({ problem }) => problem ?? [])).toEqual([]);

      const opened = eventsOf(log, "lane-opened");
      expect(opened.map(({ lane }) => lane)).toEqual([0, 1]);
      expect(opened[1]).toMatchObject({ base: 1 });
      expect(opened[1]!.sequence).toBeGreaterThan(eventsOf(log, "attempt-judged")[0]!.sequence);

      const submitted = eventsOf(log, "attempt-submitted");
      expect(submitted.map(({ attempt }) => attempt)).toEqual([1, 2, 3, 4, 5]);
      expect(eventsOf(log, "attempt-judged").map(({ attempt }) => attempt)).toEqual([1, 2, 3, 4, 5]);
      expect(submitted.map(({ lane }) => lane).sort()).toEqual([0, 0, 0, 1, 1]);
      const answered = eventsOf(log, "submission-answered");
      expect(answered.map(({ attempt }) => attempt).sort()).toEqual([1, 2, 3, 4, 5]);

      const best = submitted.find(({ summary }) => summary === "second lane: sixteen sums")!;
      expect(eventsOf(log, "framework-accepted")).toMatchObject([{ attempt: best.attempt }]);
      expect(acceptedSource(folder, sources)).toBe(sources.faster);
      if (strategy === "best-of-2") {
        // After the round both go on from the second lane's.
        const first = answered.filter(({ lane }) => lane === 0);
        expect(first.map(({ base }) => base)).toEqual([null, best.attempt, best.attempt]);
      }
      expect(new Set(eventsOf(log, "tool-called").map(({ lane, call }) => `${lane} ${call.id}`)).size).toBe(
        eventsOf(log, "tool-called").length,
      );
    } finally {
      await server.close();
    }
  });
});
