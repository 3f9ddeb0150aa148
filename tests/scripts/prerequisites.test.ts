import { describe, expect, test } from "vitest";
import { clangPackages, missingPackages, newestClang } from "../../scripts/prerequisites.mjs";

const searched = `clang-14 - C, C++ and Objective-C compiler
clang-19 - C, C++ and Objective-C compiler
clang-9 - C, C++ and Objective-C compiler
clang-22 - C, C++ and Objective-C compiler
`;
const programs = ["gcc", "g++", "git", "bwrap", "python3"];
const base = ["libc6-dev", "wasi-libc"];

function machine(options: { programs?: string[]; packages?: string[]; apt?: string; unknown?: string[] }) {
  return {
    hasProgram: (name: string) => (options.programs ?? programs).includes(name),
    hasPackage: (name: string) => (options.packages ?? []).includes(name),
    offers: (name: string) => !(options.unknown ?? []).includes(name),
    newestClang: newestClang(options.apt ?? searched),
  };
}

describe("what is missing", () => {
  test("the newest clang is found by number, not by spelling", () => {
    expect(newestClang(searched)).toBe(22);
    expect(newestClang("")).toBe(null);
  });

  test("on a bare machine: everything, with the newest clang", () => {
    expect(missingPackages(machine({ programs: [] }), { python: true })).toEqual([
      "gcc",
      "g++",
      "git",
      "bubblewrap",
      "python3",
      "libc6-dev",
      "wasi-libc",
      "python3-venv",
      ...clangPackages(22),
    ]);
  });

  test("on a complete machine: nothing", () => {
    const packages = [...base, ...clangPackages(22)];
    expect(missingPackages(machine({ packages }), { python: false })).toEqual([]);
    expect(missingPackages(machine({ packages }), { python: true })).toEqual(["python3-venv"]);
    expect(missingPackages(machine({ packages: [...packages, "python3-venv"] }), { python: true })).toEqual([]);
  });

  test("Redis is brought for tests, and for nobody else", () => {
    const packages = [...base, ...clangPackages(22)];
    expect(missingPackages(machine({ packages }), { python: false, redis: true })).toEqual(["redis-server", "openssl"]);
    const withRedis = machine({ packages, programs: [...programs, "redis-server", "openssl"] });
    expect(missingPackages(withRedis, { python: false, redis: true })).toEqual([]);
  });

  test("a browser is brought for tests where there is none of its kind", () => {
    const packages = [...base, ...clangPackages(22)];
    expect(missingPackages(machine({ packages }), { python: false, browser: true })).toEqual(["chromium"]);
    const withChrome = machine({ packages, programs: [...programs, "google-chrome"] });
    expect(missingPackages(withChrome, { python: false, browser: true })).toEqual([]);
  });

  test("a complete older clang is kept", () => {
    expect(missingPackages(machine({ packages: [...base, ...clangPackages(19)] }), { python: false })).toEqual([]);
  });

  test("a clang newer than apt's is kept", () => {
    expect(missingPackages(machine({ packages: [...base, ...clangPackages(23)] }), { python: false })).toEqual([]);
  });

  test("a clang without its linker is completed", () => {
    const packages = [...base, ...clangPackages(22).filter((name) => name !== "lld-22")];
    expect(missingPackages(machine({ packages }), { python: false })).toEqual(["lld-22"]);
  });

  test("where apt has no runtime of wasm32 for that clang, it is left out", () => {
    const missing = missingPackages(machine({ packages: base, apt: "clang-15 - C\n", unknown: ["libclang-rt-15-dev-wasm32"] }), {
      python: false,
    });
    expect(missing).toEqual(clangPackages(15).filter((name) => !name.endsWith("wasm32")));
  });
});
