import type { ModelShape } from "../contracts/trainer-spec.js";

/** One tensor of parameters: its name as in Hugging Face checkpoints, row-major. */
export interface ModelTensor {
  name: string;
  shape: number[];
}

/** Tensors of one block, in the order in which forge_trainer.h counts them. */
const blockTensors = ({ hidden, query_heads, kv_heads, head_dim, feed_forward }: ModelShape): ModelTensor[] => [
  { name: "input_layernorm.weight", shape: [hidden] },
  { name: "self_attn.q_proj.weight", shape: [query_heads * head_dim, hidden] },
  { name: "self_attn.k_proj.weight", shape: [kv_heads * head_dim, hidden] },
  { name: "self_attn.v_proj.weight", shape: [kv_heads * head_dim, hidden] },
  { name: "self_attn.o_proj.weight", shape: [hidden, query_heads * head_dim] },
  { name: "post_attention_layernorm.weight", shape: [hidden] },
  { name: "mlp.gate_proj.weight", shape: [feed_forward, hidden] },
  { name: "mlp.up_proj.weight", shape: [feed_forward, hidden] },
  { name: "mlp.down_proj.weight", shape: [hidden, feed_forward] },
];

/** All tensors of a model; a tensor's number in the binding is its index here. */
export function modelTensors(shape: ModelShape): ModelTensor[] {
  const embedding = [shape.vocabulary, shape.hidden];
  const blocks = Array.from({ length: shape.layers }, (_, layer) =>
    blockTensors(shape).map(({ name, shape: dimensions }) => ({ name: `model.layers.${layer}.${name}`, shape: dimensions })),
  );
  return [
    { name: "model.embed_tokens.weight", shape: embedding },
    ...blocks.flat(),
    { name: "model.norm.weight", shape: [shape.hidden] },
    ...(shape.tied ? [] : [{ name: "lm_head.weight", shape: embedding }]),
  ];
}

export const elementsOf = (tensor: ModelTensor): number => tensor.shape.reduce((product, size) => product * size, 1);

/** Parameters of a model, a tied LM head counted once. */
export const parameterCount = (shape: ModelShape): number => modelTensors(shape).reduce((sum, tensor) => sum + elementsOf(tensor), 0);

/** Parameters besides the embedding and a head of its own: the figure by which scaling laws count. */
export const parametersWithoutEmbeddings = (shape: ModelShape): number =>
  parameterCount(shape) - (shape.tied ? 1 : 2) * shape.vocabulary * shape.hidden;
