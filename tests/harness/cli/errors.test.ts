import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { runForge } from "./run-forge.js";

const folder = mkdtempSync(join(tmpdir(), "forge-cli-"));
afterAll(() => rmSync(folder, { recursive: true }));

const rmsnorm = join(process.cwd(), "specs/kernels/rmsnorm.yaml");

/** One message, no stack, exit 2. */
function expectRefusal(commandLine: string[], ...words: string[]) {
  const { code, stdout, stderr } = runForge(commandLine, folder);
  expect(stderr).not.toMatch(/^\s+at /m);
  expect(stdout).toBe("");
  for (const word of words) expect(stderr).toContain(word);
  expect(code).toBe(2);
}

test("an unknown command is refused with the one that was meant", () => expectRefusal(["gaol"], "unknown command 'gaol'", "goal"));
test("an unknown option is refused", () => expectRefusal(["goal", rmsnorm, "--fast"], "unknown option '--fast'"));
test("a missing argument is named", () => expectRefusal(["goal"], "missing required argument 'spec'"));
test("a number that is none is refused with the option's name", () =>
  expectRefusal(["goal", rmsnorm, "--threads", "many"], "--threads", "whole number"));
test("a budget of nothing is refused", () => expectRefusal(["goal", rmsnorm, "--minutes", "0"], "--minutes", "above 0"));
test("a spec that is not there: the file and what to do", () =>
  expectRefusal(["goal", "nowhere/gelu.yaml"], "nowhere/gelu.yaml", "forge init"));
test("an unknown variant: those that there are", () => expectRefusal(["goal", rmsnorm, "--variant", "f8"], "'f8'", "f32, bf16"));
test("an unknown target: those that there are", () => expectRefusal(["goal", rmsnorm, "--target", "m68k"], "'m68k'", "x86-64"));
test("an MCP client is no agent of a goal: what it runs instead", () => expectRefusal(["goal", rmsnorm, "--agent", "mcp"], "forge mcp"));
test("one run cannot be resumed for several goals", () =>
  expectRefusal(["goal", rmsnorm, "--variant", "all", "--resume", "some-run"], "--resume"));
test("a measurement that there is not: those that there are", () =>
  expectRefusal(["bench", "luck"], "verdict, kernels, trainers, curve, sentinels"));
test("showing a run where there are none", () => expectRefusal(["show", "latest"], "forge goal"));
test("checking a folder that is not there", () => expectRefusal(["check", "nothing-here"], "nothing-here"));

test("a spec that is broken: file, line, column, expected, what to do", () => {
  writeFileSync(join(folder, "broken.yaml"), "format: forge-kernel/1\nname: Not A Name\n");
  expectRefusal(["goal", "broken.yaml"], "broken.yaml:", "expected", "to do");
});

test("a folder that says nothing of its exam: how to say it", () => {
  mkdirSync(join(folder, "mine"), { recursive: true });
  expectRefusal(["check", "mine"], "--spec", "--variant");
});

test("FORGE_DEBUG adds the stack", () => {
  expect(runForge(["goal", "nowhere.yaml"], folder, { FORGE_DEBUG: "1" }).stderr).toMatch(/^\s+at /m);
});

test("looking at the runs makes no folder", () => {
  expect(runForge(["runs"], folder)).toMatchObject({ code: 0, stderr: "" });
  expect(runForge(["runs", "--json"], folder)).toEqual({ code: 0, stdout: "", stderr: "" });
  expectRefusal(["show", "latest"], "runs");
});
