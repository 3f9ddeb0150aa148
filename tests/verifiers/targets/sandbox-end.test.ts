import { expect, test } from "vitest";
import { sandboxEndText } from "../../../verifiers/targets/sandbox-end.js";

test("every end of a sandbox is told by its cause", () => {
  expect(sandboxEndText({ kind: "exited", code: 3 })).toBe("exit code 3");
  expect(sandboxEndText({ kind: "signalled", signal: "SIGSEGV" })).toBe("signal SIGSEGV");
  expect(sandboxEndText({ kind: "timeout", afterMs: 1500 })).toBe("out of time after 1500 ms");
  expect(sandboxEndText({ kind: "out-of-memory", usedBytes: 3 * 2 ** 30 })).toContain("out of memory: 3072 MiB");
  expect(sandboxEndText({ kind: "too-many-files", files: 70_000 })).toContain("70000 files");
});
