import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

/** A file that ships in the source tree's agents/ folder, which lies beside dist/ too. */
export function shippedFile(...parts: string[]): string {
  const start = dirname(fileURLToPath(import.meta.url));
  for (let folder = start; ; folder = dirname(folder)) {
    const path = join(folder, "agents", ...parts);
    if (existsSync(path)) return path;
    if (folder === dirname(folder)) throw new Error(`no ${join("agents", ...parts)} above ${start}: install Forge again`);
  }
}
