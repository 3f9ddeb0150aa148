import { spawnSync } from "node:child_process";
import { join, resolve } from "node:path";
import { expect, test } from "vitest";
import { commandName } from "../../../harness/cli/command-name.js";
import { exitCodes, gravestExitCode } from "../../../harness/cli/exit-codes.js";
import { mainPath } from "./run-forge.js";

test("the program names itself as it was started", () => {
  expect(commandName("/usr/local/bin/forge")).toBe("forge");
  expect(commandName("/project/node_modules/.bin/forge")).toBe("npx forge");
  expect(commandName(mainPath)).toBe("./forge");
  expect(commandName(mainPath, join(process.cwd(), "specs"))).toBe("../forge");
});

test("the launcher of the repository starts the program from anywhere", () => {
  const { stdout, status } = spawnSync(resolve("forge"), ["--help"], { cwd: "/", encoding: "utf8" });
  expect(status).toBe(0);
  expect(stdout).toContain("Usage: forge");
});

test("of several goals the gravest end counts", () => {
  const { ok, failed, undecided, errored, interrupted } = exitCodes;
  expect(gravestExitCode([])).toBe(ok);
  expect(gravestExitCode([ok, undecided, ok])).toBe(undecided);
  expect(gravestExitCode([undecided, failed])).toBe(failed);
  expect(gravestExitCode([failed, errored])).toBe(errored);
  expect(gravestExitCode([errored, interrupted])).toBe(interrupted);
});
