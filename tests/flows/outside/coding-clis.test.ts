import { describe, expect, it } from "vitest";
import type { Script } from "../../agents/models/scripted-server/script.js";
import { type ScriptedServer, startScriptedServer } from "../../agents/models/scripted-server/start-scripted-server.js";
import { rmsnormSources as sources } from "../agents/mind-sources.js";
import { despiteBusy, eventsOf, minutes, projectOf, runGoalProcess } from "../agents/model-goal.js";
import { claudeMind, codexMind } from "./cli-mind.js";
import { claudeCommand, cliEnvironment, codexCommand, instruction, whyWithoutClis, withoutClis } from "./coding-cli.js";
import { expectAccepted } from "./expect-accepted.js";

const clis: [string, Script, (server: ScriptedServer) => string][] = [
  ["Claude Code", claudeMind(sources), () => claudeCommand],
  ["Codex", codexMind(sources), codexCommand],
];

describe.skipIf(withoutClis)(`the real coding CLIs, with a scripted model${whyWithoutClis}`, () => {
  const folder = withoutClis ? "" : projectOf(sources);

  it.each(clis)("%s forges a kernel to acceptance with its own tools", { timeout: 10 * minutes }, async (_, script, commandFor) => {
    const server = await startScriptedServer(script);
    try {
      const commandLine = ["--agent", "command", "--command", commandFor(server)];
      const ended = await despiteBusy(() => runGoalProcess({ folder, sources, commandLine, environment: cliEnvironment(server) }));
      const told = eventsOf(ended.log, "agent-noted").map(({ text }) => text);
      expect({ code: ended.code, errors: ended.errors, told }).toMatchObject({ code: 0, errors: "" });
      expect(server.requests.flatMap(({ problem }) => problem ?? [])).toEqual([]);
      expectAccepted(ended.log, folder);
      // The CLI itself brought the model what stands in AGENTS.md.
      const first = JSON.stringify(server.requests.find(({ body }) => JSON.stringify(body).includes(instruction))?.body);
      expect(first).toContain("# The goal: rmsnorm, f32, on x86-64");
      expect(first).toContain(".forge/forge submit --done");
      expect(first, "the skill").toContain("Writes fast numerical kernels");
    } finally {
      await server.close();
    }
  });
});
