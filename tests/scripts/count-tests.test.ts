import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";

const folder = mkdtempSync(join(tmpdir(), "forge-count-"));
afterAll(() => rmSync(folder, { recursive: true }));

function count(report: string | object, ...more: string[]) {
  const path = join(folder, "report.json");
  writeFileSync(path, typeof report === "string" ? report : JSON.stringify(report));
  const { stdout, status } = spawnSync(process.execPath, ["scripts/count-tests.mjs", path, ...more], { encoding: "utf8" });
  return { line: stdout, status };
}

const allPassed = { numPassedTests: 5, numFailedTests: 0, numPendingTests: 0, numTodoTests: 0, testResults: [] };

test("passed only: exit 0", () => {
  expect(count(allPassed)).toEqual({ line: "5 passed, 0 failed\n", status: 0 });
});

test("skipped ones are told", () => {
  expect(count({ ...allPassed, numPendingTests: 2 })).toEqual({ line: "5 passed, 0 failed, 2 skipped\n", status: 0 });
});

test("a file that does not load is a failure", () => {
  expect(count({ ...allPassed, testResults: [{ status: "failed", assertionResults: [] }] })).toEqual({
    line: "5 passed, 1 failed\n",
    status: 1,
  });
});

test("a failure beside the tests is one", () => {
  expect(count(allPassed, "1")).toEqual({ line: "5 passed, 1 failed\n", status: 1 });
});

test("no test, or no report, is no success", () => {
  expect(count({ ...allPassed, numPassedTests: 0 }).status).toBe(1);
  expect(count("torn{")).toEqual({ line: "0 passed, 1 failed\n", status: 1 });
});
