import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach } from "vitest";
import { loadSpec } from "../../specs/load-spec.js";
import { SpecError } from "../../specs/spec-error.js";

export const rmsnormText = readFileSync("specs/kernels/rmsnorm.yaml", "utf8");

const folders: string[] = [];
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

/** A user's project of its own, with the shipped references; returns the path of the spec in it. */
export function writeSpec(text: string | Buffer): string {
  const folder = mkdtempSync(join(tmpdir(), "forge-spec-"));
  folders.push(folder);
  mkdirSync(join(folder, "specs", "kernels"), { recursive: true });
  cpSync("reference-kernels", join(folder, "reference-kernels"), { recursive: true });
  writeFileSync(join(folder, "package.json"), "{}");
  const path = join(folder, "specs", "kernels", "spec.yaml");
  writeFileSync(path, text);
  return path;
}

/** The error that a spec is refused with; throws where it is accepted or anything else goes wrong. */
export function refusalOf(text: string | Buffer, path = writeSpec(text)): SpecError {
  try {
    loadSpec(path);
  } catch (error) {
    if (error instanceof SpecError) return error;
    throw error;
  }
  throw new Error("the spec was accepted");
}

/** RMSNorm's spec with one text replaced, and the line where the replacement stands. */
export function changed(from: string | RegExp, to: string): { text: string; line: number } {
  const index = typeof from === "string" ? rmsnormText.indexOf(from) : rmsnormText.search(from);
  if (index === -1) throw new Error(`rmsnorm.yaml has no ${from}`);
  return { text: rmsnormText.replace(from, () => to), line: rmsnormText.slice(0, index).split("\n").length };
}
