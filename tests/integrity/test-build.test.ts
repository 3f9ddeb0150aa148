import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it, test } from "vitest";
import { laws } from "../../verifiers/laws.js";
import { readAbsentRows, readCheaters } from "./cheater-file.js";

const filesUnder = (folder: string): string[] =>
  readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    return entry.isDirectory() ? filesUnder(path) : /\.(?:ts|mjs)$/.test(entry.name) ? [path] : [];
  });

const sources = ["specs", "agents", "verifiers", "harness", "scripts"].flatMap(filesUnder);
const naming = (pattern: RegExp): string[] => sources.filter((path) => pattern.test(readFileSync(path, "utf8")));

describe("a law can be suspended by a test alone", () => {
  it("for nothing outside of tests asks for a test build", () => {
    expect(naming(/judgeTestBuild/)).toEqual(["verifiers/judge-context.ts", "verifiers/judge.ts"]);
  });

  it("and nothing but the judge puts a suspended law anywhere; verifiers only hand on and ask what it is", () => {
    const setting = sources.flatMap((path) =>
      [...readFileSync(path, "utf8").matchAll(/^.*\bsuspended\s*[:=](?!=).*$/gm)].map(([line]) => `${path}: ${line.trim()}`),
    );
    const handedOn =
      /suspended\??: (?:context\.suspended,|Law;|Law,$|Law \| undefined;|Law,? )|suspended\?: Law\b|suspended: Law\b|law .* is suspended: /;
    expect(setting.filter((line) => !handedOn.test(line))).toEqual([]);
  });

  it("and what a test build says is no verdict: events, records and certificates cannot hold it", () => {
    const text = readFileSync("verifiers/judge.ts", "utf8");
    const members = /export interface TestBuildVerdict \{([^}]*)\}/.exec(text)?.[1]?.match(/\w+(?=[?]?:)/g);
    expect(members).toEqual(["suspended", "wouldBe", "checks"]);
    expect(naming(/TestBuildVerdict/)).toEqual(["verifiers/judge.ts"]);
  });
});

test("every row of the field's list is planted, or absent for a reason", () => {
  const planted = readCheaters().flatMap(({ rows }) => rows);
  const absent = readAbsentRows().flatMap(({ rows }) => rows);
  expect([...new Set([...planted, ...absent])].sort((a, b) => a - b)).toEqual(Array.from({ length: 61 }, (_, index) => index + 1));
});

test("every law that cheaters break is a law, and no law is without a word on what it guards against", () => {
  for (const { law } of readCheaters()) expect(Object.keys(laws)).toContain(law);
  for (const text of Object.values(laws)) expect(text.length).toBeGreaterThan(5);
});
