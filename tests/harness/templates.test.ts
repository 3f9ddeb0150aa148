import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { afterAll, expect, it } from "vitest";
import { startSpec } from "../../harness/cli/start-spec.js";
import { loadSpec } from "../../specs/load-spec.js";

const folder = mkdtempSync(join(tmpdir(), "forge-template-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

it("loads as it stands", () => {
  expect(loadSpec("harness/templates/silu-activation.yaml").spec.name).toBe("silu-activation");
});

it.each(["gelu", "fused-bias-gelu"])("loads and compiles without warnings once it is called %s", (name) => {
  const into = join(folder, name);
  const { spec, files } = startSpec(name, into);
  expect(files.map((file) => basename(file)).sort()).toEqual([`${name}.c`, `${name}.yaml`]);
  const loaded = loadSpec(spec);
  expect(loaded.spec.name).toBe(name);
  expect(Object.keys(loaded.spec.entries)).toEqual(["forward", "backward"].map((direction) => `${name.replaceAll("-", "_")}_${direction}`));
  // Nothing of the template's own name may be left in code, or a user would search for it.
  expect(loaded.referenceText.replace(/\/\*[\s\S]*?\*\//g, "")).not.toMatch(/silu/);
  for (const types of [["-DFORGE_STORE_F64", "-DFORGE_ACCUMULATE_F64"], ["-DFORGE_STORE_F32"], ["-DFORGE_STORE_BF16"]])
    execFileSync("gcc", [
      "-std=c11",
      "-Wall",
      "-Wextra",
      "-Wdouble-promotion",
      "-Werror",
      ...types,
      "-I",
      "reference-kernels",
      "-c",
      "-o",
      "/dev/null",
      loaded.referencePath,
    ]);
  expect(readFileSync(spec, "utf8")).toContain("docs/spec.md");
});
