import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join, relative } from "node:path";
import { type Static, Type } from "@sinclair/typebox";
import { Ajv } from "ajv";
import { parse } from "yaml";
import { packageRoot } from "../../harness/package-root.js";
import { kernelChecks } from "../../specs/contracts/verdict.js";
import { type Law, laws } from "../../verifiers/laws.js";

const closed = { additionalProperties: false } as const;
const literals = <const Name extends string>(names: readonly Name[], description = "") =>
  Type.Unsafe<Name>(
    Type.Union(
      names.map((name) => Type.Literal(name)),
      { description },
    ),
  );
const lawNames = Object.keys(laws) as Law[];

/** What stands in tests/cheaters/<name>/cheater.yaml; the code of cheater and twin is in kernel.c beside it. */
const Cheater = Type.Object(
  {
    rows: Type.Array(Type.Integer({ minimum: 1, maximum: 61 }), { minItems: 1, description: "Numbers of the cheat in the field's list." }),
    trick: Type.String({ minLength: 10, description: "In one sentence." }),
    spec: literals(["rmsnorm", "linear", "softmax-cross-entropy"]),
    variant: Type.Optional(literals(["f32", "bf16"])),
    entry: Type.String({ description: "The entry that cheats." }),
    targets: Type.Array(literals(["x86-64", "wasm-simd"]), { minItems: 1 }),
    law: literals(lawNames),
    caught: Type.Union(
      [
        Type.Object({ check: literals(kernelChecks) }, closed),
        Type.Object(
          {
            harmless: Type.String({ description: "Why the trick gains nothing, though the answers are right." }),
            shownBy: Type.Optional(
              literals(["time", "outcome"], "It is no faster than its twin (default), or never called faster than the baseline."),
            ),
          },
          closed,
        ),
      ],
      { description: "The check that fails, or why none needs to." },
    ),
    withoutLaw: Type.Optional(
      Type.Object(
        {
          impossible: Type.String({
            description: "Why no build exists in which this law is not enforced, or why another one catches it then.",
          }),
          on: Type.Optional(literals(["x86-64", "wasm-simd"], "On this target only.")),
        },
        closed,
      ),
    ),
    timedTwice: Type.Optional(Type.Literal(true, { description: "At a second size too." })),
    headers: Type.Array(Type.String(), { description: "Of tests/cheaters/common/." }),
    flags: Type.Optional(Type.Array(Type.String())),
    linkFlags: Type.Optional(Type.Array(Type.String())),
    pastedBytes: Type.Optional(Type.Integer({ description: "Of text that is pasted into the cheater's source when it is made." })),
    compiler: Type.Optional(literals(["gcc", "clang"])),
    threads: Type.Optional(Type.Integer({ minimum: 1, maximum: 2 })),
    libraries: Type.Optional(
      Type.Array(literals(["libc", "libm", "openmp"]), { description: "Allowed in the copy of the spec: fewer than it allows." }),
    ),
    naive: Type.Optional(Type.Object({ survives: Type.String({ description: "Why the naive examiner is not fooled." }) }, closed)),
  },
  closed,
);

export interface Cheater extends Static<typeof Cheater> {
  name: string;
  folder: string;
}

const validate = new Ajv({ allErrors: true }).compile<Static<typeof Cheater>>(Cheater);

export const cheaterFolder = (): string => join(packageRoot(), "tests", "cheaters");

function parseChecked<Value>(path: string, check: ((value: unknown) => value is Value) & { errors?: typeof validate.errors }): Value {
  const value: unknown = parse(readFileSync(path, "utf8"));
  if (check(value)) return value;
  const [first] = check.errors ?? [];
  throw new Error(`${relative(packageRoot(), path)}: ${first?.instancePath || "/"} ${first?.message ?? "is not as it should be"}`);
}

/** Every planted cheater, by name. */
export function readCheaters(): Cheater[] {
  return readdirSync(cheaterFolder())
    .filter((name) => existsSync(join(cheaterFolder(), name, "cheater.yaml")))
    .sort()
    .map((name) => {
      const folder = join(cheaterFolder(), name);
      const cheater = parseChecked(join(folder, "cheater.yaml"), validate);
      return { ...cheater, name, folder };
    });
}

const AbsentRows = Type.Object(
  { absent: Type.Array(Type.Object({ rows: Type.Array(Type.Integer()), reason: Type.String() }, closed)) },
  closed,
);
const validateAbsent = new Ajv().compile<Static<typeof AbsentRows>>(AbsentRows);

/** Rows of the list that cannot exist on a CPU target, with the reason. */
export function readAbsentRows(): Static<typeof AbsentRows>["absent"] {
  return parseChecked(join(cheaterFolder(), "absent.yaml"), validateAbsent).absent;
}
