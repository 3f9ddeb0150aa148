import { createHash } from "node:crypto";
import { chmodSync, existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { execa } from "execa";
import type { EntrySignature, Toolchain } from "../../../specs/contracts/target.js";
import { draftOf, publishFile, replaceFile } from "../../replace-file.js";
import { generateGlue } from "./glue.js";

export type RunnerKind = "plain" | "sanitized" | "sampling";

const flagsOf: Record<RunnerKind, string[]> = {
  plain: ["-O2"],
  sanitized: ["-O1", "-g", "-fsanitize=address,undefined"],
  sampling: ["-O2", "-DFORGE_SAMPLER"],
};

/** Builds our runner for these entries, once per content; trusted code, so outside the sandbox. `assets` holds runner.c. */
export async function buildRunner(
  assets: string,
  cacheDirectory: string,
  toolchain: Toolchain,
  entries: EntrySignature[],
  kind: RunnerKind,
): Promise<string> {
  const glue = generateGlue(entries);
  const names = ["runner.c", "runner.h", ...(kind === "sampling" ? ["sampler.h"] : [])];
  const sources = names.map((name) => readFileSync(join(assets, name), "utf8"));
  const flags = flagsOf[kind];
  const key = createHash("sha256")
    .update(JSON.stringify([toolchain.version, glue, sources, flags]))
    .digest("hex");
  const path = join(cacheDirectory, "runners", key);
  if (existsSync(path)) return path;
  const gluePath = `${path}.glue.c`;
  replaceFile(gluePath, glue);
  const draft = draftOf(path);
  await execa(toolchain.path, [
    ...flags,
    "-std=gnu11",
    "-rdynamic",
    `-I${assets}`,
    join(assets, "runner.c"),
    gluePath,
    "-o",
    draft,
    "-ldl",
    "-lm",
  ]);
  chmodSync(draft, 0o755);
  publishFile(draft, path);
  return path;
}
