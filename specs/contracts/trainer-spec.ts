import { type Static, Type } from "@sinclair/typebox";
import { Budget, type LoadedSpec, Variant } from "./spec.js";

/**
 * The exam outline of a trainer: a decoder-only model, its optimizer, and what it is examined on. This schema is the single source of the
 * TypeScript type, of the published JSON Schema (`specs/schema/trainer-spec.schema.json`) and of the validator.
 */

const closed = { additionalProperties: false } as const;
const Count = (maximum: number, description: string) => Type.Integer({ minimum: 1, maximum, description });
const Positive = (description: string) => Type.Number({ exclusiveMinimum: 0, maximum: 1e9, description });

/** Unlike names of kernels they may have dots, for models are named after their sizes. */
const ModelName = Type.String({
  pattern: "^[a-z][a-z0-9]*([.-][a-z0-9]+)*$",
  maxLength: 64,
  description: "Lower-case words and numbers joined by '-' or '.': it becomes a folder name under generated/.",
});

const VariantName = Type.String({ pattern: "^[a-z][a-z0-9-]{0,63}$" });

/** Shape of a Llama-like decoder. Query width is `query_heads * head_dim`, which need not be `hidden`. */
export const ModelShape = Type.Object(
  {
    layers: Count(512, "Transformer blocks."),
    hidden: Count(65536, "Width of the residual stream."),
    query_heads: Count(1024, "Query heads; a multiple of kv_heads."),
    kv_heads: Count(1024, "Key and value heads (grouped-query attention)."),
    head_dim: Count(1024, "Features of a head; even, because rotary embedding takes them in pairs."),
    feed_forward: Count(262144, "Inner width of the SwiGLU feed-forward network."),
    vocabulary: Count(1_000_000, "Token ids are 0 to vocabulary - 1."),
    tied: Type.Boolean({ description: "Whether the LM head is the embedding." }),
  },
  closed,
);
export type ModelShape = Static<typeof ModelShape>;

const MuP = Type.Object(
  {
    embedding_scale: Positive("Embeddings are multiplied by it (scale_emb)."),
    depth_scale: Positive("Each residual branch is multiplied by depth_scale / sqrt(layers) (scale_depth)."),
    base_width: Positive("The last hidden state is divided by hidden / base_width before the LM head (dim_model_base)."),
  },
  { ...closed, description: "Scales of MiniCPM (arXiv:2404.06395, section 3.1); absent: none." },
);

export const scheduleNames = ["constant", "cosine", "wsd"] as const;

const Optimizer = Type.Object(
  {
    learning_rate: Positive("Peak, reached after the warm-up."),
    final_learning_rate: Positive("At the end of the schedule."),
    schedule: Type.Union(
      scheduleNames.map((name) => Type.Literal(name)),
      { description: "After a linear warm-up: constant, cosine, or warmup-stable-decay (wsd, exponential decay)." },
    ),
    warmup_steps: Type.Integer({ minimum: 0, maximum: 1_000_000_000 }),
    decay_start: Type.Integer({ minimum: 0, maximum: 1_000_000_000, description: "wsd: the first step that decays." }),
    total_steps: Count(1_000_000_000, "The step at which the schedule has reached final_learning_rate."),
    beta1: Type.Number({ minimum: 0, exclusiveMaximum: 1 }),
    beta2: Type.Number({ minimum: 0, exclusiveMaximum: 1 }),
    eps: Positive("Added to the root of the second moment."),
    weight_decay: Type.Number({ minimum: 0, maximum: 1, description: "Decoupled; on matrices, not on gains of norms." }),
    max_gradient_norm: Positive("Gradients are scaled down to this global norm."),
  },
  { ...closed, description: "AdamW (arXiv:1711.05101) with global-norm clipping." },
);
export type Optimizer = Static<typeof Optimizer>;

const Range = (description: string) =>
  Type.Tuple([Type.Integer({ minimum: 1 }), Type.Integer({ minimum: 1 })], { description: `${description}, both ends included.` });

/** A batch: [micro_batches, batch, length] tokens, of which the loss is the mean over all targets. */
export const BatchShape = Type.Object(
  {
    micro_batches: Count(4096, "Gradients of so many micro-batches are added before one step."),
    batch: Count(65536, "Sequences of a micro-batch."),
    length: Count(1_048_576, "Tokens of a sequence."),
  },
  closed,
);
export type BatchShape = Static<typeof BatchShape>;

