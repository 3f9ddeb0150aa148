import { cpSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { packageRoot } from "../../harness/package-root.js";
import { verifierHash } from "../../harness/verifier-hash.js";
import { temporaryFolder } from "./temporary-folder.js";

function smallPackage(): string {
  const root = temporaryFolder();
  for (const folder of ["verifiers/align", "specs/contracts", "reference-kernels"]) mkdirSync(join(root, folder), { recursive: true });
  writeFileSync(join(root, "verifiers/align/gate.ts"), "export const bound = 1;\n");
  writeFileSync(join(root, "specs/schema.ts"), "export {};\n");
  writeFileSync(join(root, "reference-kernels/forge.h"), "#pragma once\n");
  return root;
}

test("the package's root is the folder of its package.json", () => {
  expect(JSON.parse(readFileSync(join(packageRoot(), "package.json"), "utf8")).name).toBe("@forge-engineering/forge");
});

test("any changed, renamed or added source of a verdict changes the hash; anything else does not", () => {
  const root = smallPackage();
  const before = verifierHash(root);
  mkdirSync(join(root, "dist/verifiers/align"), { recursive: true });
  writeFileSync(join(root, "dist/verifiers/align/gate.js"), "built");
  writeFileSync(join(root, "verifiers/notes.md"), "text");
  writeFileSync(join(root, "specs/rmsnorm.yaml"), "its own hash");
  writeFileSync(join(root, "specs/contracts/agent.ts"), "who writes, not who judges");
  expect(verifierHash(root)).toBe(before);
  const copy = join(temporaryFolder(), "elsewhere");
  cpSync(root, copy, { recursive: true });
  expect(verifierHash(copy)).toBe(before);
  const seen = new Set([before]);
  const differs = () => {
    const hash = verifierHash(root);
    expect(seen).not.toContain(hash);
    seen.add(hash);
  };
  writeFileSync(join(root, "verifiers/align/gate.ts"), "export const bound = 2;\n");
  differs();
  renameSync(join(root, "verifiers/align/gate.ts"), join(root, "verifiers/align/other.ts"));
  differs();
  writeFileSync(join(root, "verifiers/align/runner.c"), "");
  differs();
  writeFileSync(join(root, "reference-kernels/forge.h"), "");
  differs();
  writeFileSync(join(root, "specs/contracts/verdict.ts"), "");
  differs();
});

test("a worker in one file knows the hash of either examiner from its package.json, and an older one is told to be made again", () => {
  const root = temporaryFolder();
  // The text that trainers train on lies there too.
  mkdirSync(join(root, "specs/models/text"), { recursive: true });
  const says = (facts: object) => writeFileSync(join(root, "package.json"), JSON.stringify(facts));
  says({ verifierHashes: { "forge-kernel/1": "a", "forge-trainer/1": "b" } });
  expect([verifierHash(root), verifierHash(root, "forge-trainer/1")]).toEqual(["a", "b"]);
  says({ verifierHash: "a" });
  expect(() => verifierHash(root)).toThrow("make the bundle again");
});
