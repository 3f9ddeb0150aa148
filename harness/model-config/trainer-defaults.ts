import type { ModelShape, TrainerSpec } from "../../specs/contracts/trainer-spec.js";
import { vocabularies } from "../train/token-stream.js";
import type { ModelOutline } from "./read-model-config.js";

/** What a trainer's spec needs and a config.json does not say: a beginning, for its author to change. */
export type TrainerDefaults = Pick<TrainerSpec, "optimizer" | "training" | "open" | "exam" | "budget">;

/** MiniCPM's rates go with its scales (arXiv:2404.06395); without them a plain Llama's are the safe choice (arXiv:2302.13971, table 2). */
const rates = { scaled: [1e-2, 5e-4], plain: [3e-4, 3e-5] } as const;

export function trainerDefaults({ shape, mup, positions }: ModelOutline): TrainerDefaults {
  const [learning_rate, final_learning_rate] = mup === undefined ? rates.plain : rates.scaled;
  const within = (length: number) => Math.min(length, positions ?? length);
  return {
    optimizer: {
      learning_rate,
      final_learning_rate,
      schedule: "wsd",
      warmup_steps: 2000,
      decay_start: 250_000,
      total_steps: 300_000,
      beta1: 0.9,
      beta2: 0.95,
      eps: 1e-8,
      weight_decay: 0.1,
      max_gradient_norm: 1,
    },
    training: { micro_batches: 1, batch: 1, length: within(512) },
    open: {
      layers: [1, 3],
      hidden: [8, 72],
      kv_heads: [1, 3],
      group: [1, Math.min(8, Math.max(3, shape.query_heads / shape.kv_heads))],
      head_dim: [4, 24],
      feed_forward: [8, 96],
      vocabulary: [17, 160],
      length: [2, 33],
    },
    exam: {
      hidden: 6,
      own: { micro_batches: 1, batch: 1, length: within(24) },
      timed: { micro_batches: 1, batch: 1, length: within(32) },
      long_run: { shape: smallShape(shape), batch: { micro_batches: 1, batch: 2, length: 32 }, steps: 100, references: 8 },
    },
    budget: { attempts: 20, minutes: 240 },
  };
}

/** Small enough for references to train a hundred steps in seconds, and still of the model's kind: grouped, wide and tied as it is. */
function smallShape({ hidden, query_heads, kv_heads, head_dim, tied }: ModelShape): ModelShape {
  return {
    layers: 2,
    hidden: 48,
    query_heads: 4,
    kv_heads: query_heads === kv_heads ? 4 : 2,
    head_dim: query_heads * head_dim === hidden ? 12 : 16,
    feed_forward: 96,
    vocabulary: vocabularies[0],
    tied,
  };
}
