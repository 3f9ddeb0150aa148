import { describe, expect, it } from "vitest";
import type { Script } from "../../agents/models/scripted-server/script.js";
import { rmsnormSources as sources } from "./mind-sources.js";
import { eventsOf, minutes, projectOf } from "./model-goal.js";
import { call, forgeWith } from "./with-server.js";

const folder = projectOf(sources);
const write = [call("write", { name: "kernel.c", text: sources.wrong }), call("write", { name: "forge.json", text: sources.manifest })];
const memory = "eps matters: try it inside the root";

describe("row 79: a conversation that is longer than the model takes", { timeout: 2 * minutes }, () => {
  it.each([
    { who: "Forge sees it come", fill: 15_000, words: ["--context-tokens", "16000"], refuses: false },
    { who: "the provider refuses it", fill: 10, words: [], refuses: true },
  ])("$who: goal, verdicts, notes and files are what the next request begins with", async ({ fill, words, refuses }) => {
    const usage = { input: fill, output: 10, cacheRead: 0, cacheWrite: 0 };
    let refused = 0;
    const script: Script = (_, { number }) => {
      if (number === 1) return { calls: [...write, call("submit", { summary: "without eps" }), call("notes", { text: memory })], usage };
      if (number === 2 && refuses && refused++ === 0) return { status: 400, message: "prompt is too long: 210000 tokens > 200000 maximum" };
      return { text: "That is all.", usage: { ...usage, input: 10 } };
    };
    const ended = await forgeWith(folder, script, { words });
    expect(ended.requests.flatMap(({ problem }) => problem ?? [])).toEqual([]);
    expect(eventsOf(ended.log, "conversation-compacted")).toHaveLength(1);
    const next = ended.requests[refuses ? 2 : 1]!.conversation;
    expect(next).toHaveLength(1);
    const [said] = next;
    if (said?.role !== "user") throw new Error("the request begins with a user's word");
    for (const kept of ["# The goal: rmsnorm", "- 1: without eps: failed in align", "The align check failed", memory, "- kernel.c, "])
      expect(said.text).toContain(kept);
    // The request's answer must fit, too.
    for (const { body } of ended.requests)
      expect((body as { max_tokens: number }).max_tokens).toBeLessThanOrEqual(words.length > 0 ? 4_000 : 32_000);
  });

  it("a goal that does not fit into any request ends the run with what to do", async () => {
    const ended = await forgeWith(folder, () => ({ status: 400, message: "prompt is too long: 9000 tokens > 8192 maximum" }));
    expect(ended.code).toBe(4);
    expect(ended.requests).toHaveLength(1);
    expect(ended.log.at(-1)).toMatchObject({ type: "run-finished", end: "agent-stopped", message: expect.stringContaining("too long") });
  });
});