const Recorded = Type.Object(
  {
    file: Type.String({ pattern: "^[A-Za-z0-9][A-Za-z0-9._-]*\\.safetensors$", maxLength: 200, description: "Beside this file." }),
    sha256: Type.String({ pattern: "^[0-9a-f]{64}$" }),
    steps: Count(1_000_000, "Steps that were recorded; the first and the last are asked of every trainer."),
    batch: BatchShape,
    framework: Type.String({ maxLength: 300, description: "What was recorded." }),
    agreement: Type.Number({
      exclusiveMinimum: 0,
      maximum: 1e-3,
      description: "The reference, in float64, was found to say the same, norm-wise per tensor, to this part.",
    }),
  },
  { ...closed, description: "Steps of a framework that is trusted, captured by `forge outline`." },
);

export const TrainerSpec = Type.Object(
  {
    format: Type.Literal("forge-trainer/1", { description: "Version of this format." }),
    name: ModelName,
    summary: Type.String({ maxLength: 300 }),
    source: Type.String({ description: "Paper, model card or other definition.", maxLength: 300 }),
    reference: Type.String({ description: "The plain C reference, relative to this file; it implements forge_trainer.h." }),
    model: ModelShape,
    norm_eps: Positive("Inside the root of every RMSNorm."),
    rope_base: Positive("Base of the rotary frequencies."),
    mup: Type.Optional(MuP),
    optimizer: Optimizer,
    variants: Type.Record(VariantName, Variant, { ...closed, description: "Storage and accumulation types, by name.", minProperties: 1 }),
    training: BatchShape,
    recorded: Type.Optional(Recorded),
    open: Type.Object(
      {
        layers: Range("Layers of hidden cases"),
        hidden: Range("Widths of hidden cases"),
        kv_heads: Range("KV heads of hidden cases"),
        group: Range("Query heads for each KV head of hidden cases"),
        head_dim: Range("Features of a head in hidden cases, made even"),
        feed_forward: Range("Inner widths of hidden cases"),
        vocabulary: Range("Vocabularies of hidden cases"),
        length: Range("Sequence lengths of hidden cases"),
      },
      { ...closed, description: "What a trainer must take besides its own shape: hidden cases draw from these ranges." },
    ),
    exam: Type.Object(
      {
        hidden: Type.Integer({ minimum: 2, maximum: 64, description: "Hidden cases drawn after submission." }),
        own: BatchShape,
        timed: BatchShape,
        long_run: Type.Object(
          {
            shape: ModelShape,
            batch: BatchShape,
            steps: Type.Integer({ minimum: 20, maximum: 1_000_000 }),
            references: Type.Integer({ minimum: 8, maximum: 64, description: "Evaluations of the reference that differ in order only." }),
          },
          { ...closed, description: "A free run, held against references that differ in order of summation only." },
        ),
      },
      closed,
    ),
    rules: Type.Object(
      {
        languages: Type.Array(Type.Union([Type.Literal("c"), Type.Literal("c++")]), { minItems: 1 }),
        libraries: Type.Array(Type.Union([Type.Literal("libc"), Type.Literal("libm"), Type.Literal("openmp")])),
      },
      closed,
    ),
    budget: Budget,
  },
  { ...closed, $id: "forge-trainer/1", title: "Forge trainer spec" },
);
export type TrainerSpec = Static<typeof TrainerSpec>;

/** A parsed, validated trainer spec together with where it came from. */
export interface LoadedTrainerSpec {
  spec: TrainerSpec;
  /** Absolute path of the YAML file. */
  path: string;
  text: string;
  /** SHA-256 (hex) of the YAML text. */
  hash: string;
  referencePath: string;
  referenceText: string;
  /** SHA-256 (hex) of the reference and of forge.h, which it includes. */
  referenceHash: string;
}

/** Any exam: of a kernel, or of a trainer. */
export type LoadedExam = LoadedSpec | LoadedTrainerSpec;

export const isTrainerExam = (loaded: LoadedExam): loaded is LoadedTrainerSpec => loaded.spec.format === "forge-trainer/1";
