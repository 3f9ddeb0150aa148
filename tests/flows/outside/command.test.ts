import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { rmsnormSources as sources } from "../agents/mind-sources.js";
import { eventsOf, type GoalRun, minutes, projectOf, runGoalProcess } from "../agents/model-goal.js";

/** Programs of a few lines in the place of a coding CLI: what happens at their ends. */
describe("--agent command", () => {
  const folder = projectOf(sources);
  const forge = (script: string, ...words: string[]): Promise<GoalRun> => {
    const path = join(folder, "agent.sh");
    writeFileSync(path, script);
    return runGoalProcess({ folder, sources, commandLine: ["--agent", "command", "--command", `sh ${path}`, ...words] });
  };
  const write = `cat > kernel.c <<'END'\n${sources.wrong}END\ncat > forge.json <<'END'\n${sources.manifest}END\n`;

  it("says what a command printed that fails before it submits", { timeout: 3 * minutes }, async () => {
    const { code, log } = await forge('echo "no key was found" >&2; exit 3');
    expect(code).toBe(4);
    expect(log.at(-1)).toMatchObject({ end: "agent-stopped", message: expect.stringMatching(/exit code 3 .*: no key was found$/) });
    expect(await forge("no-such-coding-cli")).toMatchObject({ code: 4 });
  });

  it("ends with the command, and what the command left running ends with it", { timeout: 3 * minutes }, async () => {
    const startedAtMs = performance.now();
    const { code, runDirectory } = await forge(
      `${write}.forge/forge submit wrong\nsleep 300 & echo $! > /tmp/forge-left-$$; mv /tmp/forge-left-$$ left.txt`,
    );
    expect(code).toBe(1);
    expect(performance.now() - startedAtMs).toBeLessThan(200_000);
    const left = readFileSync(join(runDirectory, "desk", "left.txt"), "utf8").trim();
    const state = existsSync(`/proc/${left}/stat`) ? readFileSync(`/proc/${left}/stat`, "utf8").split(" ")[2] : "gone";
    expect(["gone", "Z"]).toContain(state);
  });

  it("tells the verdict of the last attempt before it ends a command that goes on", { timeout: 3 * minutes }, async () => {
    const { code, log, runDirectory } = await forge(`${write}.forge/forge submit wrong > told.txt\nexec sleep 300`, "--attempts", "1");
    expect(code).toBe(1);
    const told = readFileSync(join(runDirectory, "desk", "told.txt"), "utf8");
    expect(told).toMatch(/^Attempt 1: FAILED\n[\s\S]*\[the budget is spent\. The goal ends here\. No attempt passed/);
    expect(eventsOf(log, "agent-noted").at(-1)!.text).toContain("ended with signal SIGTERM");
  });
});
