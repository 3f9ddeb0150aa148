import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { LoadedSpec } from "../../../specs/contracts/spec.js";
import type { Candidate, MachineClass } from "../../../specs/contracts/target.js";
import { keepEntry, typeFlags } from "../../../specs/lower-reference.js";
import { applyReplacements, headersIn, readSentinels, type SentinelEntry, sentinelFolder } from "./sentinel-file.js";

/** One candidate for one entry of one variant, and what must become of it. */
export interface Sentinel {
  spec: string;
  variant: string;
  entry: string;
  name: string;
  expected: "rejected" | "accepted";
  candidate: Candidate;
}

const include = '#include "forge.h"';
const defaultFlags = ["-O2", "-ffp-contract=off"];

/**
 * All sentinels of a spec and variant: those of every spec and its own, which take the place of a common one of the same name. What this
 * machine cannot run is named in `skipped`.
 */
export function expandSentinels(
  loaded: LoadedSpec,
  variantName: string,
  machine: MachineClass,
  compilers: string[],
): { sentinels: Sentinel[]; skipped: string[] } {
  const skipped: string[] = [];
  const own = join(sentinelFolder(), loaded.spec.name);
  const special = readSentinels(join(own, "sentinels.yaml"));
  const common = readSentinels(join(sentinelFolder(), "every-spec.yaml")).filter(({ name }) => !special.some((item) => item.name === name));
  const sentinels = [...common, ...special].flatMap((item) => {
    const missing =
      item.requires !== undefined && !machine.isa.includes(item.requires)
        ? item.requires
        : item.compiler !== undefined && !compilers.includes(item.compiler)
          ? item.compiler
          : null;
    if (missing !== null) skipped.push(`${loaded.spec.name} ${variantName}: ${item.name} needs ${missing}`);
    return missing === null ? entriesOf(loaded, item).flatMap((entry) => candidatesOf(loaded, variantName, own, item, entry)) : [];
  });
  return { sentinels, skipped };
}

function entriesOf(loaded: LoadedSpec, item: SentinelEntry): string[] {
  const names = Object.keys(loaded.spec.entries);
  const wanted = item.entries ?? (item.replace ? Object.keys(item.replace) : names);
  for (const name of wanted)
    if (!names.includes(name))
      throw new Error(`sentinel ${item.name}: ${loaded.spec.name} has no entry ${name}; it has ${names.join(", ")}`);
  // An order of summation says nothing of an entry that sums nothing.
  return item.order === undefined ? wanted : wanted.filter((name) => /\bSUMS?\(/.test(keepEntry(loaded.referenceText, names, name)));
}

function candidatesOf(loaded: LoadedSpec, variantName: string, own: string, item: SentinelEntry, entry: string): Sentinel[] {
  const whose = `${loaded.spec.name} / ${item.name}`;
  const common = { spec: loaded.spec.name, variant: variantName, entry, expected: item.expect };
  const precisions: (string | null)[] = item.lower ? (item.lower[variantName] ?? []) : [null];
  return precisions.map((precision) => ({
    ...common,
    name: precision === null ? item.name : item.name.replace("lowered", `in ${precision}`),
    candidate: buildCandidate(loaded, variantName, own, item, entry, precision, whose),
  }));
}

function buildCandidate(
  loaded: LoadedSpec,
  variantName: string,
  own: string,
  item: SentinelEntry,
  entry: string,
  precision: string | null,
  whose: string,
): Candidate {
  const alone = () => keepEntry(loaded.referenceText, Object.keys(loaded.spec.entries), entry);
  const text = item.source
    ? readFileSync(join(own, item.source), "utf8")
    : applyReplacements(alone(), item.replace?.[entry] ?? [], whose).replace(include, '#include "sentinel.h"');
  const local = [...text.matchAll(/#include "([\w-]+\.h)"/g)].map((match) => match[1]!).filter((name) => name !== "sentinel.h");
  const flags = [
    "-std=gnu11",
    ...typeFlags(loaded.spec.variants[variantName]!),
    ...defaultFlags,
    ...(item.order ? [`-DSUM_ORDER=${item.order}`, `-DSUMS_ORDER=${item.order}`] : []),
    ...(item.columnOrder ? [`-DSUMS_ORDER=${item.columnOrder}`] : []),
    ...(precision ? [`-DLOWER_TO=${precision.toUpperCase()}`] : []),
    ...(item.flags ?? []),
  ];
  return {
    files: { "sentinel.c": text, ...headersIn(sentinelFolder(), ["sentinel.h"]), ...headersIn(own, local) },
    manifest: { language: "c", compiler: item.compiler ?? "gcc", units: [{ source: "sentinel.c", flags }], linkFlags: [] },
  };
}
