import { randomBytes } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { syncFolder, syncTree } from "./store/file-sync.js";

/**
 * Puts a freshly filled folder in place of what was there: readers see the old one or the new one, never a mixture. Between two
 * renames there is a moment with neither; a crash just then leaves the old one set aside, and the next call puts it back first.
 */
export function replaceFolder(directory: string, fill: (fresh: string) => void): void {
  const parent = dirname(directory);
  makeDurably(parent);
  restoreFolder(directory);
  const prefix = prefixOf(directory);
  const aside = asideOf(directory);
  for (const name of readdirSync(parent)) if (name.startsWith(prefix)) rmSync(join(parent, name), { recursive: true, force: true });
  const fresh = join(parent, `${prefix}${randomBytes(4).toString("hex")}`);
  try {
    mkdirSync(fresh);
    fill(fresh);
    // Before it gets its name: after a power failure a name must not stand for files that never reached the disk.
    syncTree(fresh);
    if (existsSync(directory)) renameSync(directory, aside);
    renameSync(fresh, directory);
    syncFolder(parent);
  } catch (error) {
    rmSync(fresh, { recursive: true, force: true });
    // Not a crash but a failure, a full disk for one: the old one comes back at once.
    if (existsSync(aside) && !existsSync(directory)) renameSync(aside, directory);
    throw error;
  }
  rmSync(aside, { recursive: true, force: true });
}

/** Puts back what a crash between the two renames left set aside: to be called before anything is read of a folder that will be replaced. */
export function restoreFolder(directory: string): void {
  const aside = asideOf(directory);
  if (existsSync(aside) && !existsSync(directory)) renameSync(aside, directory);
}

const prefixOf = (directory: string): string => `.${basename(directory)}.`;
const asideOf = (directory: string): string => join(dirname(directory), `${prefixOf(directory)}old`);

function makeDurably(folder: string): void {
  const first = mkdirSync(folder, { recursive: true });
  if (first === undefined) return;
  for (let made = folder; made.length >= first.length; made = dirname(made)) syncFolder(dirname(made));
}
