import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { acceptedFolders, readRecords } from "../../../harness/store/shipped-records.js";
import type { SpeedFigure } from "../../../specs/contracts/verdict.js";
import { temporaryFolder } from "../temporary-folder.js";
import { runForge } from "./run-forge.js";

test("a shipped record is shown under the name of its run, where no such run is here", () => {
  const [folder] = acceptedFolders("generated");
  const [{ line }] = readRecords(folder!);
  const runs = temporaryFolder();
  const told = runForge(["show", line.run, "--runs", runs]);
  expect(told).toMatchObject({ code: 0, stderr: "" });
  expect(told.stdout).toContain(`run       ${line.run}`);
  expect(told.stdout).toMatch(/accepted; this is its record\n$/);
  const json = runForge(["show", line.run, "--runs", runs, "--json"]);
  expect(json.stdout).toBe(readFileSync(join(folder!.path, "record.jsonl"), "utf8"));
  expect(runForge(["show", "absent", "--runs", runs])).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('there is no run "absent"') as string,
  });
});

test("the list has shipped runs as well, with what their certificates say", () => {
  const listed = runForge(["runs", "--runs", temporaryFolder(), "--json"]).stdout.trimEnd().split("\n");
  const lines = listed.map((line) => JSON.parse(line) as { run: string; bestRatio: number; record: string });
  const folders = acceptedFolders("generated");
  expect([...new Set(lines.map(({ record }) => record))].sort()).toEqual(folders.map(({ path }) => path).sort());
  for (const { path } of folders) {
    const { figures } = JSON.parse(readFileSync(join(path, "certificate.json"), "utf8")) as { figures: SpeedFigure[] };
    const mean = Math.exp(figures.reduce((sum, { ratio }) => sum + Math.log(ratio), 0) / figures.length);
    const [{ line }] = readRecords({ name: path, path });
    expect(lines.find(({ run }) => run === line.run)!.bestRatio).toBeCloseTo(mean, 6);
  }
  expect(runForge(["runs", "--runs", "absent", "--generated", "absent"])).toMatchObject({
    code: 0,
    stdout: expect.stringContaining("no runs yet"),
  });
});
