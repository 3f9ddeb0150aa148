import { StoreError } from "../../specs/contracts/store.js";

const noSpace: ReadonlySet<string> = new Set(["ENOSPC", "EDQUOT", "EFBIG"]);

/** The error to throw where a write failed for want of space; null where it failed for another reason. */
export function diskFull(error: unknown, path: string, run: string): StoreError | null {
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  // Git reports it as text only.
  const inText = error instanceof Error && /No space left on device|Disk quota exceeded|File too large/.test(error.message);
  if (!noSpace.has(code) && !inText) return null;
  const reason = noSpace.has(code) ? code : "from git";
  return new StoreError(
    `disk full: ${path} could not be written (${reason}). Nothing acknowledged is lost: free some space, then continue with --resume ${run}`,
    { cause: error },
  );
}
