import { resolve } from "node:path";
import { expect, it } from "vitest";
import { parse } from "yaml";

/** A guard against what cannot happen proves nothing: each attack of hostile-spec.test.ts works on a plain YAML parser. */

it("a few lines of aliases grow by a factor of nine each", () => {
  const bomb = (levels: number): string =>
    Array.from(
      { length: levels },
      (_, level) =>
        `a${level}: &a${level} [${
          level === 0
            ? "x"
            : Array(9)
                .fill(`*a${level - 1}`)
                .join(", ")
        }]`,
    ).join("\n");
  const sizeOf = (levels: number): number => JSON.stringify(parse(bomb(levels), { maxAliasCount: -1 })).length;
  expect(sizeOf(5) / sizeOf(4)).toBeGreaterThan(8);
});

it("a tag, a duplicate key and a number without end are taken as they come", () => {
  expect(parse("hidden: !!binary aGk=", { logLevel: "silent" })).toHaveProperty("hidden");
  expect(parse("hidden: 24\nhidden: 4", { uniqueKeys: false })).toEqual({ hidden: 4 });
  expect(parse("hidden: 1e400\nspeed: .nan")).toEqual({ hidden: Number.POSITIVE_INFINITY, speed: Number.NaN });
});

it("__proto__ arrives as a key, and one careless copy later as a prototype", () => {
  const careless: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(parse("__proto__: { polluted: 1 }") as object)) careless[key] = value;
  expect(careless.polluted).toBe(1);
});

it("a path with .. leads out of the project", () => {
  expect(resolve("/project/specs", "../../etc/passwd")).toBe("/etc/passwd");
});
