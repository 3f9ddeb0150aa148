import { readFileSync } from "node:fs";
import { join } from "node:path";
import { type Static, Type } from "@sinclair/typebox";
import { Ajv } from "ajv";
import { parse } from "yaml";
import { applyReplacements } from "../../../harness/bench/sentinels/sentinel-file.js";
import { packageRoot } from "../../../harness/package-root.js";
import type { Candidate } from "../../../specs/contracts/target.js";
import type { LoadedTrainerSpec } from "../../../specs/contracts/trainer-spec.js";
import { typeFlags } from "../../../specs/lower-reference.js";

const closed = { additionalProperties: false } as const;
const Replacements = Type.Array(Type.Tuple([Type.String({ minLength: 1 }), Type.String()]), {
  description: "Changes to the reference; each must match exactly once.",
});
const VariantName = Type.Union([Type.Literal("f32"), Type.Literal("bf16")]);
export type VariantName = Static<typeof VariantName>;

const WrongTrainer = Type.Object(
  {
    name: Type.String({ minLength: 1 }),
    does: Type.String({ minLength: 10 }),
    row: Type.Optional(Type.Integer({ minimum: 1, maximum: 61, description: "In the field's list of cheats." })),
    check: Type.Union(
      (["rules", "memory", "forward", "backward", "steps", "checkpoint", "training"] as const).map((name) => Type.Literal(name)),
      { description: "The check that must catch it." },
    ),
    variants: Type.Optional(Type.Array(VariantName, { description: "f32 where absent." })),
    own: Type.Optional(Type.Literal(true, { description: "It shows at the spec's own shape only." })),
    lower: Type.Optional(Type.Union([Type.Literal("bf16"), Type.Literal("tf32")], { description: "What LOWER rounds to." })),
    replace: Replacements,
  },
  closed,
);
export type WrongTrainer = Static<typeof WrongTrainer>;

const HonestTrainer = Type.Object(
  {
    name: Type.String({ minLength: 1 }),
    does: Type.Optional(Type.String()),
    variants: Type.Optional(Type.Array(VariantName, { description: "Both where absent." })),
    compiler: Type.Optional(Type.Literal("clang")),
    flags: Type.Optional(Type.Array(Type.String())),
    threads: Type.Optional(Type.Literal(2)),
    order: Type.Optional(Type.String({ description: "Of every sum; see tests/sentinels/sentinel.h." })),
    replace: Type.Optional(Replacements),
  },
  closed,
);
export type HonestTrainer = Static<typeof HonestTrainer>;

const AbsentRows = Type.Object({ rows: Type.Array(Type.Integer()), reason: Type.String() }, closed);
const ajv = new Ajv({ allErrors: true });
const validateWrong = ajv.compile<{ wrong: WrongTrainer[]; absent: Static<typeof AbsentRows>[] }>(
  Type.Object({ wrong: Type.Array(WrongTrainer), absent: Type.Array(AbsentRows) }, closed),
);
const validateHonest = ajv.compile<{ honest: HonestTrainer[] }>(Type.Object({ honest: Type.Array(HonestTrainer) }, closed));

function readPlanted<Value>(name: string, check: ((value: unknown) => value is Value) & { errors?: typeof ajv.errors }): Value {
  const value: unknown = parse(readFileSync(join(packageRoot(), "tests", "wrong-trainers", name), "utf8"));
  if (check(value)) return value;
  throw new Error(`${name}: ${ajv.errorsText(check.errors ?? null)}`);
}

export const readWrongTrainers = () => readPlanted("wrong-trainers.yaml", validateWrong);
export const readHonestTrainers = () => readPlanted("honest-trainers.yaml", validateHonest);

/** The reference so changed; sentinel.h takes the place of forge.h where something of it is used. */
export function plantedTrainer(
  loaded: LoadedTrainerSpec,
  variant: VariantName,
  { name, replace = [], ...rest }: WrongTrainer | HonestTrainer,
): Candidate {
  const lower = "lower" in rest ? rest.lower : undefined;
  const { order, flags = ["-O1"], compiler = "gcc" } = rest as Partial<HonestTrainer>;
  const sentinel: [string, string][] = lower || order ? [['#include "forge.h"', '#include "sentinel.h"']] : [];
  const orders = order ? [`-DSUM_ORDER=${order}`, `-DSUMS_ORDER=${order}`] : [];
  return {
    files: {
      "trainer.c": applyReplacements(loaded.referenceText, [...sentinel, ...replace], name),
      "sentinel.h": readFileSync(join(packageRoot(), "tests", "sentinels", "sentinel.h"), "utf8"),
    },
    manifest: {
      language: "c",
      compiler,
      units: [
        {
          source: "trainer.c",
          flags: [
            "-std=c11",
            ...flags,
            ...typeFlags(loaded.spec.variants[variant]!),
            ...(lower ? [`-DLOWER_TO=${lower.toUpperCase()}`] : []),
            ...orders,
          ],
        },
      ],
      linkFlags: flags.includes("-fopenmp") ? ["-fopenmp"] : [],
    },
  };
}
