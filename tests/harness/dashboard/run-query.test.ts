import fc from "fast-check";
import { expect, test } from "vitest";
import { addressText, parseAddress } from "../../../harness/dashboard/page/address.js";
import type { RunRow } from "../../../harness/dashboard/page-data.js";
import { findRuns, parseRunQuery, runQueryParameters } from "../../../harness/dashboard/run-query.js";

const rows: RunRow[] = ["a", "b", "c", "d"].map((name, index) => ({
  run: `run-${index === 1 ? "wasm-simd" : "x86-64"}-${name}`,
  spec: index < 3 ? "rmsnorm" : "linear",
  variant: "f32",
  target: index === 1 ? "wasm-simd" : "x86-64",
  agent: index === 0 ? "autotune" : "manual",
  startedAt: `2026-01-0${index + 1}T00:00:00.000Z`,
  lastEventAt: `2026-01-0${index + 1}T00:01:00.000Z`,
  attempts: [3, 1, 2, 0][index]!,
  bestOutcome: index === 3 ? null : "surpassed",
  bestRatio: [1.5, null, 2.5, null][index]!,
  bestInterval: null,
  end: index === 3 ? "interrupted" : "surpassed",
  place: { kind: "store" },
}));
const namesOf = (search: string) =>
  findRuns(rows, parseRunQuery(new URLSearchParams(search)), 0, 10)
    .rows.map(({ run }) => run.at(-1))
    .join("");

test("runs are found by words, spec, target and outcome, and sorted by any column; the unknown stands last", () => {
  expect(namesOf("")).toBe("dcba");
  expect(namesOf("text=manual+x86")).toBe("dc");
  expect(namesOf("text=resumed")).toBe("d");
  expect(namesOf("spec=rmsnorm&target=x86-64")).toBe("ca");
  expect(namesOf("outcome=none")).toBe("d");
  expect(namesOf("sort=attempts")).toBe("acbd");
  expect(namesOf("sort=speed-up")).toBe("cadb");
  expect(namesOf("sort=speed-up&order=ascending")).toBe("acdb");
  expect(namesOf("sort=nonsense&outcome=nonsense")).toBe("dcba");
});

test("a page says how many there are", () => {
  const page = findRuns(rows, parseRunQuery(new URLSearchParams("spec=rmsnorm")), 1, 1);
  expect(page).toMatchObject({ offset: 1, found: 3, all: 4, specs: ["linear", "rmsnorm"], targets: ["wasm-simd", "x86-64"] });
  expect(page.rows).toHaveLength(1);
});

test("an address holds what it was made from, whatever the names", () => {
  const name = fc.string({ minLength: 1, unit: "grapheme" }).filter((text) => !text.includes(":"));
  const query = fc.record({
    text: fc.string(),
    sort: fc.constantFrom("started", "run", "speed-up"),
    order: fc.constantFrom("ascending", "descending"),
  });
  fc.assert(
    fc.property(name, fc.nat(999), query, (run, attempt, asked) => {
      const parsed = parseRunQuery(new URLSearchParams(asked));
      for (const address of [
        { view: "run", run, attempt } as const,
        { view: "run", run, attempt: null } as const,
        { view: "runs", query: parsed } as const,
        { view: "compare", a: { run, attempt }, b: { run, attempt: null } } as const,
        { view: "roofline", filter: { spec: run, variant: null, target: run, run: null } } as const,
      ])
        expect(parseAddress(addressText(address))).toEqual(address);
      expect(parseRunQuery(runQueryParameters(parsed))).toEqual(parsed);
    }),
  );
});

test("an address that nobody made leads somewhere", () => {
  for (const hash of ["", "#", "#/nonsense/%E0%A4%A", "#/compare?a=&b=", "#/run", "#/run/x/attempt/-1"])
    expect(parseAddress(hash)).toBeTruthy();
});
