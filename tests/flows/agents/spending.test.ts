import { existsSync, rmSync } from "node:fs";
import { join } from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import type { Script } from "../../agents/models/scripted-server/script.js";
import { scriptedKey, startScriptedServer } from "../../agents/models/scripted-server/start-scripted-server.js";
import { runForge } from "../../harness/cli/run-forge.js";
import { rmsnormSources as sources } from "./mind-sources.js";
import {
  acceptedSource,
  despiteBusy,
  eventsOf,
  type GoalRun,
  keys,
  minutes,
  modelWords,
  outcomesOf,
  projectOf,
  runGoalProcess,
  specPath,
} from "./model-goal.js";
import { nextStep } from "./scripted-mind.js";

const folder = projectOf(sources);
/** A thousand tokens a request; claude-opus-4-5 costs 5 and 25 dollars a million. */
const usage = { input: 900, output: 100, cacheRead: 0, cacheWrite: 0 };
const dollarsARequest = (900 * 5 + 100 * 25) / 1e6;
/** The mind's fourth answer is the attempt that passes; what its fifth would do is left for later. */
const requests = 5;
const requestsPaid = 4.5;
const counted: Script = (conversation) => ({ ...nextStep(conversation, sources), usage });

/** A run that ends early with what passed so far, and the same run gone on with to its end. */
async function endAndResume(script: Script, early: string[], later: string[]): Promise<{ first: GoalRun; second: GoalRun }> {
  const server = await startScriptedServer(script);
  try {
    const words = modelWords("anthropic", server);
    const first = await despiteBusy(() => runGoalProcess({ folder, sources, commandLine: [...words, ...early] }));
    const accepted = acceptedSource(folder, sources);
    expect(accepted).toBe(sources.right);
    const second = await runGoalProcess({ folder, sources, commandLine: [...words, ...later, "--resume", first.run] });
    expect(server.requests.flatMap(({ problem }) => problem ?? [])).toEqual([]);
    return { first, second };
  } finally {
    await server.close();
  }
}

function expectGoneOn({ first, second }: { first: GoalRun; second: GoalRun }): void {
  expect(outcomesOf(first.log).at(-1)).toMatch(/passed$/);
  expect(second.code).toBe(0);
  expect(eventsOf(second.log, "framework-accepted")).toHaveLength(2);
  const submitted = eventsOf(second.log, "attempt-submitted").map(({ attempt }) => attempt);
  expect(submitted).toEqual(submitted.map((_, index) => index + 1));
  expect(acceptedSource(folder, sources)).toBe(sources.faster);
}

describe("what a run may spend", { timeout: 5 * minutes }, () => {
  beforeEach(() => rmSync(join(folder, "generated"), { recursive: true, force: true }));

  it("row 72: where the account's limit is reached the best so far is accepted, and the run can be resumed", async () => {
    let isEmpty = true;
    const script: Script = (conversation) => {
      const step = nextStep(conversation, sources);
      const isFaster = JSON.stringify(step).includes("sixteen partial sums");
      return isFaster && isEmpty ? { status: 429, code: "insufficient_quota", message: "You exceeded your current quota" } : step;
    };
    const server = await startScriptedServer(script);
    try {
      const words = modelWords("openai", server);
      const first = await despiteBusy(() => runGoalProcess({ folder, sources, commandLine: words }));
      expect(first.code).toBe(0);
      expect(first.log.at(-1)).toMatchObject({
        type: "run-finished",
        end: "agent-stopped",
        message: expect.stringMatching(/quota.*resume/),
      });
      expect(acceptedSource(folder, sources)).toBe(sources.right);
      isEmpty = false;
      // The newest unfinished run of the goal is this one.
      const second = await runGoalProcess({ folder, sources, commandLine: [...words, "--resume"] });
      expect(second.run).toBe(first.run);
      expectGoneOn({ first, second });
    } finally {
      await server.close();
    }
  });

  it("--tokens ends it with the best so far; it goes on with more", async () => {
    const limit = String(requestsPaid * 1000);
    const both = await endAndResume(counted, ["--tokens", limit], ["--tokens", "100000"]);
    expect(both.first.log.at(-1)).toMatchObject({ message: `the budget of ${limit} tokens is spent` });
    expect(eventsOf(both.first.log, "agent-turned").filter(({ usage: known }) => known)).toHaveLength(requests);
    expectGoneOn(both);
  });

  it("--dollars ends it with the best so far", async () => {
    const limit = String(requestsPaid * dollarsARequest);
    const server = await startScriptedServer(counted);
    try {
      const commandLine = [...modelWords("anthropic", server), "--dollars", limit];
      const { log } = await despiteBusy(() => runGoalProcess({ folder, sources, commandLine }));
      expect(acceptedSource(folder, sources)).toBe(sources.right);
      expect(log.at(-1)).toMatchObject({ message: `the budget of $${limit} is spent` });
      const spent = eventsOf(log, "agent-turned").reduce((sum, { dollars }) => sum + (dollars ?? 0), 0);
      expect(spent).toBeCloseTo(requests * dollarsARequest, 9);
    } finally {
      await server.close();
    }
  });

  it("--dollars is refused for a model without a price; nothing is sent", async () => {
    const server = await startScriptedServer(counted);
    try {
      const words = ["--agent", "openai", "--model", "my-own-model", "--base-url", `${server.url}/v1`];
      const ended = runForge(["goal", specPath(sources), ...words, "--dollars", "1"], folder, keys);
      expect(ended.code).toBe(2);
      expect(ended.stderr).toContain("the price of my-own-model is not known");
      expect(server.requests).toEqual([]);
    } finally {
      await server.close();
    }
  });

  it("--dry-run shows the first request and its cost, holds no key and sends nothing", async () => {
    const server = await startScriptedServer(counted);
    try {
      const elsewhere = projectOf(sources);
      const ended = runForge(["goal", specPath(sources), ...modelWords("anthropic", server), "--dry-run"], elsewhere, keys);
      expect(ended.code).toBe(0);
      const { url, body } = JSON.parse(ended.stdout) as {
        url: string;
        body: { system: unknown; tools: { name: string }[]; messages: unknown };
      };
      expect(url).toBe(`${server.url}/v1/messages`);
      expect(JSON.stringify(body.messages)).toContain("# The goal: rmsnorm, f32, on x86-64");
      expect(body.tools.map(({ name }) => name)).toContain("submit");
      expect(ended.stderr).toMatch(/nothing was sent\. The first request has about \d+ tokens: about \$0\.\d+ to read/);
      expect(ended.stdout + ended.stderr).not.toContain(scriptedKey);
      expect(server.requests).toEqual([]);
      expect(existsSync(join(elsewhere, "runs"))).toBe(false);
    } finally {
      await server.close();
    }
  });
});
