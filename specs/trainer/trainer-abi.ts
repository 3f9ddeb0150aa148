import type { ElementType, Variant } from "../contracts/spec.js";
import type { EntrySignature } from "../contracts/target.js";
import { type ModelShape, scheduleNames, type TrainerSpec } from "../contracts/trainer-spec.js";

/** Whole numbers that `trainer_create` is given, in this order. */
export const shapeFields = [
  "layers",
  "hidden",
  "query_heads",
  "kv_heads",
  "head_dim",
  "feed_forward",
  "vocabulary",
  "tied",
  "schedule",
  "warmup_steps",
  "decay_start",
  "total_steps",
] as const;

/** Real numbers that `trainer_create` is given, in this order. */
export const constantFields = [
  "norm_eps",
  "rope_base",
  "embedding_scale",
  "residual_scale",
  "logit_scale",
  "learning_rate",
  "final_learning_rate",
  "beta1",
  "beta2",
  "adam_eps",
  "weight_decay",
  "max_gradient_norm",
] as const;

/** What of a tensor is written or read. */
export const tensorParts = ["weight", "first_moment", "second_moment"] as const;
export type TensorPart = (typeof tensorParts)[number];

/** What `trainer_step` reports of the step that it did. */
export const reportFields = ["loss", "gradient_norm", "learning_rate"] as const;

type Buffer = EntrySignature["buffers"][number];

/** The functions of forge_trainer.h as a runner calls them. Numbers travel as f32; in the oracle they are float64. */
export function trainerEntries(types: Variant | "oracle"): EntrySignature[] {
  const real: ElementType = types === "oracle" ? "f64" : "f32";
  const input = (name: string, type: ElementType): Buffer => ({ name, role: "input", type });
  const output = (name: string, type: ElementType): Buffer => ({ name, role: "output", type });
  const which = [
    { name: "tensor", type: "i32" as const },
    { name: "part", type: "i32" as const },
  ];
  const entry = (name: string, buffers: Buffer[], sizes: string[], scalars: EntrySignature["scalars"] = []): EntrySignature => ({
    name,
    buffers,
    sizes,
    scalars,
  });
  return [
    entry("trainer_create", [input("shape", "i32"), input("constants", real)], ["shape_count", "constant_count"]),
    entry("trainer_write", [input("values", real)], ["count"], which),
    entry("trainer_read", [output("values", real)], ["count"], which),
    entry("trainer_seek", [input("completed_steps", "i32")], ["count"]),
    entry("trainer_logits", [input("tokens", "i32"), output("logits", real)], ["batch", "length", "vocabulary"]),
    entry(
      "trainer_step",
      [input("tokens", "i32"), input("targets", "i32"), output("report", real)],
      ["micro_batches", "batch", "length", "report_count"],
    ),
    entry("trainer_image_words", [output("words", "i32")], ["count"]),
    entry("trainer_save", [output("image", "i32")], ["words"]),
    entry("trainer_restore", [input("image", "i32")], ["words"]),
  ];
}

/** A model with the numbers of its training: what `trainer_create` is told. */
export interface TrainerSetting {
  shape: ModelShape;
  optimizer: TrainerSpec["optimizer"];
  normEps: number;
  ropeBase: number;
  embeddingScale: number;
  residualScale: number;
  logitScale: number;
}

export function settingOf(spec: TrainerSpec, shape: ModelShape): TrainerSetting {
  const { mup } = spec;
  return {
    shape,
    optimizer: spec.optimizer,
    normEps: spec.norm_eps,
    ropeBase: spec.rope_base,
    embeddingScale: mup?.embedding_scale ?? 1,
    residualScale: mup ? mup.depth_scale / Math.sqrt(shape.layers) : 1,
    logitScale: mup ? mup.base_width / shape.hidden : 1,
  };
}

export function shapeValues({ shape, optimizer }: TrainerSetting): Int32Array {
  const values: Record<(typeof shapeFields)[number], number> = {
    ...shape,
    tied: shape.tied ? 1 : 0,
    schedule: scheduleNames.indexOf(optimizer.schedule),
    warmup_steps: optimizer.warmup_steps,
    decay_start: optimizer.decay_start,
    total_steps: optimizer.total_steps,
  };
  return Int32Array.from(shapeFields, (field) => values[field]);
}

/** Rounded to f32, so that every type is told the same. */
export function constantValues(setting: TrainerSetting): Float32Array {
  const { optimizer } = setting;
  const values: Record<(typeof constantFields)[number], number> = {
    norm_eps: setting.normEps,
    rope_base: setting.ropeBase,
    embedding_scale: setting.embeddingScale,
    residual_scale: setting.residualScale,
    logit_scale: setting.logitScale,
    learning_rate: optimizer.learning_rate,
    final_learning_rate: optimizer.final_learning_rate,
    beta1: optimizer.beta1,
    beta2: optimizer.beta2,
    adam_eps: optimizer.eps,
    weight_decay: optimizer.weight_decay,
    max_gradient_norm: optimizer.max_gradient_norm,
  };
  return Float32Array.from(constantFields, (field) => values[field]);
}
