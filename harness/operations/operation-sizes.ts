import type { Sizes } from "../../specs/contracts/spec.js";
import type { BatchShape, ModelShape } from "../../specs/contracts/trainer-spec.js";

/** Linear layers are timed at the shapes that make up this share of their work. */
const linearShare = 0.6;

/** At which sizes a trainer of this model calls each operation of its frame, on a micro-batch of this shape. */
export function operationSizes(model: ModelShape, { batch, length }: BatchShape): Record<string, Sizes[]> {
  const { hidden, query_heads, kv_heads, head_dim, feed_forward, vocabulary } = model;
  const rows = batch * length;
  return {
    linear: linearSizes(model, rows),
    attention: [{ batch, tokens: length, kv_heads, group: query_heads / kv_heads, head_dim }],
    "softmax-cross-entropy": [{ rows, classes: vocabulary }],
    rmsnorm: [{ rows, dim: hidden }],
    swiglu: [{ rows, dim: feed_forward }],
    rope: [{ tokens: rows, heads: query_heads, halves: 2, pairs: head_dim / 2 }],
    embedding: [{ tokens: rows, classes: vocabulary, dim: hidden }],
    adamw: [{ pieces: vocabulary, width: hidden }],
  };
}

/** The heaviest shapes first, until they are most of the work. */
function linearSizes({ layers, hidden, query_heads, kv_heads, head_dim, feed_forward, vocabulary }: ModelShape, tokens: number): Sizes[] {
  const [query, kv] = [query_heads * head_dim, kv_heads * head_dim];
  const calls: [count: number, inputs: number, outputs: number][] = [
    [layers, hidden, query],
    [2 * layers, hidden, kv],
    [layers, query, hidden],
    [2 * layers, hidden, feed_forward],
    [layers, feed_forward, hidden],
    [1, hidden, vocabulary],
  ];
  const weigh = ([count, inputs, outputs]: (typeof calls)[number]) => count * inputs * outputs;
  const total = calls.reduce((sum, call) => sum + weigh(call), 0);
  const heaviest = calls.sort((a, b) => weigh(b) - weigh(a));
  const chosen: Sizes[] = [];
  let share = 0;
  for (const call of heaviest) {
    if (share >= linearShare) break;
    share += weigh(call) / total;
    chosen.push({ tokens, in_features: call[1], out_features: call[2] });
  }
  return chosen;
}
