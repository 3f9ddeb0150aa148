import { execFileSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { expect, test } from "vitest";
import { gitBlobHash, gitTreeHash } from "../../harness/git-tree.js";
import { temporaryFolder } from "./temporary-folder.js";

test("trees and blobs hash as git hashes them, folders sorted with their slash", () => {
  const folder = temporaryFolder();
  // "a.c" < "a/" < "a0" by bytes, and so for the deeper ones.
  const names = ["a.c", "a/inner.c", "a0", "a-b", "z/y/x/deep.h", "z/y.h", "Z.c", "empty"];
  const files = new Map(names.map((name) => [name, Buffer.from(name === "empty" ? "" : `// ${name}\n`)]));
  for (const [name, bytes] of files) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), bytes);
  }
  const git = (...words: string[]) =>
    execFileSync("git", ["-C", folder, ...words])
      .toString()
      .trim();
  git("init", "-q");
  git("add", "--all");
  expect(gitTreeHash(files)).toBe(git("write-tree"));
  expect(gitBlobHash(files.get("a.c")!)).toBe(git("hash-object", "a.c"));
  expect(gitTreeHash(new Map())).toBe("4b825dc642cb6eb9a060e54bf8d69288fbee4904");
});
