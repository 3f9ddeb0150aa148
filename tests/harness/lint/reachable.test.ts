import { expect, it } from "vitest";
import { entriesReaching } from "../../../harness/lint/reachable.js";

const source = `#include "forge.h"
#define HALF 0.5
#define UNUSED 3
static const ACC table[] = {1, 2};
/* used by both through helper */
static ACC deep(ACC v) { return v * HALF; }
static ACC helper(ACC v) { return deep(v) + 1; }
int first(const STORE *x, STORE *y, int64_t n) { return helper(n) > 7; }
int second(const STORE *x, STORE *y, int64_t n) { return n - 9; }
int stray(int64_t n) { return n - 11; }
`;

it("a change counts for the entries that use what it stands in", () => {
  const reaching = entriesReaching(source, ["first", "second"]);
  const at = (text: string) => reaching(source.indexOf(text));
  expect(at("> 7")).toEqual(["first"]);
  expect(at("- 9")).toEqual(["second"]);
  expect(at("+ 1")).toEqual(["first"]);
  expect(at("v * HALF")).toEqual(["first"]);
  expect(at("0.5")).toEqual(["first"]);
  expect(at("{1, 2}")).toEqual(["first", "second"]);
  expect(at("- 11")).toEqual([]);
  expect(at("3\n")).toEqual([]);
});
