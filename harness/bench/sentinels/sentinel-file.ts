import { existsSync, readFileSync } from "node:fs";
import { basename, join, relative } from "node:path";
import { type Static, Type } from "@sinclair/typebox";
import { Ajv } from "ajv";
import { parse } from "yaml";
import { packageRoot } from "../../package-root.js";

const closed = { additionalProperties: false } as const;
const Precision = Type.Union([Type.Literal("bf16"), Type.Literal("tf32")]);
const Replacement = Type.Tuple([Type.String({ minLength: 1 }), Type.String()]);
const OrderName = Type.String({ pattern: "^[A-Z]+$" });

/** One planted mistake, or one honest kernel of another make, for all entries and variants that it fits. */
const SentinelEntry = Type.Object(
  {
    name: Type.String({ minLength: 1 }),
    expect: Type.Union([Type.Literal("rejected"), Type.Literal("accepted")]),
    entries: Type.Optional(Type.Array(Type.String(), { description: "Default: those of `replace`, else all." })),
    lower: Type.Optional(
      Type.Record(Type.String(), Type.Array(Precision), { description: "By variant: what LOWER rounds to, one candidate each." }),
    ),
    order: Type.Optional(Type.String({ ...OrderName, description: "Of every sum; see tests/sentinels/sentinel.h." })),
    columnOrder: Type.Optional(Type.String({ ...OrderName, description: "Of SUMS alone: the reductions over rows." })),
    flags: Type.Optional(Type.Array(Type.String())),
    compiler: Type.Optional(Type.String()),
    requires: Type.Optional(Type.String({ description: "An instruction set without which it cannot run." })),
    replace: Type.Optional(
      Type.Record(Type.String(), Type.Array(Replacement), { description: "By entry: changes to the reference; each must match once." }),
    ),
    source: Type.Optional(Type.String({ description: "A kernel in place of the reference, beside this file." })),
  },
  closed,
);
export type SentinelEntry = Static<typeof SentinelEntry>;
const SentinelFile = Type.Object({ sentinels: Type.Array(SentinelEntry) }, closed);

const validate = new Ajv({ allErrors: true }).compile<Static<typeof SentinelFile>>(SentinelFile);

export const sentinelFolder = (): string => join(packageRoot(), "tests", "sentinels");

export function readSentinels(path: string): SentinelEntry[] {
  if (!existsSync(path))
    throw new Error(`${path} is not here: sentinels lie in tests/sentinels, get them with a checkout of Forge's repository`);
  const value: unknown = parse(readFileSync(path, "utf8"));
  if (validate(value)) return value.sentinels;
  const [first] = validate.errors ?? [];
  throw new Error(`${relative(packageRoot(), path)}: ${first?.instancePath || "/"} ${first?.message ?? "is no list of sentinels"}`);
}

/** Every search must be found exactly once: a sentinel that no longer changes the reference would prove nothing. */
export function applyReplacements(text: string, replacements: [string, string][], whose: string): string {
  return replacements.reduce((current, [search, replacement]) => {
    const found = current.split(search).length - 1;
    if (found !== 1)
      throw new Error(
        `sentinel ${whose}: ${JSON.stringify(search)} is found ${found} times in the reference, expected once; change the sentinel`,
      );
    return current.replace(search, () => replacement);
  }, text);
}

/** Headers that sentinels of a folder may include, by name. */
export function headersIn(folder: string, names: string[]): Record<string, string> {
  return Object.fromEntries(names.map((name) => [basename(name), readFileSync(join(folder, name), "utf8")]));
}
