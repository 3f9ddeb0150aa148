import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Candidate } from "../../specs/contracts/target.js";
import { typeFlags } from "../../specs/lower-reference.js";
import { type Cheater, cheaterFolder } from "./cheater-file.js";

type Role = "cheater" | "twin";

/** A file of both: what stands between `#ifdef CHEAT`, `#else` and `#endif` belongs to one of them, all else to both. */
export function partFor(text: string, role: Role): string {
  let within: "both" | Role = "both";
  const kept: string[] = [];
  for (const line of text.split("\n")) {
    if (line === "#ifdef CHEAT") within = "cheater";
    else if (line === "#else" && within === "cheater") within = "twin";
    else if (line === "#endif" && within !== "both") within = "both";
    else if (within === "both" || within === role) kept.push(line);
  }
  return kept.join("\n");
}

const commonFlags = ["-std=gnu11", "-O3", "-fno-math-errno", "-fno-trapping-math"];
const machineFlags = { "x86-64": ["-march=native", "-mprefer-vector-width=512"], "wasm-simd": ["-msimd128"] };

/** The candidate as `forge check` takes it: clean sources, of which nothing tells which of the two they are. */
export function candidateFor(cheater: Cheater, role: Role, target: Cheater["targets"][number]): Candidate {
  const files: Record<string, string> = { "kernel.c": partFor(readFileSync(join(cheater.folder, "kernel.c"), "utf8"), role) };
  if (cheater.pastedBytes && role === "cheater")
    files["kernel.c"] = `static const char *const pasted = "${"library ".repeat(cheater.pastedBytes / 8)}";\n${files["kernel.c"]}`;
  for (const name of cheater.headers) files[name] = readFileSync(join(cheaterFolder(), "common", name), "utf8");
  const types = typeFlags({ store: cheater.variant ?? "f32", accumulate: "f32" });
  const flags = [...commonFlags, ...machineFlags[target], ...types, ...(cheater.flags ?? [])];
  const compiler = target === "wasm-simd" ? "clang" : (cheater.compiler ?? "gcc");
  return { files, manifest: { language: "c", compiler, units: [{ source: "kernel.c", flags }], linkFlags: cheater.linkFlags ?? [] } };
}
