import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { publishContent, replaceFile } from "../../../verifiers/replace-file.js";
import { makeScratchFolder, sweepScratchFolders } from "../../../verifiers/targets/scratch-folder.js";
import { temporaryFolder } from "../../harness/temporary-folder.js";

test("the folder of a killed process is swept, those of living ones and of others stay", () => {
  const parent = temporaryFolder();
  const program = fileURLToPath(new URL("scratch-program.ts", import.meta.url));
  const ended = spawnSync(process.execPath, ["--import", "tsx", program, parent], { encoding: "utf8" });
  expect(ended.signal).toBe("SIGKILL");
  expect(existsSync(join(ended.stdout, "kernel.c"))).toBe(true);
  const mine = makeScratchFolder("arena", parent);
  // Made in another container or before the last boot: its process cannot be looked for here.
  const elsewhere = join(parent, "forge-arena-00000000-1-1-abcdef");
  for (const folder of [elsewhere, join(parent, "forge-arena-old")]) mkdirSync(folder);
  sweepScratchFolders([parent]);
  expect(existsSync(ended.stdout)).toBe(false);
  expect(readdirSync(parent).sort()).toEqual(
    [mine, elsewhere, join(parent, "forge-arena-old")].map((path) => path.slice(parent.length + 1)).sort(),
  );
});

test("a file of the cache is replaced whole, and a failure leaves no draft", () => {
  const folder = temporaryFolder();
  const path = join(folder, "deep", "peaks.json");
  replaceFile(path, "one");
  replaceFile(path, "two");
  expect(readdirSync(join(folder, "deep"))).toEqual(["peaks.json"]);
  mkdirSync(join(folder, "taken"));
  writeFileSync(join(folder, "taken", "file"), "");
  expect(() => replaceFile(join(folder, "taken"), "three")).toThrow(/EISDIR|ENOTEMPTY|EEXIST/);
  expect(readdirSync(folder).sort()).toEqual(["deep", "taken"]);
});

test("an object of the cache that is there already stays the file that it is, for it may be about to be mounted", () => {
  const folder = temporaryFolder();
  const path = join(folder, "objects", "kernel.so");
  publishContent(path, "one");
  const { ino } = statSync(path);
  publishContent(path, "one");
  expect(statSync(path).ino).toBe(ino);
  expect(readFileSync(path, "utf8")).toBe("one");
  // Half a file, as a power failure leaves one.
  writeFileSync(path, "o");
  publishContent(path, "one");
  expect(readFileSync(path, "utf8")).toBe("one");
  expect(readdirSync(join(folder, "objects"))).toEqual(["kernel.so"]);
});
