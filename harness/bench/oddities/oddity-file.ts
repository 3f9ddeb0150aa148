import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join, relative } from "node:path";
import { type Static, Type } from "@sinclair/typebox";
import { Ajv } from "ajv";
import { parse } from "yaml";
import { packageRoot } from "../../package-root.js";

const closed = { additionalProperties: false } as const;
const Name = Type.String({ minLength: 1, pattern: "^[a-z0-9][a-z0-9-]*$" });
const Sentence = Type.String({ minLength: 20 });

/** An honest kernel that looks odd: what it is judged as, what is odd about it, and why it is honest all the same. */
const OdditySchema = Type.Object(
  {
    name: Name,
    spec: Name,
    variants: Type.Array(Name, { minItems: 1, uniqueItems: true }),
    targets: Type.Array(Name, { minItems: 1, uniqueItems: true }),
    threads: Type.Integer({ minimum: 1 }),
    requires: Type.Optional(Type.Array(Type.String(), { description: "Instruction sets without which it cannot run." })),
    timed: Type.Optional(
      Type.Record(Type.String(), Type.Integer({ minimum: 1 }), {
        description: "Sizes to time it at, where those of its spec's oddities do not fit.",
      }),
    ),
    odd: Sentence,
    honest: Sentence,
  },
  closed,
);
type OddityDocument = Static<typeof OdditySchema>;

export interface Oddity extends OddityDocument {
  /** The folder that `forge check` takes: sources and forge.json. */
  candidateFolder: string;
}

const validate = new Ajv({ allErrors: true }).compile<OddityDocument>(OdditySchema);

export function readOddity(folder: string): Oddity {
  const path = join(folder, "oddity.yaml");
  const value: unknown = parse(readFileSync(path, "utf8"));
  if (validate(value)) return { ...value, candidateFolder: join(folder, "candidate") };
  const [first] = validate.errors ?? [];
  throw new Error(`${relative(packageRoot(), path)}: ${first?.instancePath || "/"} ${first?.message ?? "is no oddity"}`);
}

/** All oddities, by name. */
export function readOddities(folder = join(packageRoot(), "tests", "oddities")): Oddity[] {
  if (!existsSync(folder))
    throw new Error(`${folder} is not here: oddities lie in tests/oddities, get them with a checkout of Forge's repository`);
  return readdirSync(folder)
    .sort()
    .map((name) => {
      const oddity = readOddity(join(folder, name));
      if (oddity.name !== name) throw new Error(`tests/oddities/${name} calls itself ${oddity.name}: name both alike`);
      return oddity;
    });
}
