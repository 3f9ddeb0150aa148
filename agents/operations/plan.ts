import type { PlannedOperation } from "../../specs/contracts/operations.js";
import { folderOf } from "./compose.js";

/** An operation that could win less than this is not worth a goal of its own. */
const leastGain = 1.02;

/**
 * Operations by what they can win end to end: with share s of a step's time, the whole would be 1 / (1 - s) times as fast if it took none
 * (Amdahl 1967). Where no shares are known, all are worth a try, in the order given. `only`: what somebody asked for in place of what is
 * worth it.
 */
export function planOperations(
  operations: readonly string[],
  fileShares: Record<string, number> | null,
  only: readonly string[] | null,
): PlannedOperation[] {
  const isWanted = (operation: string, isWorthIt: boolean) => only?.includes(operation) ?? isWorthIt;
  if (fileShares === null)
    return operations.map((operation) => ({ operation, share: null, most: null, isPlanned: isWanted(operation, true) }));
  const shareOf = (operation: string) =>
    Object.entries(fileShares).reduce((sum, [file, share]) => sum + (file.startsWith(folderOf(operation)) ? share : 0), 0);
  return operations
    .map((operation) => {
      const share = shareOf(operation);
      const most = 1 / Math.max(1 - share, 1e-3);
      return { operation, share, most, isPlanned: isWanted(operation, most >= leastGain) };
    })
    .sort((a, b) => b.share - a.share);
}
