import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { acceptedFolders, readRecord } from "../../../harness/dashboard/record-runs.js";
import { temporaryFolder } from "../temporary-folder.js";
import { runForge } from "./run-forge.js";

test("a shipped record is shown under the name of its run, where no such run is here", () => {
  const [folder] = acceptedFolders("generated");
  const { row } = readRecord(folder!);
  const runs = temporaryFolder();
  const told = runForge(["show", row.run, "--runs", runs]);
  expect(told).toMatchObject({ code: 0, stderr: "" });
  expect(told.stdout).toContain(`run       ${row.run}`);
  expect(told.stdout).toMatch(/accepted; this is its record\n$/);
  const json = runForge(["show", row.run, "--runs", runs, "--json"]);
  expect(json.stdout).toBe(readFileSync(join(folder!.path, "record.jsonl"), "utf8"));
  expect(runForge(["show", "absent", "--runs", runs])).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('there is no run "absent"') as string,
  });
});
