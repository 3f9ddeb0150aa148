import { describe, expect, it } from "vitest";
import { readCheaters } from "./cheater-file.js";
import { disguise } from "./disguise.js";
import { copyFor } from "./small-spec-copies.js";
import { candidateFor, partFor } from "./sources.js";

const text = `#include "forge_kernel.h"
#ifdef CHEAT
static int answered = 3; /* a secret */
#else
static int answered;
#endif
static int helper(int number) { return number + answered; }
int entry(int64_t rows) { return helper((int)rows); }
`;

describe("a cheater's source", () => {
  it("is one of two, clean of what tells them apart", () => {
    expect(partFor(text, "cheater")).toContain("answered = 3");
    expect(partFor(text, "twin")).not.toContain("3");
    for (const role of ["cheater", "twin"] as const) expect(partFor(text, role)).not.toMatch(/CHEAT|#else|#endif/);
  });

  it("is renamed throughout and split over two files, its entry alone keeping its name", () => {
    const manifest = { language: "c" as const, compiler: "gcc", units: [{ source: "kernel.c", flags: ["-O2"] }], linkFlags: [] };
    const { files, manifest: after } = disguise({ files: { "kernel.c": partFor(text, "cheater") }, manifest }, ["entry"]);
    expect(after.units).toEqual([
      { source: "first.c", flags: ["-O2"] },
      { source: "second.c", flags: ["-O2"] },
    ]);
    expect(Object.values(files).join("")).not.toMatch(/answered|helper|number|secret/);
    expect(files["first.c"]).toMatch(/int \w+ = 3;[\s\S]*int \w+\(int \w+\) \{/);
    expect(files["second.c"]).toMatch(/extern int \w+;[\s\S]*int \w+\(int \w+\);[\s\S]*int entry\(int64_t \w+\) \{/);
  });

  it("has code on both sides when it is split, for every cheater that has two functions", () => {
    for (const cheater of readCheaters()) {
      const { files } = disguise(candidateFor(cheater, "cheater", cheater.targets[0]!), Object.keys(copyFor(cheater).spec.entries));
      expect(Object.keys(files), cheater.name).toEqual(expect.arrayContaining(["first.c", "second.c"]));
    }
  });
});
