import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { generateKernelHeader } from "../../specs/kernel-header.js";
import { loadSpec } from "../../specs/load-spec.js";
import { publishedSchema } from "../../specs/published-schema.js";
import { changed, refusalOf, rmsnormText, writeSpec } from "./spec-folder.js";

describe("loadSpec", () => {
  it.each(["rmsnorm", "linear", "softmax-cross-entropy"])("accepts the shipped %s", (name) => {
    const { spec, hash, referenceHash } = loadSpec(`specs/kernels/${name}.yaml`);
    expect(spec.name).toBe(name);
    expect(hash).toMatch(/^[0-9a-f]{64}$/);
    expect(referenceHash).toMatch(/^[0-9a-f]{64}$/);
  });

  it("accepts anchors that are used sparingly", () => {
    const { text } = changed("weight: { role: input", "weight: &gain { role: input");
    const twice = text.replace(/(rmsnorm_backward:[\s\S]*?weight: )\{[^\n]*/, "$1*gain");
    expect(loadSpec(writeSpec(twice)).spec.entries.rmsnorm_backward!.buffers.weight!.shape).toEqual(["dim"]);
  });

  it("is published for editors as it stands", () => {
    expect(readFileSync("specs/schema/kernel-spec.schema.json", "utf8"), "run npm run schema").toBe(publishedSchema());
  });
});

describe("row 45: a schema error names file, line and column, what was expected and what to do", () => {
  it.each<[string, string | RegExp, string, RegExp]>([
    [
      "a misspelt key",
      "    flops: 4 *",
      "    flop: 4 *",
      /unknown key "flop" in entries\.rmsnorm_forward.*\n.*one of direction.*\n.*did you mean "flops"\?/,
    ],
    [
      "an unknown regime",
      "- subnormal",
      "- subnormals",
      /regimes\[5\] is "subnormals".*\n.*one of normal, log_uniform.*\n.*did you mean "subnormal"\?/,
    ],
    ["an unknown role", "x: { role: input,", "x: { role: inputs,", /buffers\.x\.role is "inputs".*\n.*one of input, output/],
    ["a misspelt role", "x: { role: input,", "x: { rol: input,", /unknown key "rol".*\n.*\n.*did you mean "role"\?/],
    ["no role", "x: { role: input,", "x: {", /x lacks the key "role"\n.*one of input, output/],
    ["no kind", "draw: { kind: signal }", "draw: { scale: 2 }", /draw lacks the key "kind"\n.*one of signal, weight, index, from/],
    [
      "a key that only outputs have",
      "x: { role: input,",
      "x: { slice: [rows], role: input,",
      /unknown key "slice" in entries\.rmsnorm_forward\.buffers\.x/,
    ],
    [
      "an unknown draw",
      "draw: { kind: signal } }",
      "draw: { kind: noise } }",
      /draw\.kind is "noise".*\n.*one of signal, weight, index, from/,
    ],
    ["a draw that lacks a key", ", spread: 0.25", "", /buffers\.weight\.draw lacks the key "spread"/],
    [
      "an unknown type",
      "x: { role: input, type: store",
      "x: { role: input, type: float",
      /x\.type is "float".*\n.*one of store, accumulate, f32, bf16, i32/,
    ],
    ["text for a number", "hidden: 24", "hidden: many", /cases\.hidden is "many".*\n.*a whole number/],
    ["an empty value", "hidden: 24", "hidden:", /cases\.hidden is empty/],
    ["a name that is no identifier", "  rmsnorm_forward:\n", "  RMSNorm:\n", /"RMSNorm" cannot be a name in entries/],
    ["an upper limit", "hidden: 24", "hidden: 1000", /must be <= 200/],
    ["a wrong format", "forge-kernel/1", "forge-kernel/2", /format is "forge-kernel\/2".*\n.*forge-kernel\/1/],
  ])("%s", (_, from, to, expected) => {
    const { text, line } = changed(from, to);
    const path = writeSpec(text);
    const error = refusalOf(text, path);
    expect(error.message).toMatch(expected);
    expect(error.message.startsWith(`${path}:${line}:`)).toBe(true);
    expect(error.message).toMatch(/\n {2}expected: .+\n {2}to do: .+/);
    expect(error.line).toBe(line);
  });

  it("a missing key is shown at the mapping that lacks it", () => {
    const error = refusalOf(changed(/^gates:\n.*\n.*\n/m, "").text);
    expect(error.message).toMatch(/the spec lacks the key "gates"/);
  });

  it("bad syntax", () => {
    const error = refusalOf(changed("hidden: 24", "hidden: [24").text);
    expect(error.problem).toMatch(/not valid YAML/);
    expect(error.line).toBeGreaterThan(20);
  });

  it.each([
    ["an empty file", ""],
    ["a list", "- 1"],
    ["two documents", `${rmsnormText}\n---\n${rmsnormText}`],
  ])("%s", (_, text) => {
    expect(refusalOf(text).expected).not.toBe("");
  });
});

describe("generateKernelHeader", () => {
  it("cannot be left through a description", () => {
    const { text } = changed("description: Kept for the backward pass.", 'description: "*/ int evil; /*"');
    const { spec } = loadSpec(writeSpec(text));
    expect(generateKernelHeader(spec, spec.variants.f32!)).not.toContain("*/ int evil");
  });

  it("passes storage as the variant's type, then sizes, then scalars", () => {
    const { spec } = loadSpec("specs/kernels/rmsnorm.yaml");
    expect(generateKernelHeader(spec, spec.variants.bf16!)).toContain(
      "int rmsnorm_forward(const forge_bf16 *x, const forge_bf16 *weight, forge_bf16 *y, float *rstd, int64_t rows, int64_t dim, float eps);",
    );
  });
});
