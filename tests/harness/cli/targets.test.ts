import { expect, test } from "vitest";
import { runForge } from "./run-forge.js";

test("forge targets says which chips are here and what protection is in force", () => {
  const { code, stdout, stderr } = runForge(["targets"]);
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  expect(stdout).toMatch(/^x86-64: /m);
  expect(stdout).toMatch(/^wasm-simd: /m);
  expect(stdout).toMatch(/^sandbox: bubblewrap /m);
});

test("with --json it prints one object", () => {
  const { stdout } = runForge(["targets", "--json"]);
  const parsed: unknown = JSON.parse(stdout);
  expect(parsed).toMatchObject({ sandbox: { kind: "bubblewrap" }, targets: [{ target: "x86-64" }, { target: "wasm-simd" }] });
});
