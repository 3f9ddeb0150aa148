import { spawn } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { startScriptedServer } from "../../agents/models/scripted-server/start-scripted-server.js";
import { mainPath } from "../../harness/cli/run-forge.js";
import { untilEnd } from "../../harness/store/child.js";
import { rmsnormSources as sources } from "../agents/mind-sources.js";
import { acceptedSource, eventsOf, minutes, projectOf } from "../agents/model-goal.js";
import { claudeMcpMind } from "./cli-mind.js";
import { claudeMcpCommand, cliEnvironment, whyWithoutClis, withoutClis } from "./coding-cli.js";
import { expectAccepted } from "./expect-accepted.js";
import { connectForge, logAtEnd, logUntil, mcpWords, runsIn } from "./mcp-goal.js";
import { startWaitingGoal, type } from "./waiting-goal.js";

describe("forge mcp, with the official SDK's client", () => {
  const folder = projectOf(sources);

  it("serves every tool, answers bad calls, and has the best accepted when the client goes", { timeout: 10 * minutes }, async () => {
    const session = await connectForge(folder, mcpWords());
    const { client, call } = session;
    expect(client.getInstructions()).toContain("# The goal: rmsnorm, f32, on x86-64");
    const { tools } = await client.listTools();
    const names = ["list", "read", "write", "edit", "remove", "search", "shell", "check", "profile", "notes", "submit"];
    expect(tools.map(({ name }) => name)).toEqual(names);
    for (const { inputSchema, description } of tools)
      expect([inputSchema.type, description]).toEqual(["object", expect.stringMatching(/\w/)]);
    expect(tools.at(-1)!.inputSchema).toMatchObject({ required: ["summary"], properties: { summary: { type: "string" } } });

    expect(await call("teleport")).toEqual({ isError: true, text: expect.stringContaining("there are: list, read") });
    expect(await call("write", { name: "../x", text: "" })).toEqual({ isError: true, text: expect.stringContaining("leads out of") });
    expect(await call("write", { file: "x" })).toEqual({ isError: true, text: expect.stringContaining('must not have "file"') });
    expect(await call("check")).toEqual({ isError: true, text: expect.stringContaining("the workspace is empty") });

    expect((await call("write", { name: "kernel.c", text: sources.faster.replace(" + eps", " ") })).isError).toBe(false);
    expect((await call("write", { name: "forge.json", text: sources.manifest })).isError).toBe(false);
    expect((await call("write", { name: "spare.h", text: "/* spare */\n" })).isError).toBe(false);
    expect(await call("list")).toEqual({
      isError: false,
      text: expect.stringMatching(/^forge\.json {2}\d+\nkernel\.c {2}\d+\nspare\.h {2}12$/),
    });
    expect((await call("read", { name: "spare.h" })).text).toContain("1\t/* spare */");
    expect((await call("remove", { name: "spare.h" })).isError).toBe(false);
    expect((await call("search", { text: "sqrtf" })).text).toMatch(/^kernel\.c:\d+: /);
    expect((await call("shell", { command: "ls && id -u" })).text).toMatch(/kernel\.c[\s\S]*\[exit code 0\]$/);
    expect((await call("notes", { text: "tried one thing" })).isError).toBe(false);
    expect((await call("notes")).text).toBe("tried one thing");
    expect((await call("check")).text).toMatch(/^FAILED /);
    const [old, mended] = ["squares / (float)dim )", "squares / (float)dim + eps)"];
    expect((await call("edit", { name: "kernel.c", old, new: mended })).isError).toBe(false);
    expect((await call("check")).text).toMatch(/^PASSED /);
    expect((await call("profile", { entry: "rmsnorm_forward" })).text).toContain("rmsnorm_forward");
    let submitted = await call("submit", { summary: "fast" });
    // Somebody else's minute of work is no fault of this goal.
    for (let again = 1; submitted.text.includes("machine busy") && again <= 3; again++)
      submitted = await call("submit", { summary: `fast, measured again ${again}` });
    expect(submitted).toEqual({ isError: false, text: expect.stringMatching(/^Attempt \d: SURPASSED\n/) });

    await client.close();
    const log = await logAtEnd(folder, runsIn(folder).at(-1)!);
    expect(log.at(-1)).toMatchObject({ end: "surpassed" });
    expect(acceptedSource(folder, sources)).toBe(sources.faster);
    expect(session.faults).toEqual([]);
  });

  it("ends the goal of a client that was killed in the middle of an attempt, and goes on with it", { timeout: 3 * minutes }, async () => {
    const first = await connectForge(folder, mcpWords());
    await first.call("write", { name: "kernel.c", text: sources.wrong });
    await first.call("write", { name: "forge.json", text: sources.manifest });
    const cutOff = first.call("submit", { summary: "wrong" });
    cutOff.catch(() => {});
    const run = runsIn(folder).at(-1)!;
    // What is still on its way when the client dies was never submitted.
    await logUntil(folder, run, ({ type: kind }) => kind === "attempt-submitted");
    process.kill(first.pid, "SIGKILL");
    const log = await logAtEnd(folder, run);
    // The attempt that was under way is judged to its end.
    expect(eventsOf(log, "attempt-judged").map(({ verdict }) => verdict.outcome)).toEqual(["failed"]);
    expect(log.at(-1)).toMatchObject({ end: "agent-stopped", message: expect.stringContaining("the client went") });

    const second = await connectForge(folder, [...mcpWords(), "--resume"]);
    expect((await second.call("read", { name: "kernel.c" })).text).toContain("rstd[r] = 1.0f");
    await second.client.close();
    expect((await logAtEnd(folder, run)).filter(({ type: kind }) => kind === "run-resumed")).toHaveLength(1);
    expect(second.faults).toEqual([]);
  });

  it("says on stderr alone what is wrong with its words", async () => {
    const child = spawn(process.execPath, [mainPath, "mcp", "no-such.yaml"], { cwd: folder, stdio: ["pipe", "pipe", "pipe"] });
    expect(await untilEnd(child)).toMatchObject({ code: 2, lines: [], errors: expect.stringMatching(/^error: .*no-such\.yaml/) });
  });

  it("without a spec serves the goal that waits in the folder", { timeout: 3 * minutes }, async () => {
    const goal = await startWaitingGoal(folder);
    const { client, call, faults } = await connectForge(goal.desk, ["mcp"]);
    expect(client.getInstructions()).toContain(goal.desk);
    expect((await client.listTools()).tools.map(({ name }) => name)).toContain("submit");
    await call("write", { name: "kernel.c", text: sources.wrong });
    expect(readFileSync(join(goal.desk, "kernel.c"), "utf8")).toBe(sources.wrong);
    writeFileSync(join(goal.desk, "forge.json"), sources.manifest);
    expect((await call("submit", { summary: "wrong" })).text).toMatch(/^Attempt 1: FAILED\n/);
    expect(await call("submit", {})).toEqual({ isError: true, text: expect.stringContaining("summary") });
    expect(type(goal.desk, "submit", "--done").code).toBe(0);
    expect(await goal.ended).toMatchObject({ code: 1 });
    expect(await call("check")).toEqual({ isError: true, text: expect.stringContaining("no goal waits") });
    await client.close();
    expect(faults).toEqual([]);
  });
});

describe.skipIf(withoutClis)(`forge mcp, driven by Claude Code with a scripted model${whyWithoutClis}`, () => {
  it("forges a kernel that is accepted although Claude Code gives its servers no time to end", { timeout: 10 * minutes }, async () => {
    const folder = projectOf(sources);
    const server = await startScriptedServer(claudeMcpMind(sources));
    try {
      const words = claudeMcpCommand({ command: process.execPath, args: [mainPath, ...mcpWords()] });
      const child = spawn("claude", words, {
        cwd: folder,
        env: { ...process.env, ...cliEnvironment(server) },
        stdio: ["ignore", "pipe", "pipe"],
      });
      expect(await untilEnd(child)).toMatchObject({ code: 0 });
      expect(server.requests.flatMap(({ problem }) => problem ?? [])).toEqual([]);
      expectAccepted(await logAtEnd(folder, runsIn(folder).at(-1)!), folder);
    } finally {
      await server.close();
    }
  });
});
