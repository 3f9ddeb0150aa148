import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { TrainerSpec } from "../../specs/contracts/trainer-spec.js";
import type { Tensor } from "../../specs/contracts/verdict.js";
import { modelTensors } from "../../specs/trainer/model-layout.js";
import { settingOf } from "../../specs/trainer/trainer-abi.js";
import { writeTensorFile } from "../tensor-file.js";

/**
 * Writes `model.safetensors` and `config.json` of a LlamaForCausalLM that computes the same logits. It knows no scales of MiniCPM's, so they
 * go into the weights that they multiply: the embedding, what ends a residual branch, and the LM head, which then is one of its own.
 */
export function writeHuggingFace(folder: string, spec: TrainerSpec, weights: readonly Float32Array[]): void {
  const { model, mup } = spec;
  const { embeddingScale, residualScale, logitScale } = settingOf(spec, model);
  const scaled = (values: Float32Array, factor: number) => (factor === 1 ? values : Float32Array.from(values, (value) => factor * value));
  const factorOf = (name: string): number => {
    if (name === "model.embed_tokens.weight") return embeddingScale;
    if (name === "lm_head.weight") return logitScale;
    return /\.(o_proj|down_proj)\.weight$/.test(name) ? residualScale : 1;
  };
  const tensors = new Map<string, Tensor>();
  for (const [index, { name, shape }] of modelTensors(model).entries())
    tensors.set(name, { type: "f32", shape, data: scaled(weights[index]!, factorOf(name)) });
  const isTied = model.tied && !mup;
  if (model.tied && mup)
    tensors.set("lm_head.weight", { type: "f32", shape: [model.vocabulary, model.hidden], data: scaled(weights[0]!, logitScale) });
  mkdirSync(folder, { recursive: true });
  writeTensorFile(join(folder, "model.safetensors"), tensors);
  writeFileSync(join(folder, "config.json"), `${JSON.stringify(configOf(spec, isTied), null, 2)}\n`);
}

const configOf = ({ model, norm_eps, rope_base, training }: TrainerSpec, isTied: boolean) => ({
  architectures: ["LlamaForCausalLM"],
  model_type: "llama",
  hidden_size: model.hidden,
  num_hidden_layers: model.layers,
  num_attention_heads: model.query_heads,
  num_key_value_heads: model.kv_heads,
  head_dim: model.head_dim,
  intermediate_size: model.feed_forward,
  vocab_size: model.vocabulary,
  max_position_embeddings: training.length,
  hidden_act: "silu",
  attention_bias: false,
  mlp_bias: false,
  rms_norm_eps: norm_eps,
  rope_theta: rope_base,
  rope_parameters: { rope_type: "default", rope_theta: rope_base },
  tie_word_embeddings: isTied,
  torch_dtype: "float32",
});
