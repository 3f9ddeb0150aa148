import { type Static, Type } from "@sinclair/typebox";

/**
 * The exam outline of one operation, as written in YAML. This schema is the single source of the TypeScript type, of the
 * published JSON Schema (`specs/schema/kernel-spec.schema.json`) and of the validator.
 */

const closed = { additionalProperties: false } as const;

const Identifier = Type.String({
  pattern: "^[a-z][a-z0-9_]{0,63}$",
  description: "A C identifier in lower case: it becomes a parameter or function name of the generated header.",
});

const SpecName = Type.String({
  pattern: "^[a-z][a-z0-9-]{0,63}$",
  description: "Lower-case words joined by '-': it becomes a folder name under generated/.",
});

export const StorageType = Type.Union([Type.Literal("f32"), Type.Literal("bf16")], {
  description: "Element type of tensors in memory.",
});
export type StorageType = Static<typeof StorageType>;

/** A type as a buffer or scalar names it: `store` and `accumulate` are resolved by the variant. */
const ElementTypeName = Type.Union(
  [Type.Literal("store"), Type.Literal("accumulate"), Type.Literal("f32"), Type.Literal("bf16"), Type.Literal("i32")],
  { description: "store and accumulate are resolved by the variant; the others are fixed." },
);
export type ElementTypeName = Static<typeof ElementTypeName>;

/** A concrete element type of a buffer; f64 occurs in the oracle only. */
export type ElementType = "f32" | "bf16" | "i32" | "f64";

export const Variant = Type.Object(
  {
    store: StorageType,
    accumulate: Type.Literal("f32", { description: "Type in which sums and statistics are held." }),
  },
  closed,
);
export type Variant = Static<typeof Variant>;

const SizeValue = Type.Integer({ minimum: 1, maximum: 1_000_000_000 });

const Sizes = Type.Record(Identifier, SizeValue, {
  ...closed,
  description: "A value for every symbolic size.",
});
/** Values of all symbolic sizes of a case, by symbol. */
export type Sizes = Record<string, number>;

const SizeRange = Type.Object(
  {
    small: Type.Tuple([SizeValue, SizeValue], { description: "Hidden small cases draw from this range, both ends included." }),
    medium: Type.Tuple([SizeValue, SizeValue], { description: "Hidden medium cases draw from this range, both ends included." }),
    description: Type.Optional(Type.String()),
  },
  closed,
);

export const regimeNames = [
  "normal",
  "log_uniform",
  "positive",
  "offset",
  "tiny",
  "subnormal",
  "outlier",
  "half_amplified",
  "repeated_rows",
  "constant_rows",
  "zero_row",
  "ties",
  "huge_peak",
  "all_but_one_inf",
] as const;
/** How the values of `signal` inputs are distributed; docs/spec.md describes each. */
export type Regime = (typeof regimeNames)[number];
const Regime = Type.Union(
  regimeNames.map((name) => Type.Literal(name)),
  { description: "How the values of `signal` inputs are distributed. See docs/spec.md for each." },
);

/** How the values of an input are drawn. */
const Draw = Type.Union([
  Type.Object(
    {
      kind: Type.Literal("signal", { description: "Follows the regime of the case." }),
      scale: Type.Optional(Type.Number({ exclusiveMinimum: 0 })),
    },
    closed,
  ),
  Type.Object(
    {
      kind: Type.Literal("weight", { description: "centre + spread * normal, whatever the regime: never trivial." }),
      centre: Type.Number(),
      spread: Type.Number({ exclusiveMinimum: 0 }),
    },
    closed,
  ),
  Type.Object(
    {
      kind: Type.Literal("index", { description: "Integers in [0, below), some of them `ignore`." }),
      below: Identifier,
      ignore: Type.Optional(Type.Integer({ description: "A value that means: leave this row out." })),
      peak_of: Type.Optional(Identifier),
    },
    closed,
  ),
  Type.Object(
    {
      kind: Type.Literal("from", {
        description: "What the oracle computes for another entry's output of the same name, rounded to storage.",
      }),
      entry: Identifier,
    },
    closed,
  ),
]);
export type Draw = Static<typeof Draw>;

const InputBuffer = Type.Object(
  {
    role: Type.Literal("input"),
    type: ElementTypeName,
    shape: Type.Array(Identifier, { minItems: 1, maxItems: 6 }),
    draw: Type.Optional(Draw),
    description: Type.Optional(Type.String()),
  },
  closed,
);

const OutputBuffer = Type.Object(
  {
    role: Type.Literal("output"),
    type: ElementTypeName,
    shape: Type.Array(Identifier, { minItems: 1, maxItems: 6 }),
    slice: Type.Array(Identifier, {
      description:
        "Symbols along which the output may be computed in part: element i of it depends only on slice i of every input that carries the symbol.",
    }),
    row: Type.Optional(
      Type.Array(Identifier, {
        description: "Symbols that index rows for error scales. Default: all of the shape but the last.",
      }),
    ),
    error_scale: Type.Optional(
      Type.Array(Identifier, {
        description:
          "Other outputs of the same row shape whose magnitude bounds the rounding error of this one (for differences that cancel).",
      }),
    ),
    description: Type.Optional(Type.String()),
  },
  closed,
);

