import { randomBytes } from "node:crypto";
import { linkSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";

/** Writes a file of the cache so that nobody ever reads half of it, whoever is killed in the middle or writes it at the same time. */
export function replaceFile(path: string, content: string | Uint8Array): void {
  mkdirSync(dirname(path), { recursive: true });
  const draft = draftOf(path);
  try {
    writeFileSync(draft, content, { mode: 0o644 });
    renameSync(draft, path);
  } catch (error) {
    rmSync(draft, { force: true });
    throw error;
  }
}

/**
 * Gives a finished draft its name in a cache whose names say what is in it. What lies there already and is the same stays: a sandbox may be
 * about to mount just that file, and one that was replaced cannot be mounted any more. What is damaged is replaced. The draft is gone
 * afterwards.
 */
export function publishFile(draft: string, path: string): void {
  try {
    linkSync(draft, path);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    // All but the first are file systems without hard links.
    if (!["EEXIST", "EPERM", "ENOTSUP", "ENOSYS", "EMLINK"].includes(code ?? "")) throw error;
    if (!isSameFile(draft, path)) renameSync(draft, path);
  } finally {
    rmSync(draft, { force: true });
  }
}

function isSameFile(draft: string, path: string): boolean {
  try {
    return readFileSync(path).equals(readFileSync(draft));
  } catch {
    return false;
  }
}

/** A draft's name beside the file that it is to become; no two are the same. */
export const draftOf = (path: string): string => `${path}.${randomBytes(4).toString("hex")}.draft`;

/** As `publishFile`, of contents that are here. */
export function publishContent(path: string, content: string | Uint8Array, mode = 0o644): void {
  mkdirSync(dirname(path), { recursive: true });
  const draft = draftOf(path);
  try {
    writeFileSync(draft, content, { mode });
    publishFile(draft, path);
  } catch (error) {
    rmSync(draft, { force: true });
    throw error;
  }
}
