import { renameAdvice } from "../../specs/nearest-name.js";
import { type ConfigFile, shortJson } from "./config-file.js";

/** Fields that are read, or say nothing of the model's arithmetic: weights' types, tokens by name, what generates text. */
const known = [
  "architectures",
  "model_type",
  "hidden_size",
  "intermediate_size",
  "num_hidden_layers",
  "num_attention_heads",
  "num_key_value_heads",
  "head_dim",
  "vocab_size",
  "tie_word_embeddings",
  "rms_norm_eps",
  "rope_theta",
  "rope_scaling",
  "rope_parameters",
  "scale_emb",
  "scale_depth",
  "dim_model_base",
  "max_position_embeddings",
  "auto_map",
  "transformers_version",
  "torch_dtype",
  "dtype",
  "use_cache",
  "bos_token_id",
  "eos_token_id",
  "pad_token_id",
  "initializer_range",
  "pretraining_tp",
  "name_or_path",
  "return_dict",
  "output_attentions",
  "output_hidden_states",
  "chunk_size_feed_forward",
  "id2label",
  "label2id",
  "num_labels",
  "problem_type",
  "tokenizer_class",
  // Of MiniCPM: read by the heads that draft for it only.
  "mup_denominator",
];

/** Fields that may be there as long as they leave the model as decoder.c has it. */
const demands: { fields: string[]; accepted: unknown[]; meaning: string }[] = [
  { fields: ["hidden_act"], accepted: ["silu", "swish"], meaning: "the feed-forward network is SwiGLU" },
  {
    fields: ["attention_bias", "mlp_bias", "qkv_bias", "attention_out_bias", "use_qkv_bias", "use_bias", "bias", "lm_head_bias"],
    accepted: [false],
    meaning: "no product of matrices has a bias",
  },
  {
    fields: ["qk_norm", "use_qk_norm", "qk_layernorm", "use_qk_layernorm"],
    accepted: [false],
    meaning: "queries and keys have no norm of their own",
  },
  {
    fields: ["num_experts", "num_local_experts", "n_routed_experts", "n_shared_experts", "num_experts_per_tok", "moe_intermediate_size"],
    accepted: [0],
    meaning: "there are no experts",
  },
  { fields: ["sliding_window"], accepted: [], meaning: "every token attends to all before it" },
  { fields: ["use_sliding_window", "use_parallel_residual"], accepted: [false], meaning: "blocks are those of Llama" },
  { fields: ["sparse_config", "attention_chunk_size"], accepted: [], meaning: "every token attends to all before it" },
  { fields: ["partial_rotary_factor", "rotary_pct"], accepted: [1], meaning: "all features of a head are rotated" },
  {
    fields: ["attention_dropout", "hidden_dropout", "hidden_dropout_prob", "resid_pdrop", "embd_pdrop", "attn_pdrop"],
    accepted: [0],
    meaning: "nothing is dropped at random",
  },
  { fields: ["quantization_config"], accepted: [], meaning: "weights are as they were trained" },
  { fields: ["is_encoder_decoder"], accepted: [false], meaning: "the model is a decoder" },
  { fields: ["text_config", "vision_config", "audio_config"], accepted: [], meaning: "the model reads text only" },
];

export const cannotSay =
  "a trainer's spec cannot say it yet: choose another model, or where this one trains without it, take the field out of a copy of the file";

/** Refuses what would make another model of it, known or not: a field that is passed over would make the exam one of another model. */
export function holdToDemands({ fields, fail }: ConfigFile): void {
  for (const [field, value] of Object.entries(fields)) {
    if (value === null || field.startsWith("_") || known.includes(field)) continue;
    if (field === "layer_types") {
      if (Array.isArray(value) && value.every((type) => type === "full_attention")) continue;
      fail([field], `${field} is ${shortJson(value)}`, "full_attention in every layer, or no such field", cannotSay);
    }
    const demand = demands.find((one) => one.fields.includes(field));
    if (demand === undefined) {
      const remedy = renameAdvice(
        field,
        known,
        "take it out of a copy of the file if it leaves the arithmetic of a training step as it is",
      );
      fail([field], `Forge does not know the field ${field} (${shortJson(value)})`, "fields of Llama and MiniCPM", remedy, "key");
    } else if (!demand.accepted.includes(value)) {
      const accepted = demand.accepted.length === 0 ? "no such field" : `${shortJson(demand.accepted[0])}, or no such field`;
      fail([field], `${field} is ${shortJson(value)}`, `${accepted}: ${demand.meaning}`, cannotSay);
    }
  }
}