const Buffer = Type.Union([InputBuffer, OutputBuffer]);

const Scalar = Type.Object(
  {
    type: ElementTypeName,
    values: Type.Array(Type.Number(), { minItems: 1, description: "Hidden cases draw one of these." }),
    timed: Type.Number({ description: "The value at timed sizes and in the first public case." }),
  },
  closed,
);

const Formula = Type.String({
  maxLength: 300,
  description: "Arithmetic over the sizes with + - * / ( ), and over store_bytes, accumulate_bytes.",
});

const Entry = Type.Object(
  {
    direction: Type.Union([Type.Literal("forward"), Type.Literal("backward")]),
    description: Type.Optional(Type.String()),
    buffers: Type.Record(Identifier, Buffer, { ...closed, description: "In the order of the C parameters." }),
    scalars: Type.Optional(Type.Record(Identifier, Scalar, { ...closed, description: "After buffers and sizes, in this order." })),
    flops: Formula,
    bytes: Formula,
    bilinear: Type.Optional(
      Type.Tuple([Identifier, Identifier], {
        description: "The two inputs in each of which the outputs are linear: enables exact probes and Freivalds projections.",
      }),
    ),
    independent: Type.Optional(
      Type.Array(Type.String({ pattern: "^[A-Za-z_][A-Za-z0-9_]*$" }), {
        description: "Loop variables of the reference's function whose iterations are independent, outermost first.",
      }),
    ),
    tunables: Type.Optional(
      Type.Record(Type.String({ pattern: "^[A-Z][A-Z0-9_]*$" }), Type.Array(Type.Integer(), { minItems: 1, maxItems: 32 }), {
        ...closed,
        description: "Macros that the reference reads with a default, and the values worth trying.",
      }),
    ),
  },
  closed,
);
export type Entry = Static<typeof Entry>;
export type InputBuffer = Static<typeof InputBuffer>;
export type OutputBuffer = Static<typeof OutputBuffer>;
export type BufferSpec = InputBuffer | OutputBuffer;

/** What a goal may spend where its user says nothing. */
export const Budget = Type.Object(
  {
    attempts: Type.Integer({ minimum: 1, maximum: 10_000 }),
    minutes: Type.Number({ exclusiveMinimum: 0, maximum: 10_000 }),
  },
  closed,
);

export const KernelSpec = Type.Object(
  {
    format: Type.Literal("forge-kernel/1", { description: "Version of this format." }),
    name: SpecName,
    summary: Type.String({ maxLength: 300 }),
    source: Type.String({ description: "Paper and equation, or other definition.", maxLength: 300 }),
    reference: Type.String({ description: "The plain C reference, relative to this file." }),
    variants: Type.Record(SpecName, Variant, { ...closed, description: "Storage and accumulation types, by name.", minProperties: 1 }),
    sizes: Type.Record(Identifier, SizeRange, {
      ...closed,
      description: "Symbolic sizes, in the order of the C parameters.",
      minProperties: 1,
    }),
    cases: Type.Object(
      {
        public: Type.Array(Sizes, { minItems: 1, maxItems: 32, description: "Shown to whoever writes the code, in full." }),
        hidden: Type.Integer({ minimum: 4, maximum: 200, description: "How many hidden cases per entry are drawn after submission." }),
        timed: Type.Array(Sizes, { minItems: 1, maxItems: 16, description: "Sizes at which speed is judged, each by itself." }),
      },
      closed,
    ),
    regimes: Type.Array(Regime, { minItems: 1, description: "Regimes that hidden cases cycle through." }),
    entries: Type.Record(Identifier, Entry, { ...closed, minProperties: 1 }),
    gates: Type.Object(
      {
        speed: Type.Number({ minimum: 1, description: "Lower end of the speed-up's interval must exceed this to surpass." }),
        determinism: Type.Union([Type.Literal("bitwise"), Type.Literal("none")]),
        warm: Type.Optional(Type.Boolean({ description: "Time with inputs in cache instead of rotating buffers." })),
      },
      closed,
    ),
    rules: Type.Object(
      {
        languages: Type.Array(Type.Union([Type.Literal("c"), Type.Literal("c++")]), { minItems: 1 }),
        libraries: Type.Array(Type.Union([Type.Literal("libc"), Type.Literal("libm"), Type.Literal("openmp")]), {
          description: "What the built object may link or import from.",
        }),
      },
      closed,
    ),
    budget: Budget,
  },
  { ...closed, $id: "forge-kernel/1", title: "Forge kernel spec" },
);
export type KernelSpec = Static<typeof KernelSpec>;

/** A parsed, validated spec together with where it came from; nothing behind this needs checking again. */
export interface LoadedSpec {
  spec: KernelSpec;
  /** Absolute path of the YAML file. */
  path: string;
  /** The YAML text, as hashed. */
  text: string;
  /** SHA-256 (hex) of the YAML text. */
  hash: string;
  /** Absolute path of the reference C file. */
  referencePath: string;
  referenceText: string;
  /** SHA-256 (hex) of the reference and of forge.h, which it includes. */
  referenceHash: string;
}
