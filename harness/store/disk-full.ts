import { existsSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { StoreError } from "../../specs/contracts/store.js";

const noSpace: ReadonlySet<string> = new Set(["ENOSPC", "EDQUOT", "EFBIG", "SQLITE_FULL"]);

/** The machine's fault and not the user's input: whatever was acknowledged is safe, and there is something to do about it. */
export class DiskFull extends StoreError {
  override name = "DiskFull";
}

/** The error to throw where a write failed for want of space; null where it failed for another reason. `run`: null where nothing of it is kept yet. */
export function diskFull(error: unknown, path: string, run: string | null): DiskFull | null {
  const code = codeOf(error);
  // Git reports it as text only.
  const inText = error instanceof Error && /No space left on device|Disk quota exceeded|File too large/.test(error.message);
  if (!noSpace.has(code) && !inText) return null;
  const reason = noSpace.has(code) ? code : "from git";
  const remedy =
    run === null
      ? "Nothing was begun: free some space, then give the same command again"
      : `Nothing acknowledged is lost: free some space, then continue with --resume ${run}`;
  return new DiskFull(`disk full: ${path} could not be written (${reason}). ${remedy}`, { cause: error });
}

/** As `diskFull`, where git failed in a folder: it does not always say why, but whether there is room for a little more can be tried. */
export function gitDiskFull(error: unknown, folder: string, run: string | null): DiskFull | null {
  return diskFull(error, folder, run) ?? diskFull(roomProblem(folder), folder, run);
}

const probeBytes = 64 * 1024;

function roomProblem(folder: string): unknown {
  // Git looks at no such name in there, should a crash leave it.
  const inside = join(folder, ".git");
  const path = join(existsSync(inside) ? inside : folder, "forge-room");
  try {
    writeFileSync(path, Buffer.alloc(probeBytes), { flush: true });
    return null;
  } catch (error) {
    return error;
  } finally {
    rmSync(path, { force: true });
  }
}

function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : "";
}
