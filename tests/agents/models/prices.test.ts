import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { costOf, loadPrices, priceOf } from "../../../agents/models/prices.js";

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "forge-prices-"));
});
afterAll(() => rmSync(folder, { recursive: true }));

function fileWith(text: string): string {
  const path = join(folder, "prices.yaml");
  writeFileSync(path, text);
  return path;
}

const own = (rates: string) => `prices:\n  my-model: { ${rates}, source: "a contract", as_of: "2026-11-22" }\n`;
const usage = { input: 1_000_000, output: 100_000, cacheRead: 2_000_000, cacheWrite: 500_000 };

test("a request costs what the table says, each kind of token at its rate", () => {
  const path = fileWith(own("input: 3, output: 15, cache_read: 0.3, cache_write: 3.75"));
  expect(costOf("my-model", usage, loadPrices(path))).toBeCloseTo(3 + 1.5 + 0.6 + 1.875, 12);
});

test("a longer prompt has its own rates, from the first token behind the limit", () => {
  const long = "long_prompt: { above_tokens: 100, input: 2, output: 4, cache_read: 6, cache_write: 8 }";
  const prices = loadPrices(fileWith(own(`input: 1, output: 1, cache_read: 1, cache_write: 1, ${long}`)));
  expect(costOf("my-model", { input: 40, output: 7, cacheRead: 30, cacheWrite: 30 }, prices)).toBeCloseTo(107e-6, 15);
  expect(costOf("my-model", { input: 41, output: 7, cacheRead: 30, cacheWrite: 30 }, prices)).toBeCloseTo((82 + 28 + 180 + 240) * 1e-6, 15);
});

test("an unknown model's cost is unknown; a dated snapshot costs what its model costs", () => {
  const prices = loadPrices();
  expect(costOf("gpt-9000", usage, prices)).toBeNull();
  expect(costOf("constructor", usage, prices)).toBeNull();
  expect(priceOf("claude-haiku-4-5-20251001", prices)).toBe(prices["claude-haiku-4-5"]);
  expect(priceOf("gpt-5-2025-08-07", prices)).toBe(prices["gpt-5"]);
});

test("the table that comes with Forge names a source and a day for every row", () => {
  const prices = loadPrices();
  expect(Object.keys(prices).length).toBeGreaterThan(10);
  for (const { source, as_of, input, output } of Object.values(prices)) {
    expect(source).toMatch(/^https:\/\/(platform\.claude\.com|developers\.openai\.com)\//);
    expect(Date.parse(as_of)).toBeGreaterThan(0);
    expect(output).toBeGreaterThan(input);
  }
});

test("a row of the user's own stands in for Forge's; the others stay", () => {
  const path = fileWith(own("input: 0, output: 0, cache_read: 0, cache_write: 0").replace("my-model", "gpt-5"));
  const prices = loadPrices(path);
  expect(costOf("gpt-5", usage, prices)).toBe(0);
  expect(costOf("claude-haiku-4-5", usage, prices)).toBeGreaterThan(0);
});

test.each([
  [own("inputs: 3, output: 15, cache_read: 0.3, cache_write: 3.75"), /prices\.yaml:2:15: unknown key "inputs".*\n.*\n.*input/],
  [own("input: -3, output: 15, cache_read: 0.3, cache_write: 3.75"), /prices\.yaml:2:22: .*-3/],
  ["prices: [", /prices\.yaml:1:/],
])("a wrong file is refused with line and column: %s", (text, message) => {
  expect(() => loadPrices(fileWith(text))).toThrow(message);
});

test("a file that is not there is named", () => {
  expect(() => loadPrices(join(folder, "none.yaml"))).toThrow(/none\.yaml:1:1: there is no such file/);
});
