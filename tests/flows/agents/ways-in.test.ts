import { rmSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { beforeEach, describe, expect, it } from "vitest";
import { startScriptedServer } from "../../agents/models/scripted-server/start-scripted-server.js";
import { expectForged } from "./expect-forged.js";
import { forgeOverMcp } from "./mcp-client.js";
import { linearSources, type MindSources, rmsnormSources } from "./mind-sources.js";
import {
  acceptedSource,
  despiteBusy,
  logOf,
  type ModelAgent,
  minutes,
  modelWords,
  newestRun,
  projectOf,
  runGoalProcess,
} from "./model-goal.js";
import { mindScript } from "./scripted-mind.js";

const agents: ModelAgent[] = ["anthropic", "openai", "openai-responses"];
/** The second operation through every way in is the same path again, and minutes: `npm run test:integrity -- agents`. */
const whole = process.env.FORGE_WHOLE === "1";
const takesAll = (sources: MindSources): boolean => whole || sources === rmsnormSources;

describe.each([rmsnormSources, linearSources])("$spec from an empty workspace, by a mind that goes by what it is told", (sources) => {
  const folder = projectOf(sources);
  // What one way accepted must not stand in for another.
  beforeEach(() => rmSync(join(folder, "generated"), { recursive: true, force: true }));

  it.each(takesAll(sources) ? agents : ["anthropic" as const])(
    "%s: a build and an alignment that fail, a pass, and what is faster",
    { timeout: 5 * minutes },
    async (agent) => {
      const server = await startScriptedServer(mindScript(sources));
      try {
        const ended = await despiteBusy(() => runGoalProcess({ folder, sources, commandLine: modelWords(agent, server) }));
        expect(ended).toMatchObject({ code: 0, errors: "" });
        expect(server.requests.map(({ problem }) => problem).filter((problem) => problem !== null)).toEqual([]);
        expectForged(ended.log, sources);
        expect(acceptedSource(folder, sources)).toBe(sources.faster);
      } finally {
        await server.close();
      }
    },
  );

  if (!takesAll(sources)) return;

  it("command: any program that writes files and calls .forge/forge", { timeout: 5 * minutes }, async () => {
    const driver = [process.execPath, "--import", import.meta.resolve("tsx"), fileURLToPath(new URL("command-driver.ts", import.meta.url))];
    const command = [...driver, sources.spec].join(" ");
    const ended = await despiteBusy(() => runGoalProcess({ folder, sources, commandLine: ["--agent", "command", "--command", command] }));
    expect(ended).toMatchObject({ code: 0, errors: "" });
    expectForged(ended.log, sources);
    expect(acceptedSource(folder, sources)).toBe(sources.faster);
  });

  it("MCP: the official client", { timeout: 5 * minutes }, async () => {
    const told = await forgeOverMcp(folder, sources);
    expect(told).toContain("Surpassed: right, and faster");
    const run = newestRun(folder);
    expectForged(logOf(join(folder, "runs", run), run), sources);
    expect(acceptedSource(folder, sources)).toBe(sources.faster);
  });
});
