import { randomBytes } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { syncFolder } from "./store/file-sync.js";

/**
 * Puts a freshly filled folder in place of what was there: readers see the old one or the new one, never a mixture. Between two
 * renames there is a moment with neither; a crash just then leaves the old one set aside, and the next call puts it back first.
 */
export function replaceFolder(directory: string, fill: (fresh: string) => void): void {
  const parent = dirname(directory);
  mkdirSync(parent, { recursive: true });
  const prefix = `.${basename(directory)}.`;
  const aside = join(parent, `${prefix}old`);
  if (existsSync(aside) && !existsSync(directory)) renameSync(aside, directory);
  for (const name of readdirSync(parent)) if (name.startsWith(prefix)) rmSync(join(parent, name), { recursive: true, force: true });
  const fresh = join(parent, `${prefix}${randomBytes(4).toString("hex")}`);
  try {
    mkdirSync(fresh);
    fill(fresh);
    if (existsSync(directory)) renameSync(directory, aside);
    renameSync(fresh, directory);
    syncFolder(parent);
    rmSync(aside, { recursive: true, force: true });
  } catch (error) {
    rmSync(fresh, { recursive: true, force: true });
    throw error;
  }
}
