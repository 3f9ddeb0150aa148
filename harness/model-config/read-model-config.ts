import type { ModelShape, TrainerSpec } from "../../specs/contracts/trainer-spec.js";
import { sha256Hex } from "../hash.js";
import { vocabularies } from "../train/token-stream.js";
import { holdToDemands } from "./config-demands.js";
import { readCount, readFlag, readPositive, readSize, sizeFields } from "./config-fields.js";
import { type ConfigFile, readConfigFile, shortJson } from "./config-file.js";
import { readRopeBase } from "./read-rope.js";

/** What a config.json says of a model, all that a trainer's spec takes from it. */
export interface ModelOutline {
  className: ClassName;
  shape: ModelShape;
  normEps: number;
  ropeBase: number;
  mup: TrainerSpec["mup"];
  /** The longest sequence that it is made for; null where the file does not say. */
  positions: number | null;
  /** SHA-256 (hex) of the file. */
  hash: string;
}

/** The classes whose arithmetic decoder.c has. `tied` is what the class takes where a file does not say. */
const classes = {
  LlamaForCausalLM: { modelType: "llama", tied: false, isScaled: false },
  MiniCPMForCausalLM: { modelType: "minicpm", tied: true, isScaled: true },
} as const;
type ClassName = keyof typeof classes;
const classNames = Object.keys(classes) as ClassName[];

/** Why families that look alike are not. */
const differences: [RegExp, string][] = [
  [/Moe|Mixtral|Deepseek|GptOss/i, "has experts"],
  [/ConditionalGeneration$/, "reads more than text"],
  [/^Qwen2/, "has biases"],
  [/^(Qwen3|Gemma3|Olmo2)/, "has norms of queries and keys"],
  [/^(Mistral|Ministral|Gemma2)/, "may have sliding windows"],
];

/** Reads a config.json; throws SpecError for what is wrong in it, and for a model that is not one of decoder.c's. */
export function readModelConfig(path: string): ModelOutline {
  const config = readConfigFile(path);
  const className = readClass(config);
  holdToDemands(config);
  return {
    className,
    shape: readShape(config, className),
    normEps: readPositive(config, "rms_norm_eps", "inside the root of every RMSNorm"),
    ropeBase: readRopeBase(config),
    mup: readScales(config, className),
    positions:
      (config.fields.max_position_embeddings ?? null) === null
        ? null
        : readCount(config, "max_position_embeddings", Number.MAX_SAFE_INTEGER, "longest sequence"),
    hash: sha256Hex(config.text),
  };
}

function readClass({ fields, fail }: ConfigFile): ClassName {
  const { architectures = null, model_type = null } = fields;
  const expected = `${classNames.join(" or ")}: RMSNorm, rotary positions, grouped-query attention and SwiGLU, nothing else`;
  const remedy = "choose a model of these classes; one that is a Llama in all but name can say so in a copy of the file";
  if (architectures === null && model_type === null) return fail([], "neither architectures nor model_type is there", expected, "add one");
  if (architectures === null) {
    const className = classNames.find((name) => classes[name].modelType === model_type);
    return className ?? fail(["model_type"], `model_type is ${shortJson(model_type)}`, expected, remedy);
  }
  const [name] = Array.isArray(architectures) && architectures.length === 1 ? (architectures as unknown[]) : [];
  const className = classNames.find((known) => known === name);
  if (className === undefined) {
    const difference = differences.find(([family]) => typeof name === "string" && family.test(name))?.[1];
    const problem = `architectures is ${shortJson(architectures)}${difference ? `, which ${difference}` : ""}`;
    return fail(["architectures"], problem, expected, remedy);
  }
  const { modelType } = classes[className];
  if (model_type !== null && model_type !== modelType)
    return fail(["model_type"], `model_type is ${shortJson(model_type)} in a ${className}`, `"${modelType}"`, "correct one of them");
  return className;
}

function readShape(config: ConfigFile, className: ClassName): ModelShape {
  const { fail } = config;
  const layers = readSize(config, "layers");
  const hidden = readSize(config, "hidden");
  const query_heads = readSize(config, "query_heads");
  const kv_heads = readSize(config, "kv_heads", query_heads);
  if (query_heads % kv_heads !== 0) {
    const problem = `${query_heads} query heads cannot share ${kv_heads} KV heads (${sizeFields.kv_heads}) evenly`;
    fail([sizeFields.query_heads], problem, `a multiple of ${kv_heads}`, "correct one of them");
  }
  const head_dim = readHeadDim(config, className, hidden, query_heads);
  const feed_forward = readSize(config, "feed_forward");
  const vocabulary = readSize(config, "vocabulary");
  if (vocabulary < vocabularies[0])
    fail(
      [sizeFields.vocabulary],
      `${sizeFields.vocabulary} is ${vocabulary}`,
      `at least ${vocabularies[0]}, the smallest vocabulary of the text that trainers are examined on (specs/models/text)`,
      "choose a model with a larger vocabulary",
    );
  const tied = readFlag(config, "tie_word_embeddings", "whether the LM head is the embedding", classes[className].tied);
  return { layers, hidden, query_heads, kv_heads, head_dim, feed_forward, vocabulary, tied };
}

/** MiniCPM's class divides whatever the file says, Llama's only where it says nothing. */
function readHeadDim(config: ConfigFile, className: ClassName, hidden: number, queryHeads: number): number {
  const { fields, fail } = config;
  const isSaid = (fields.head_dim ?? null) !== null;
  if ((!isSaid || className === "MiniCPMForCausalLM") && hidden % queryHeads !== 0)
    return fail(
      [sizeFields.query_heads],
      `${sizeFields.hidden} ${hidden} is no multiple of ${queryHeads} query heads, and no head_dim says how wide they are`,
      `a divisor of ${hidden}`,
      className === "MiniCPMForCausalLM" ? "correct one of them" : "correct one of them, or add head_dim",
    );
  const headDim = readSize(config, "head_dim", hidden / queryHeads);
  const path = [isSaid ? sizeFields.head_dim : sizeFields.query_heads];
  if (className === "MiniCPMForCausalLM" && headDim * queryHeads !== hidden)
    return fail(path, `head_dim is ${headDim}, which MiniCPM does not read`, `${hidden / queryHeads}, or no such field`, "delete it");
  if (headDim % 2 !== 0)
    return fail(path, `${headDim} features of a head do not make pairs for the rotary embedding`, "an even number", "correct it");
  return headDim;
}

function readScales(config: ConfigFile, className: ClassName): TrainerSpec["mup"] {
  const { fields, fail } = config;
  const scales = { scale_emb: "embeddings are multiplied by it", scale_depth: "branches are multiplied by it over the root of layers" };
  const meanings = { ...scales, dim_model_base: "the last hidden state is divided by hidden_size over it" };
  if (!classes[className].isScaled) {
    const field = Object.keys(meanings).find((name) => (fields[name] ?? null) !== null);
    return field === undefined
      ? undefined
      : fail(
          [field],
          `${field} is ${shortJson(fields[field])} in a ${className}`,
          "no such field: Llama scales nothing",
          "delete it, or write MiniCPMForCausalLM",
        );
  }
  return {
    embedding_scale: readPositive(config, "scale_emb", meanings.scale_emb),
    depth_scale: readPositive(config, "scale_depth", meanings.scale_depth),
    base_width: readPositive(config, "dim_model_base", meanings.dim_model_base),
  };
}
