import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { type ModelOutline, readModelConfig } from "../../../harness/model-config/read-model-config.js";
import { trainerSpecText } from "../../../harness/model-config/trainer-spec-text.js";
import { SpecError } from "../../../specs/spec-error.js";
import { loadTrainerSpec } from "../../../specs/trainer/load-trainer-spec.js";

const folder = mkdtempSync(join(tmpdir(), "forge-model-config-"));
afterAll(() => rmSync(folder, { recursive: true }));

type Fields = Record<string, unknown>;
const fixture = (name: string) => JSON.parse(readFileSync(`tests/harness/cli/fixtures/${name}.config.json`, "utf8")) as Fields;
const llama = fixture("minicpm5-1b");
const miniCpm = fixture("minicpm4-0.5b");

function writeText(text: string): string {
  const path = join(folder, "config.json");
  writeFileSync(path, text);
  return path;
}

/** `undefined` in `changes` takes a field out. */
const read = (base: Fields, changes: Fields = {}): ModelOutline =>
  readModelConfig(writeText(JSON.stringify({ ...base, ...changes }, null, 2)));

function refusalOf(path: string): SpecError {
  try {
    readModelConfig(path);
  } catch (error) {
    if (error instanceof SpecError) return error;
    throw error;
  }
  throw new Error("the config was accepted");
}

/** The line of a field in what was written last; 1 for what is not there. */
function lineOf(field: string): number {
  const lines = readFileSync(join(folder, "config.json"), "utf8").split("\n");
  return (
    Math.max(
      0,
      lines.findIndex((line) => line.includes(`"${field}":`)),
    ) + 1
  );
}

describe("what a file may leave out", () => {
  it("head_dim: hidden_size over heads", () => {
    expect(read(llama, { head_dim: undefined }).shape.head_dim).toBe(96);
    expect(read(llama, { head_dim: null }).shape.head_dim).toBe(96);
    expect(read(miniCpm).shape.head_dim).toBe(64);
  });

  it("num_key_value_heads: one for each query head", () => {
    expect(read(llama, { num_key_value_heads: undefined }).shape.kv_heads).toBe(16);
    expect(read(llama, { num_key_value_heads: null }).shape.kv_heads).toBe(16);
  });

  it("tie_word_embeddings: what its class takes", () => {
    expect(read(llama, { tie_word_embeddings: undefined }).shape.tied).toBe(false);
    expect(read(miniCpm, { tie_word_embeddings: undefined }).shape.tied).toBe(true);
    expect(read(llama, { tie_word_embeddings: true }).shape.tied).toBe(true);
  });

  it("architectures, where model_type says the class", () => {
    expect(read(llama, { architectures: undefined }).className).toBe("LlamaForCausalLM");
    expect(read(miniCpm, { architectures: undefined }).className).toBe("MiniCPMForCausalLM");
    expect(read(llama, { model_type: undefined }).className).toBe("LlamaForCausalLM");
  });

  it("rope_theta: at the top, in rope_parameters, or the 10,000 of files that are older than it", () => {
    expect(read(llama).ropeBase).toBe(5e6);
    const inside = { rope_theta: undefined, rope_scaling: undefined, rope_parameters: { rope_theta: 5e5, rope_type: "default" } };
    expect(read(llama, inside).ropeBase).toBe(5e5);
    expect(read(llama, { rope_theta: undefined }).ropeBase).toBe(1e4);
    expect(read(llama, { rope_scaling: { type: "default" } }).ropeBase).toBe(5e6);
  });

  it("max_position_embeddings; where it is short, batches are no longer", () => {
    expect(read(llama, { max_position_embeddings: undefined }).positions).toBe(null);
    const path = join(folder, "short.yaml");
    writeFileSync(path, trainerSpecText("short", read(llama, { max_position_embeddings: 16 })));
    writeFileSync(join(folder, "short.c"), "");
    const { training, exam } = loadTrainerSpec(path).spec;
    expect([training.length, exam.own.length]).toEqual([16, 16]);
  });
});

it("scales are MiniCPM's", () => {
  expect(read(miniCpm).mup).toEqual({ embedding_scale: 12, depth_scale: 1.4, base_width: 256 });
  expect(read(llama).mup).toBe(undefined);
});

