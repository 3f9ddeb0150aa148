import { describe, expect, it } from "vitest";
import type { Script } from "../../agents/models/scripted-server/script.js";
import { rmsnormSources as sources } from "./mind-sources.js";
import { eventsOf, type ModelAgent, minutes, projectOf } from "./model-goal.js";
import { call, forgeWith, steps } from "./with-server.js";

const agents: ModelAgent[] = ["anthropic", "openai", "openai-responses"];
const longest = 25_000;

describe.each(agents)("what goes wrong with a model: %s", { timeout: 2 * minutes }, (agent) => {
  const folder = projectOf(sources);

  it("row 71: a busy provider is waited for as long as it asks, and the run goes on", async () => {
    const askedAtMs: number[] = [];
    const script: Script = (conversation, request) => {
      askedAtMs.push(performance.now());
      if (request.number <= 2) return { status: 429, headers: { "retry-after": "2" }, message: "slow down" };
      return steps({}, {}, { calls: [call("notes", { text: "reached" })] })(conversation, request);
    };
    const ended = await forgeWith(folder, script, { agent });
    expect(askedAtMs[1]! - askedAtMs[0]!).toBeGreaterThan(1_990);
    expect(askedAtMs[2]! - askedAtMs[1]!).toBeGreaterThan(1_990);
    expect(eventsOf(ended.log, "agent-noted").map(({ text }) => text)).toEqual(
      expect.arrayContaining([expect.stringMatching(/slow down.*trying again in 2 s/)]),
    );
    expect(eventsOf(ended.log, "tool-called")).toMatchObject([{ call: { name: "notes" }, answer: { isError: false } }]);
    expect(ended.log.at(-1)).toMatchObject({ type: "run-finished", end: "nothing-passed" });
  });

  it("row 73: of a stream that is cut nothing is done; the same is asked again", async () => {
    const calls = [call("write", { name: "kernel.c", text: sources.right }), call("list")];
    const cut = { text: "half", calls, breaks: { at: "middle" as const, how: "reset" as const } };
    const ended = await forgeWith(folder, steps(cut, { calls }), { agent });
    expect(ended.requests[1]!.conversation).toEqual(ended.requests[0]!.conversation);
    expect(eventsOf(ended.log, "tool-called").map(({ call: { name }, answer }) => [name, answer.isError])).toEqual([
      ["write", false],
      ["list", false],
    ]);
    expect(JSON.stringify(ended.log)).not.toContain('"half"');
  });

  it("row 74: malformed calls are answered with what is wrong, in bounds, and the run goes on", async () => {
    const bad = [
      { name: "write", argumentsText: '{"name": "kernel.c", "text": "int' },
      { name: "rm_rf", arguments: { path: "/" } },
      { name: "read", arguments: { name: 7 } },
      { name: "write", arguments: { name: "../../escape.c", text: "" } },
      { name: "edit", arguments: { name: "x".repeat(100_000), old: "a", new: "b" } },
      { name: "notes", arguments: { text: "same", shout: "y".repeat(100_000) } },
    ];
    const twins = [
      { name: "notes", arguments: { text: "first" }, id: "twin" },
      { name: "notes", arguments: { text: "second" }, id: "twin" },
    ];
    const ended = await forgeWith(folder, steps({ calls: bad }, { calls: twins }, { calls: [call("list")] }), { agent });
    expect(ended.requests.flatMap(({ problem }) => problem ?? [])).toEqual([]);
    const called = eventsOf(ended.log, "tool-called");
    expect(called.slice(0, bad.length).map(({ answer }) => answer.isError)).toEqual(bad.map(() => true));
    for (const { answer } of called) expect(answer.text.length).toBeLessThan(longest);
    expect(called.map(({ answer }) => answer.text.slice(0, 60))).toMatchObject([
      expect.stringContaining("are not JSON"),
      expect.stringContaining('there is no tool "rm_rf"'),
      expect.stringContaining("name must be string"),
      expect.stringContaining("file name"),
      expect.stringContaining("edit: name must NOT have more than 200"),
      expect.stringContaining("notes: the arguments must not have"),
      "noted",
      "noted",
      "the workspace is empty",
    ]);
    expect(new Set(called.map(({ call: { id } }) => id)).size).toBe(called.length);
    expect(ended.log.at(-1)).toMatchObject({ type: "run-finished", end: "nothing-passed" });
  });

  it.each([
    { name: "refuses", reply: { text: "I will not.", stop: "refused" as const }, most: 3 },
    { name: "says nothing", reply: { text: "" }, most: 3 },
    { name: "is cut off every time", reply: { text: "well, ", stop: "length" as const }, most: 3 },
    { name: "makes one call for ever", reply: { calls: [call("list")] }, most: 17 },
  ])("row 76: a model that $name ends by itself", async ({ reply, most }) => {
    const ended = await forgeWith(folder, () => reply, { agent });
    expect(ended.requests.flatMap(({ problem }) => problem ?? [])).toEqual([]);
    expect(ended.requests.length).toBeLessThanOrEqual(most);
    expect(ended.log.at(-1)).toMatchObject({ type: "run-finished", end: "nothing-passed" });
    expect(eventsOf(ended.log, "agent-noted").at(-1)!.text).toContain("its lane is over");
  });
});
