import type { BatchShape, ModelShape } from "../contracts/trainer-spec.js";
import { parameterCount } from "./model-layout.js";

/**
 * FLOPs of one training step as MFU counts them: 3 x tokens x [L (2hQ + 4hKV + 2Qh + 6hF + 2SQ) + 2hV], forward once and backward twice;
 * Q and KV are the widths of queries and of keys, S the sequence, causal attention counted as half of its square. (Chowdhery et al. 2022,
 * "PaLM", appendix B, arXiv:2204.02311; with grouped-query attention and SwiGLU as in OpenBMB/ForgeTrain.)
 */
export function modelFlops(shape: ModelShape, { micro_batches, batch, length }: BatchShape): number {
  const { layers, hidden: h, query_heads, kv_heads, head_dim, feed_forward: f, vocabulary } = shape;
  const q = query_heads * head_dim;
  const kv = kv_heads * head_dim;
  const perLayer = 2 * h * q + 4 * h * kv + 2 * q * h + 6 * h * f + 2 * length * q;
  return 3 * micro_batches * batch * length * (layers * perLayer + 2 * h * vocabulary);
}

/** Float32 words that a step moves per parameter at the least: weight, gradient and two moments read, weight and moments written. */
const wordsPerParameter = 7;

/** Bytes that a step moves at the least, activations not counted. */
export const leastStepBytes = (shape: ModelShape): number => 4 * wordsPerParameter * parameterCount(shape);
