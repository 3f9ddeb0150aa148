import { execFileSync } from "node:child_process";
import { rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { loadSpec } from "../../specs/load-spec.js";
import { SpecError } from "../../specs/spec-error.js";
import { parseYaml } from "../../specs/yaml-source.js";
import { changed, refusalOf, rmsnormText, writeSpec } from "./spec-folder.js";

/** Long enough for a busy machine, far too short for a bomb. */
const promptly = { timeout: 20_000 };

describe("row 46: bombs run into limits", () => {
  it("survives an alias bomb", promptly, () => {
    const levels = Array.from(
      { length: 20 },
      (_, level) =>
        `a${level}: &a${level} [${
          level === 0
            ? "x"
            : Array(9)
                .fill(`*a${level - 1}`)
                .join(", ")
        }]`,
    );
    expect(refusalOf(`${levels.join("\n")}\n${rmsnormText}`).message).toMatch(/alias/i);
  });

  it("survives an alias inside itself", promptly, () => {
    expect(refusalOf(`a: &a [*a]\n${rmsnormText}`).message).toMatch(/alias/i);
  });

  it.each([
    ["flow lists", (depth: number) => `a: ${"[".repeat(depth)}${"]".repeat(depth)}`],
    ["flow mappings", (depth: number) => `a: ${"{a: ".repeat(depth)}1${"}".repeat(depth)}`],
    ["lists in a line", (depth: number) => `a:\n  ${"- ".repeat(depth)}1`],
    ["indentation", (depth: number) => Array.from({ length: Math.min(depth, 1000) }, (_, level) => `${" ".repeat(level)}a:`).join("\n")],
  ])("survives deep nesting in %s", promptly, (_, nest) => {
    for (const depth of [33, 1000, 100_000]) expect(refusalOf(nest(depth)).problem).toMatch(/nested deeper than 32|not valid YAML/);
  });

  it("survives a file of 100 MB without reading it", promptly, () => {
    expect(refusalOf(Buffer.alloc(100_000_000, "a")).problem).toMatch(/100000000 bytes, the limit is 1000000/);
  });

  it.each([
    ["keys", Array.from({ length: 100_000 }, (_, index) => `k${index}: 1`).join("\n")],
    ["elements", `a: [${"1,".repeat(400_000)}1]`],
    ["documents", "--- 1\n".repeat(100_000)],
  ])("survives a megabyte of %s", promptly, (_, text) => {
    expect(refusalOf(text)).toBeInstanceOf(SpecError);
  });

  it("survives a pipe that nobody writes to", promptly, () => {
    const path = writeSpec("");
    rmSync(path);
    execFileSync("mkfifo", [path]);
    expect(refusalOf("", path).problem).toMatch(/not a regular file/);
  });

  it("survives bytes that are no text", promptly, () => {
    expect(refusalOf(Buffer.from([0x61, 0x3a, 0xff, 0xfe])).problem).toMatch(/not UTF-8/);
  });
});

describe("row 47: tags are errors", () => {
  it.each(["!!js/function 'x'", "!custom 24", "!!str 24", "!!int 24", "!!binary aGk=", "! 24"])("survives %s", (value) => {
    const { text, line } = changed("hidden: 24", `hidden: ${value}`);
    const error = refusalOf(text);
    expect(error.message).toMatch(/tag|not valid YAML/i);
    expect(error.line).toBe(line);
  });

  it("survives directives", () => {
    expect(refusalOf(`%YAML 1.1\n---\n${rmsnormText}`).problem).toMatch(/directives/);
    expect(refusalOf(`%TAG ! tag:example.com,2000:\n---\n${rmsnormText}`).problem).toMatch(/directives/);
  });
});

describe("row 48: keys that mean something to JavaScript, and duplicates", () => {
  it.each(["__proto__", "constructor", "prototype"])("survives the key %s", (key) => {
    for (const place of ["  dim: {", "    bytes: 2", "hidden: 24"]) {
      const indentation = /^ */.exec(place)![0] || "  ";
      const error = refusalOf(
        changed(place, `${key}: { polluted: 1 }\n${indentation}${place.trimStart()}`).text.replace(`\n${key}`, `\n${indentation}${key}`),
      );
      expect(error.message).toMatch(/is not allowed/);
    }
    expect(({} as Record<string, unknown>).polluted).toBeUndefined();
  });

  it("survives duplicate keys", () => {
    const { text, line } = changed("  hidden: 24", "  hidden: 24\n  hidden: 4");
    const error = refusalOf(text);
    expect(error.message).toMatch(/the key hidden occurs twice in cases/);
    expect(error.line).toBe(line + 1);
  });

  it("survives keys that are no words", () => {
    for (const key of ["1", "null", "[a]", "{a: b}", "? [a, b]\n"]) expect(() => parseYaml(`${key}: 1`, "f")).toThrow(SpecError);
  });
});

describe("row 49: numbers that are none, and negative limits", () => {
  it.each([".nan", ".inf", "-.inf", "1e400", "-1e400", "-1", "0", "1.5"])("survives hidden: %s", (value) => {
    const { text, line } = changed("hidden: 24", `hidden: ${value}`);
    expect(refusalOf(text).line).toBe(line);
  });

  it.each([
    ["attempts: 6", "attempts: -6"],
    ["minutes: 10", "minutes: 0"],
    ["minutes: 10", "minutes: .nan"],
    ["speed: 1\n", "speed: 0.5\n"],
    ["timed: 1.0e-6", "timed: 1e999"],
    ["spread: 0.25", "spread: -1"],
    ["small: [2, 48]", "small: [-2, 48]"],
    ["{ rows: 8192,", "{ rows: 99999999999999999999,"],
  ])("survives %s becoming %s", (from, to) => {
    const { text, line } = changed(from, to);
    expect(refusalOf(text).line).toBe(line);
  });
});

describe("row 50: names and paths that lead elsewhere", () => {
  const reference = "../../reference-kernels/rmsnorm.c";

  it.each([
    ["a path above the project", "../../../reference-kernels/rmsnorm.c", /leaves the project/],
    ["a path far above the project", "../../../../../../../../etc/passwd.c", /leaves the project/],
    ["an absolute path", "/etc/passwd", /is absolute/],
    ["a NUL", '"../../reference-kernels/rmsnorm.c\\0.c"', /control character|NUL/],
    ["a colon", "c:rmsnorm.c", /contains ":"/],
    ["a URL", "file:///etc/passwd", /contains ":"/],
    ["a backslash", "..\\..\\rmsnorm.c", /contains ":" or "\\"/],
    ["a file that is not there", "../../reference-kernels/absent.c", /there is no such file/],
    ["a folder", "../../reference-kernels", /does not end in \.c/],
  ])("survives %s as the reference", (_, path, expected) => {
    const { text, line } = changed(reference, path);
    const error = refusalOf(text);
    expect(error.problem).toMatch(expected);
    expect(error.line).toBe(line);
  });

  it("survives a link out of the project as the reference", () => {
    const path = writeSpec(changed(reference, "link.c").text);
    symlinkSync(join(process.cwd(), "reference-kernels/rmsnorm.c"), join(path, "../link.c"));
    expect(refusalOf("", path).problem).toMatch(/is a link out of the project/);
  });

  it.each(["../escape", "a/b", "/abs", "a:b", '"a\\0b"', "..", "UPPER", "a b"])("survives %s as a name", (name) => {
    expect(refusalOf(changed("name: rmsnorm", `name: ${name}`).text)).toBeInstanceOf(SpecError);
    expect(refusalOf(changed("  bf16: {", `  ${name}: {`).text)).toBeInstanceOf(SpecError);
    expect(refusalOf(changed("  rmsnorm_forward:", `  ${name}:`).text)).toBeInstanceOf(SpecError);
  });

  it.each(["<stdlib.h>", '"../secret.h"', '"/etc/passwd"', "SECRET"])("survives a reference that includes %s", (include) => {
    const path = writeSpec(changed(reference, "own.c").text);
    writeFileSync(join(path, "../own.c"), `/* */ #include ${include}\n#include "forge.h"\n`.replace("/* */ ", ""));
    expect(refusalOf("", path).problem).toContain(`the reference includes ${include}`);
  });
});

describe("any text at all", () => {
  it("is accepted or refused with a SpecError, never anything else", () => {
    const path = writeSpec("");
    const mutation = fc.tuple(
      fc.nat(rmsnormText.length),
      fc.nat(40),
      fc.oneof(fc.string(), fc.constantFrom("[", "{", "*a", "&a ", "!x ", "\n", "- ", ": ", "__proto__: 1", "\t")),
    );
    fc.assert(
      fc.property(mutation, ([start, length, inserted]) => {
        writeFileSync(path, rmsnormText.slice(0, start) + inserted + rmsnormText.slice(start + length));
        try {
          loadSpec(path);
        } catch (error) {
          expect(error).toBeInstanceOf(SpecError);
          // No text of a spec may steer the terminal that shows its error.
          expect((error as SpecError).message).not.toMatch(/[^\P{Cc}\n]/u);
        }
      }),
      { numRuns: 200 },
    );
  });
});
