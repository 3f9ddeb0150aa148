import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { describeFolder } from "../../../harness/cli/describe-folder.js";
import { runForge } from "./run-forge.js";

const folder = mkdtempSync(join(tmpdir(), "forge-describe-"));
afterAll(() => rmSync(folder, { recursive: true }));
const make = (path: string) => {
  mkdirSync(join(folder, path), { recursive: true });
  return join(folder, path);
};

test("a path that ends in <spec>/<variant>/<target> says it all", () => {
  const path = make("generated/rmsnorm/bf16/wasm-simd");
  expect(describeFolder(path, {})).toEqual({
    specPath: join(process.cwd(), "specs/kernels/rmsnorm.yaml"),
    variant: "bf16",
    target: "wasm-simd",
  });
});

test("so does one that ends in the name of a model", () => {
  const path = make("generated/minicpm-tiny/f32/x86-64");
  expect(describeFolder(path, {})).toEqual({
    specPath: join(process.cwd(), "specs/models/minicpm-tiny.yaml"),
    variant: "f32",
    target: "x86-64",
  });
});

test("what is asked for wins over the path", () => {
  const path = make("generated/rmsnorm/bf16/wasm-simd");
  expect(describeFolder(path, { spec: "my.yaml", variant: "f32", target: "x86-64" })).toEqual({
    specPath: "my.yaml",
    variant: "f32",
    target: "x86-64",
  });
});

test("a path that names no spec gives no variant either", () => {
  expect(() => describeFolder(make("some/where/else"), { spec: "my.yaml" })).toThrow("--variant");
  expect(() => describeFolder(make("some/where/else"), {})).toThrow("--spec");
});

test("a damaged certificate is named, and the folder has failed", () => {
  const path = make("rmsnorm/f32/x86-64");
  writeFileSync(join(path, "certificate.json"), '{"format":"forge-certificate/1"}');
  const { code, stderr } = runForge(["check", path]);
  expect(stderr).toContain("certificate.json is not what was certified");
  expect(code).toBe(1);
});
