import { execFileSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { candidateBytes } from "../../harness/candidate-files.js";
import { readCandidateFolder, writeCandidateFolder } from "../../harness/candidate-folder.js";
import { sampleCandidate } from "./sample-run.js";
import { temporaryFolder } from "./temporary-folder.js";

function folderWith(manifest: unknown, files: Record<string, string> = { "kernel.c": "int x;\n" }): string {
  const folder = temporaryFolder();
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
  writeFileSync(join(folder, "forge.json"), typeof manifest === "string" ? manifest : JSON.stringify(manifest));
  return folder;
}

const manifest = { language: "c", compiler: "gcc", units: [{ source: "kernel.c", flags: ["-O2"] }], linkFlags: [] };

test("a candidate comes back from a folder as it was written", () => {
  const folder = temporaryFolder();
  writeCandidateFolder(folder, sampleCandidate("\ufeffint é; // \u{1f600}\r\n"));
  expect(readCandidateFolder(folder)).toEqual(sampleCandidate("\ufeffint é; // \u{1f600}\r\n"));
});

test("what Forge puts beside a candidate, and hidden entries, are not part of it", () => {
  const folder = folderWith(manifest);
  for (const name of ["certificate.json", "record.jsonl", "README.md", ".editorconfig"]) writeFileSync(join(folder, name), "x");
  mkdirSync(join(folder, ".git"));
  expect(Object.keys(readCandidateFolder(folder).files)).toEqual(["kernel.c"]);
});

test.each([
  ["../outside.c", "leads out"],
  ["inner/../../outside.c", "leads out"],
  ["/etc/passwd", "absolute"],
  ["a\0b.c", "component"],
  ["a:b.c", "component"],
  ["a\\b.c", "component"],
  [".git/config", "component"],
  ["inner/.GIT/hooks/post-commit", "component"],
  [".gitattributes", "component"],
  ["a//b.c", "component"],
  ["./a.c", "component"],
  ["-o.c", "component"],
  ["", "empty"],
  ["a/".repeat(9).concat("b.c"), "deeper"],
  ["x".repeat(201), "longer"],
  ["__proto__", "reserved"],
  ["forge.json", "written by Forge"],
  ["certificate.json", "written by Forge"],
])("the file name %j is refused, and nothing is written", (name, reason) => {
  const folder = temporaryFolder();
  const candidate = sampleCandidate();
  const files = Object.fromEntries([...Object.entries(candidate.files), [name, "x"]]);
  expect(() => writeCandidateFolder(join(folder, "inside"), { ...candidate, files })).toThrow(reason);
  expect(readdirSync(folder)).toEqual([]);
});

test("too many files, a file that is too large, text that is no Unicode, and a file that is also a folder are refused", () => {
  const candidate = sampleCandidate();
  const withFiles = (files: Record<string, string>) => ({ ...candidate, files: { ...candidate.files, ...files } });
  expect(() => candidateBytes(withFiles(Object.fromEntries(Array.from({ length: 63 }, (_, i) => [`f${i}.c`, ""]))))).toThrow(
    "65 files, at most 64",
  );
  expect(() => candidateBytes(withFiles({ "big.c": "x".repeat(1_000_001) }))).toThrow("big.c has 1000001 bytes");
  expect(() => candidateBytes(withFiles({ "odd.c": "\ud800" }))).toThrow("odd.c holds text that is not valid Unicode");
  expect(() => candidateBytes(withFiles({ inner: "" }))).toThrow('"inner" is both a file and the folder of "inner/part.h"');
});

test.each([
  [{ ...manifest, compiler: 3 }, "compiler must be string"],
  [{ ...manifest, language: "rust" }, "language must be"],
  [{ ...manifest, units: [{ source: "kernel.c", flags: "-O2" }] }, "units[0].flags must be array"],
  [{ ...manifest, units: [{ source: "other.c", flags: [] }] }, 'units[0].source names "other.c", which is not among the files (kernel.c)'],
  [{ ...manifest, units: [] }, "units must NOT have fewer than 1"],
  [{ ...manifest, shell: "rm" }, 'unknown key "shell"'],
  [{ ...manifest, chosen: { TILE: 1.5 } }, "chosen.TILE must be integer"],
  [{ ...manifest, tunables: { "A B": [1] } }, 'tunables has the unknown key "A B"'],
  ['{"language":"c","__proto__":{"compiler":"gcc"}}', "must have required property 'compiler'"],
  [
    `{"language":"c","compiler":"gcc","compiler":"clang","units":[{"source":"kernel.c","flags":[]}],"linkFlags":[]}`,
    "line 1: the same key twice",
  ],
  [
    `{"language":"c","compiler":"gcc","units":[{"source":"kernel.c","flags":[]}],"linkFlags":[],"chosen":{"A":1e400}}`,
    "chosen.A must be integer",
  ],
  ["{", "is not JSON"],
])("forge.json %j is refused by name and key", (content, reason) => {
  const folder = folderWith(content);
  expect(() => readCandidateFolder(folder)).toThrow(reason);
  expect(() => readCandidateFolder(folder)).toThrow(join(folder, "forge.json"));
});

test("a missing forge.json, an absent folder and text that is not UTF-8 are named", () => {
  expect(() => readCandidateFolder(temporaryFolder())).toThrow("forge.json is missing");
  expect(() => readCandidateFolder("/nonexistent/candidate")).toThrow("/nonexistent/candidate cannot be read");
  const folder = folderWith(manifest);
  writeFileSync(join(folder, "latin.c"), Buffer.from([0x2f, 0x2f, 0xe9]));
  expect(() => readCandidateFolder(folder)).toThrow("latin.c is not UTF-8 text");
});

test("symbolic links are refused, where plain reading would follow them out of the folder", () => {
  const folder = folderWith(manifest);
  symlinkSync("/etc/hostname", join(folder, "linked.c"));
  expect(readFileSync(join(folder, "linked.c"), "utf8")).toBe(readFileSync("/etc/hostname", "utf8"));
  expect(() => readCandidateFolder(folder)).toThrow("linked.c is a symbolic link");
});

test("a FIFO is refused at once, where plain reading would never return", () => {
  const folder = folderWith(manifest);
  execFileSync("mkfifo", [join(folder, "pipe.c")]);
  expect(() => execFileSync("cat", [join(folder, "pipe.c")], { timeout: 300 })).toThrow("ETIMEDOUT");
  expect(() => readCandidateFolder(folder)).toThrow("pipe.c is a FIFO");
});
