import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { hashOf, type OddityCase, type OddityResult } from "../../../harness/bench/oddities/judge-oddity.js";
import { readOddities, readOddity } from "../../../harness/bench/oddities/oddity-file.js";
import { withSmallSizes } from "../../../harness/bench/oddities/small-sizes.js";
import { oddityCountLine, oddityTable, summariseOddity } from "../../../harness/bench/oddities/table.js";
import { loadSpec } from "../../../specs/load-spec.js";

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "forge-oddities-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const oddity: OddityCase = {
  name: "big-stack",
  spec: "rmsnorm",
  variant: "f32",
  target: "x86-64",
  threads: 1,
  sizes: { rows: 2, dim: 3 },
  requires: [],
  candidate: { files: { "a.c": "int a;\n" }, manifest: { language: "c", compiler: "gcc", units: [], linkFlags: [] } },
};

const result = (change: Partial<OddityResult>): OddityResult => ({
  name: "big-stack",
  spec: "rmsnorm",
  variant: "f32",
  target: "x86-64",
  sizes: { rows: 2, dim: 3 },
  outcome: "passed",
  accusations: [],
  errors: [],
  ratios: { rmsnorm_forward: 1.5, rmsnorm_backward: 0.9 },
  seconds: 4,
  breakdown: { building: 1, running: 1, sealing: 1, comparing: 1, timing: 1, other: 0 },
  seeds: { hidden: "00", timed: "00" },
  judged: hashOf(oddity),
  ...change,
});

describe("an oddity's file", () => {
  const text = (change = "") =>
    `name: one\nspec: rmsnorm\nvariants: [f32]\ntargets: [x86-64]\nthreads: 1\nodd: It looks most unlike other kernels.\nhonest: It is right all the same, always.\n${change}`;
  const place = (name: string, content: string) => {
    mkdirSync(join(folder, name), { recursive: true });
    writeFileSync(join(folder, name, "oddity.yaml"), content);
    return join(folder, name);
  };

  test("names the folder that is judged", () => {
    const path = place("one", text());
    expect(readOddity(path)).toMatchObject({ name: "one", candidateFolder: join(path, "candidate") });
  });

  test("with a misspelt field, or without its reasons, is refused", () => {
    expect(() => readOddity(place("misspelt", text("thread: 2\n")))).toThrow(/misspelt\/oddity\.yaml: \/ must NOT have additional/);
    expect(() => readOddity(place("silent", text().replace(/odd: .*\n/, "")))).toThrow(/must have required property 'odd'/);
  });

  test("that calls itself otherwise than its folder is refused", () => {
    const other = mkdtempSync(join(folder, "other-"));
    mkdirSync(join(other, "two"));
    writeFileSync(join(other, "two", "oddity.yaml"), text());
    expect(() => readOddities(other)).toThrow(/two calls itself one/);
    expect(() => readOddities(join(folder, "nowhere"))).toThrow(/checkout/);
  });
});

test("the exam of an oddity is its spec's but for the timed sizes", () => {
  const loaded = loadSpec("specs/kernels/rmsnorm.yaml");
  const small = withSmallSizes(loaded, "x86-64");
  expect(small.spec.cases.timed).toHaveLength(1);
  expect({ ...small.spec, cases: { ...small.spec.cases, timed: loaded.spec.cases.timed } }).toEqual(loaded.spec);
  expect(withSmallSizes(loaded, "x86-64", { rows: 8, dim: 9 }).spec.cases.timed).toEqual([{ rows: 8, dim: 9 }]);
});

describe("the table", () => {
  test("counts verdicts, and an errored one as none", () => {
    const summary = summariseOddity(oddity, [
      result({}),
      result({ seconds: 7 }),
      result({ outcome: "errored", errors: ["busy"], ratios: {} }),
    ]);
    expect(summary).toMatchObject({ verdicts: 2, accused: 0, errored: 1, slowestSeconds: 7, ratios: { least: 0.9, largest: 1.5 } });
    expect(oddityTable([summary])).not.toContain("ACCUSED");
    expect(oddityCountLine([summary])).toBe("1 oddities, 2 verdicts, 0 accused, 1 errored");
  });

  test("names an accusation even where there is one in many verdicts", () => {
    const summary = summariseOddity(oddity, [result({}), result({ outcome: "failed", accusations: ["align: y"] }), result({})]);
    expect(oddityTable([summary])).toMatch(/rows=2 dim=3 +3 +1 .*ACCUSED/);
    expect(summary.accusations).toEqual(["align: y"]);
  });
});

test("a result counts for the kernel that was judged, not for a changed one", () => {
  expect(hashOf(oddity)).toBe(hashOf(structuredClone(oddity)));
  expect(hashOf({ ...oddity, candidate: { ...oddity.candidate, files: { "a.c": "int b;\n" } } })).not.toBe(hashOf(oddity));
  expect(hashOf({ ...oddity, sizes: { rows: 2, dim: 4 } })).not.toBe(hashOf(oddity));
});
