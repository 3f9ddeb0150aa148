import { spawn } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { mainPath } from "../../harness/cli/run-forge.js";
import { untilEnd } from "../../harness/store/child.js";
import { lastingFolder } from "../../small-spec.js";
import { rmsnormSources as sources } from "../agents/mind-sources.js";
import { acceptedSource, eventsOf, minutes, projectOf } from "../agents/model-goal.js";
import { startWaitingGoal, type, type WaitingGoal } from "./waiting-goal.js";

const lay = ({ desk }: WaitingGoal, kernel: string, manifest = sources.manifest): void => {
  writeFileSync(join(desk, "kernel.c"), kernel);
  writeFileSync(join(desk, "forge.json"), manifest);
};
const textIn = ({ desk }: WaitingGoal, name: string): string => readFileSync(join(desk, name), "utf8");

describe("a person in the folder of a waiting goal", () => {
  const folder = projectOf(sources);

  it("is told what is wrong, wherever they stand, and ends the goal without anything accepted", { timeout: 3 * minutes }, async () => {
    const goal = await startWaitingGoal(folder);
    expect(textIn(goal, "AGENTS.md")).toContain("# The goal: rmsnorm, f32, on x86-64");

    expect(type(goal.desk, "submit", "nothing yet")).toEqual({ code: 2, said: expect.stringContaining("the workspace is empty") });
    lay(goal, sources.wrong, '{ "language": "c", }');
    expect(type(goal.desk, "check")).toEqual({ code: 2, said: expect.stringMatching(/forge\.json/) });

    lay(goal, sources.wrong);
    writeFileSync(join(goal.desk, "a.out"), Buffer.from([0x7f, 0x45, 0x4c, 0x46, 0xff, 0xfe]));
    const inside = join(goal.desk, "notes");
    mkdirSync(inside);
    const checked = type(inside, "check");
    expect(checked).toEqual({
      code: 1,
      said: expect.stringMatching(/^FAILED [\s\S]*\[not taken from the folder: a\.out \(not UTF-8 text\)\]/),
    });
    expect(existsSync(join(goal.desk, "a.out"))).toBe(true);

    const elsewhere = lastingFolder();
    for (const words of [["submit", "x"], ["submit", "--done"], ["profile", "rmsnorm_forward"], ["mcp"]])
      expect(type(elsewhere, ...words)).toEqual({ code: 2, said: expect.stringMatching(/^error: no goal waits for work in this folder/) });
    expect(type(goal.desk, "submit")).toEqual({ code: 2, said: expect.stringContaining("say in one line") });
    expect(type(goal.desk, "profile", "rmsnorm_sideways")).toEqual({
      code: 2,
      said: expect.stringContaining("there are: rmsnorm_forward"),
    });

    expect(type(inside, "submit", "the first")).toEqual({ code: 1, said: expect.stringMatching(/^Attempt 1: FAILED\n/) });
    expect(type(goal.desk, "submit", "the second")).toEqual({ code: 1, said: expect.stringMatching(/^Attempt 2: FAILED\n/) });
    expect(type(goal.desk, "submit", "--done")).toEqual({ code: 0, said: expect.stringContaining("nothing is accepted") });
    expect(await goal.ended).toMatchObject({ code: 1 });
    expect(eventsOf(goal.log(), "attempt-submitted").map(({ summary }) => summary)).toEqual(["the first", "the second"]);
    expect(type(goal.desk, "submit", "too late")).toEqual({ code: 2, said: expect.stringContaining("no goal waits for work") });
  });

  it("finds the folder as they left it, after Ctrl-C and --resume as after a kill", { timeout: 3 * minutes }, async () => {
    let goal = await startWaitingGoal(folder);
    lay(goal, sources.wrong);
    writeFileSync(join(goal.desk, "given-up.h"), "/* given up */\n");
    expect(type(goal.desk, "submit", "wrong").code).toBe(1);

    writeFileSync(join(goal.desk, "kernel.c"), `/* edited, not submitted */\n${sources.right}`);
    writeFileSync(join(goal.desk, "tiles.h"), "/* new, not submitted */\n");
    spawn("rm", [join(goal.desk, "given-up.h")]);
    goal.child.kill("SIGINT");
    expect(await goal.ended).toMatchObject({ code: 130 });
    expect(type(goal.desk, "submit", "while nobody waits").code).toBe(2);
    writeFileSync(join(goal.desk, "tiles.h"), "/* edited while no Forge ran */\n");

    for (const end of ["SIGKILL", "SIGINT"] as const) {
      goal = await startWaitingGoal(folder, ["--resume", goal.run]);
      expect(textIn(goal, "kernel.c")).toBe(`/* edited, not submitted */\n${sources.right}`);
      expect(textIn(goal, "tiles.h")).toBe("/* edited while no Forge ran */\n");
      expect(existsSync(join(goal.desk, "given-up.h"))).toBe(false);
      goal.child.kill(end);
      await goal.ended;
      if (end === "SIGKILL")
        expect(type(goal.desk, "check")).toEqual({ code: 2, said: expect.stringMatching(/does not answer any more.*--resume rmsnorm-/) });
    }
  });

  it("loses neither what they write while an attempt is judged, nor its verdict when they hang up", { timeout: 3 * minutes }, async () => {
    const goal = await startWaitingGoal(folder);
    lay(goal, sources.wrong);
    const submit = spawn(process.execPath, [mainPath, "submit", "wrong"], { cwd: goal.desk, stdio: ["ignore", "pipe", "pipe"] });
    const said = untilEnd(submit);
    await goal.event(({ type: kind }) => kind === "check-started");
    writeFileSync(join(goal.desk, "kernel.c"), sources.right);
    expect((await said).lines.join("\n")).toMatch(
      /^Attempt 1: FAILED[\s\S]*\[changed in the folder since this began, and left as you have it: kernel\.c\]$/,
    );
    expect(textIn(goal, "kernel.c")).toBe(sources.right);

    writeFileSync(join(goal.desk, "kernel.c"), sources.wrong);
    const impatient = spawn(process.execPath, [mainPath, "submit", "wrong again"], { cwd: goal.desk, stdio: "ignore" });
    await goal.event((event) => event.type === "check-started" && event.attempt === 2);
    impatient.kill("SIGKILL");
    expect(type(goal.desk, "submit", "wrong again")).toEqual({ code: 1, said: expect.stringMatching(/^Attempt 2: FAILED\n/) });
    // Told once; the same words again are a new attempt.
    expect(type(goal.desk, "submit", "wrong again")).toEqual({ code: 1, said: expect.stringMatching(/^Attempt 3: FAILED\n/) });
    goal.child.kill("SIGINT");
    await goal.ended;
  });

  it("has the best of their attempts accepted", { timeout: 10 * minutes }, async () => {
    const goal = await startWaitingGoal(folder);
    lay(goal, sources.faster);
    expect(type(goal.desk, "check")).toEqual({ code: 0, said: expect.stringMatching(/^PASSED \(public cases only\)\n/) });
    expect(type(goal.desk, "profile", "rmsnorm_forward")).toEqual({ code: 0, said: expect.stringContaining("rmsnorm_forward") });
    let submitted = type(goal.desk, "submit", "fast");
    // Somebody else's minute of work is no fault of theirs.
    for (let again = 1; submitted.code === 4 && again <= 3; again++) submitted = type(goal.desk, "submit", `fast, measured again ${again}`);
    expect(submitted).toEqual({ code: 0, said: expect.stringMatching(/^Attempt \d: SURPASSED\n/) });
    expect(type(goal.desk, "submit", "--done")).toEqual({ code: 0, said: expect.stringContaining("its best attempt is accepted") });
    expect(await goal.ended).toMatchObject({ code: 0, errors: "" });
    expect(acceptedSource(folder, sources)).toBe(sources.faster);
  });
});
