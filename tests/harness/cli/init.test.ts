import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { loadSpec } from "../../../specs/load-spec.js";
import { runForge } from "./run-forge.js";

const folder = mkdtempSync(join(tmpdir(), "forge-init-"));
afterAll(() => rmSync(folder, { recursive: true }));

test("the files it writes load as a spec of that name, and it says what to do next", () => {
  const { code, stdout, stderr } = runForge(["init", "fused-gelu"], folder);
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  expect(stdout).toContain("forge goal fused-gelu/");
  const path = /forge goal (\S+)/.exec(stdout)?.[1] ?? "";
  const loaded = loadSpec(join(folder, path));
  expect(loaded.spec.name).toBe("fused-gelu");
  expect(existsSync(loaded.referencePath)).toBe(true);
});

test("it overwrites nothing", () => {
  runForge(["init", "twice"], folder);
  const before = readFileSync(join(folder, "twice/twice.yaml"), "utf8");
  const again = runForge(["init", "twice"], folder);
  expect(again.code).toBe(2);
  expect(again.stderr).toContain("exists and is not overwritten");
  expect(readFileSync(join(folder, "twice/twice.yaml"), "utf8")).toBe(before);
});

test.each(["Gelu", "9lives", "../escape", "a b", ""])("%j is no name", (name) => {
  const { code, stderr } = runForge(["init", name], folder);
  expect(code).toBe(2);
  expect(stderr).toContain("lower-case words");
});
