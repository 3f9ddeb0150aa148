import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { SentinelResult } from "../../../harness/bench/sentinels/judge-sentinel.js";
import { applyReplacements, readSentinels } from "../../../harness/bench/sentinels/sentinel-file.js";
import { countLine, isSurprise, sentinelTable, summarise } from "../../../harness/bench/sentinels/table.js";

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "forge-sentinels-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe("a sentinel's changes to the reference", () => {
  test("must each be found exactly once", () => {
    expect(applyReplacements("a + b", [["+", "-"]], "s")).toBe("a - b");
    expect(() => applyReplacements("a + b + c", [["+", "-"]], "rmsnorm / sign")).toThrow(/rmsnorm \/ sign: "\+" is found 2 times/);
    expect(() => applyReplacements("a - b", [["+", "-"]], "rmsnorm / sign")).toThrow(/found 0 times/);
  });

  test("are taken as they stand, dollar signs too", () => {
    expect(applyReplacements("x", [["x", "$& $1"]], "s")).toBe("$& $1");
  });
});

describe("a file of sentinels", () => {
  test("that is not here says where to get it", () => {
    expect(() => readSentinels(join(folder, "nowhere.yaml"))).toThrow(/checkout/);
  });

  test("with a misspelt field is refused", () => {
    const path = join(folder, "misspelt.yaml");
    writeFileSync(path, "sentinels: [{ name: a, expects: rejected }]\n");
    expect(() => readSentinels(path)).toThrow(/sentinels\/0/);
  });
});

describe("the table", () => {
  const result = (change: Partial<SentinelResult>): SentinelResult => ({
    spec: "rmsnorm",
    variant: "f32",
    entry: "rmsnorm_forward",
    name: "eps missing",
    expected: "rejected",
    got: "rejected",
    gate: "envelope-rms",
    output: "rstd",
    regime: "tiny",
    share: 3,
    ...change,
  });

  test("shows of many rounds the one that says most: least over for what is rejected, closest for what is accepted", () => {
    const [rejected, accepted] = summarise([
      result({ share: 9 }),
      result({ share: 2 }),
      result({ name: "serial", expected: "accepted", got: "accepted", share: 0.1 }),
      result({ name: "serial", expected: "accepted", got: "accepted", share: 0.4 }),
    ]);
    expect(rejected).toMatchObject({ share: 2, rounds: 2, asExpected: 2 });
    expect(accepted).toMatchObject({ share: 0.4, rounds: 2, asExpected: 2 });
  });

  test("names a surprise even where it happened once in many rounds", () => {
    const summaries = summarise([result({}), result({ got: "accepted", share: 0.9 }), result({})]);
    expect(summaries.map(isSurprise)).toEqual([true]);
    expect(sentinelTable(summaries)).toMatch(/2\/3 .*accepted, at most 90 % of a bound.*SURPRISE/);
    expect(countLine(summaries)).toBe("0 rejected of 1, 0 accepted of 0");
  });
});
