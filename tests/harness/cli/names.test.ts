import { expect, test } from "vitest";
import { commandName } from "../../../harness/cli/command-name.js";
import { exitCodes, gravestExitCode } from "../../../harness/cli/exit-codes.js";

test("the program names itself as it was started", () => {
  expect(commandName("/usr/local/bin/forge")).toBe("forge");
  expect(commandName("/project/node_modules/.bin/forge")).toBe("npx forge");
  expect(commandName("/project/dist/harness/cli/main.js")).toBe("npx forge");
});

test("of several goals the gravest end counts", () => {
  const { ok, failed, undecided, errored, interrupted } = exitCodes;
  expect(gravestExitCode([])).toBe(ok);
  expect(gravestExitCode([ok, undecided, ok])).toBe(undecided);
  expect(gravestExitCode([undecided, failed])).toBe(failed);
  expect(gravestExitCode([failed, errored])).toBe(errored);
  expect(gravestExitCode([errored, interrupted])).toBe(interrupted);
});