it("a class that has none of them is not asked for what says nothing of the model", () => {
  expect(read(llama, { _name_or_path: "x/y", transformers_version: "5.17.0", head_dim: 128, layer_types: null }).shape.layers).toBe(24);
  expect(read(llama, { layer_types: Array(24).fill("full_attention"), sliding_window: null, num_experts: 0 }).shape.layers).toBe(24);
});

describe("every refusal names file, line, field, what was expected and what to do", () => {
  it.each<[string, Fields, Fields, string, RegExp]>([
    [
      "a missing field",
      llama,
      { hidden_size: undefined },
      "",
      /hidden_size is missing\n.*a whole number from 1 to 65536.*\n.*add "hidden_size"/,
    ],
    ["no eps", llama, { rms_norm_eps: null }, "", /rms_norm_eps is missing/],
    ["no scale", miniCpm, { scale_depth: undefined }, "", /scale_depth is missing/],
    ["text for a number", llama, { num_hidden_layers: "24" }, "num_hidden_layers", /num_hidden_layers is "24"\n.*\n.*without quotes/],
    ["zero", llama, { intermediate_size: 0 }, "intermediate_size", /intermediate_size is 0\n.*from 1 to/],
    ["a negative number", llama, { rms_norm_eps: -1e-6 }, "rms_norm_eps", /rms_norm_eps is -0.000001\n.*above 0/],
    ["half a layer", llama, { num_hidden_layers: 1.5 }, "num_hidden_layers", /is 1\.5\n.*a whole number/],
    ["more than the format takes", llama, { num_hidden_layers: 1000 }, "num_hidden_layers", /from 1 to 512/],
    ["text for a switch", llama, { tie_word_embeddings: "no" }, "tie_word_embeddings", /is "no"\n.*true or false/],
    [
      "heads that do not group",
      llama,
      { num_key_value_heads: 3 },
      "num_attention_heads",
      /16 query heads.*num_key_value_heads.*\n.*a multiple of 3/,
    ],
    [
      "heads that do not divide",
      llama,
      { head_dim: null, num_attention_heads: 18 },
      "num_attention_heads",
      /1536.*18.*\n.*\n.*add head_dim/,
    ],
    ["a head that is odd", llama, { head_dim: 127 }, "head_dim", /127.*\n.*an even number/],
    ["a head_dim that MiniCPM passes over", miniCpm, { head_dim: 128 }, "head_dim", /MiniCPM does not read\n.*64/],
    ["a vocabulary below the text's", llama, { vocab_size: 1000 }, "vocab_size", /is 1000\n.*at least 4096/],
    ["a bias", llama, { attention_bias: true }, "attention_bias", /attention_bias is true\n.*false.*bias\n.*choose another model/],
    ["norms of queries and keys", llama, { qk_norm: true }, "qk_norm", /qk_norm is true\n.*norm of their own/],
    ["experts", llama, { num_local_experts: 8 }, "num_local_experts", /num_local_experts is 8\n.*no experts/],
    ["a sliding window", llama, { sliding_window: 4096 }, "sliding_window", /sliding_window is 4096\n.*no such field/],
    ["layers of other kinds", llama, { layer_types: ["sliding_attention"] }, "layer_types", /full_attention in every layer/],
    ["another activation", llama, { hidden_act: "gelu" }, "hidden_act", /hidden_act is "gelu"\n.*"silu"/],
    ["dropout", llama, { attention_dropout: 0.1 }, "attention_dropout", /attention_dropout is 0\.1\n.*at random/],
    ["quantized weights", llama, { quantization_config: { bits: 4 } }, "quantization_config", /quantization_config is \{"bits":4\}/],
    [
      "scaled positions",
      llama,
      { rope_scaling: { rope_type: "yarn", factor: 4 } },
      "rope_type",
      /rope_scaling\.rope_type is "yarn"\n.*not scaled/,
    ],
    ["old scaled positions", llama, { rope_scaling: { factor: 2, type: "linear" } }, "factor", /rope_scaling\.factor is 2/],
    ["a partial rotation", llama, { rope_parameters: { partial_rotary_factor: 0.5 } }, "partial_rotary_factor", /is 0\.5/],
    [
      "a base for each kind of layer",
      llama,
      { rope_parameters: { full_attention: {} } },
      "full_attention",
      /rope_parameters\.full_attention/,
    ],
    ["two bases", llama, { rope_parameters: { rope_theta: 1e4 } }, "rope_theta", /5000000, and 10000 inside\n.*one base/],
    [
      "a base of zero",
      llama,
      { rope_scaling: null, rope_theta: undefined, rope_parameters: { rope_theta: 0 } },
      "rope_theta",
      /rope_parameters\.rope_theta is 0/,
    ],
    ["a word for positions", llama, { rope_scaling: "yarn" }, "rope_scaling", /rope_scaling is "yarn"\n.*an object, or null/],
    ["scales in a Llama", llama, { scale_emb: 12 }, "scale_emb", /scale_emb is 12 in a LlamaForCausalLM/],
    [
      "a misspelt field",
      llama,
      { num_key_value_head: 2 },
      "num_key_value_head",
      /does not know.*\n.*\n.*did you mean "num_key_value_heads"\?/,
    ],
    ["a field that Forge does not know", llama, { gate_temperature: 2 }, "gate_temperature", /does not know the field gate_temperature/],
    ["no class", llama, { architectures: null, model_type: null }, "", /neither architectures nor model_type/],
    ["Qwen2", llama, { architectures: ["Qwen2ForCausalLM"] }, "architectures", /has biases\n.*LlamaForCausalLM or MiniCPMForCausalLM/],
    ["Qwen3", llama, { architectures: ["Qwen3ForCausalLM"] }, "architectures", /has norms of queries and keys/],
    ["a mixture of experts", llama, { architectures: ["Qwen3MoeForCausalLM"] }, "architectures", /has experts/],
    ["a class without a head", llama, { architectures: ["LlamaModel"] }, "architectures", /\["LlamaModel"\]\n/],
    ["two classes", llama, { architectures: ["LlamaForCausalLM", "LlamaModel"] }, "architectures", /architectures is \[/],
    ["another model_type", llama, { architectures: null, model_type: "gpt2" }, "model_type", /model_type is "gpt2"/],
    ["a class and a model_type at odds", llama, { model_type: "qwen3" }, "model_type", /"qwen3" in a LlamaForCausalLM/],
  ])("%s", (_, base, changes, field, expected) => {
    const path = writeText(JSON.stringify({ ...base, ...changes }, null, 2));
    const error = refusalOf(path);
    expect(error.message).toMatch(expected);
    expect(error.message).toMatch(/\n {2}expected: .+\n {2}to do: .+/);
    const line = field === "" ? 1 : lineOf(field);
    expect(field === "" || line > 1).toBe(true);
    expect(error.message.startsWith(`${path}:${line}:`)).toBe(true);
  });

  it.each([
    ["no JSON", "hidden_size: 1536\n", /not valid JSON/],
    ["a comma too many", '{ "hidden_size": 1536, }', /not valid JSON/],
    ["half a file", '{\n  "hidden_size": 15', /not valid JSON/],
    ["nothing", "", /not valid JSON/],
    ["NaN, as Python writes it", '{ "rms_norm_eps": NaN }', /not valid JSON/],
    ["a list", "[1, 2]", /it holds \[1,2\]/],
    ["a number", "12", /it holds 12/],
    ["null", "null", /it holds null/],
    ["an empty object", "{}", /neither architectures/],
    ["a field twice", '{ "hidden_size": 1, "hidden_size": 2 }', /occurs twice/],
  ])("%s", (_, text, expected) => {
    const error = refusalOf(writeText(text));
    expect(error.message).toMatch(expected);
    expect(error.message).toMatch(/config\.json:\d+:\d+: .+\n {2}expected: .+\n {2}to do: .+/);
  });

  it("a folder in place of the file", () => {
    mkdirSync(join(folder, "checkpoint"), { recursive: true });
    expect(refusalOf(join(folder, "checkpoint")).message).toMatch(/not a regular file\n.*\n.*name the file config\.json itself/);
  });
});

it("indentation by tabs is JSON too", () => {
  expect(readModelConfig(writeText(JSON.stringify(llama, null, "\t"))).shape.hidden).toBe(1536);
  expect(readModelConfig(writeText(JSON.stringify(llama))).shape.hidden).toBe(1536);
});
