import { randomBytes } from "node:crypto";
import { linkSync, mkdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
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
 * Gives a finished draft its name in a cache whose names say their contents. What lies there already stays: a sandbox may be about to
 * mount just that file, and one that was replaced cannot be mounted any more. The draft is gone afterwards.
 */
export function publishFile(draft: string, path: string): void {
  try {
    linkSync(draft, path);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "EEXIST") return;
    // A file system without hard links.
    if (code !== "EPERM" && code !== "ENOTSUP" && code !== "ENOSYS" && code !== "EMLINK") throw error;
    renameSync(draft, path);
  } finally {
    rmSync(draft, { force: true });
  }
}

/** A draft's name beside the file that it is to become; no two are the same. */
export const draftOf = (path: string): string => `${path}.${randomBytes(4).toString("hex")}.draft`;

/** As `publishFile`, of contents that are here. */
export function publishContent(path: string, content: string | Uint8Array): void {
  mkdirSync(dirname(path), { recursive: true });
  const draft = draftOf(path);
  try {
    writeFileSync(draft, content, { mode: 0o644 });
    publishFile(draft, path);
  } catch (error) {
    rmSync(draft, { force: true });
    throw error;
  }
}
