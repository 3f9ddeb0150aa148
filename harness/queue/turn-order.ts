import type { JobRequest } from "../../specs/contracts/queue.js";

const ranksAPriority = 100_000;

/**
 * What a queue sorts by, the smallest first. A run's second waiting job stands behind the first of every other run of its priority, the
 * third behind their second: runs take turns, however many jobs one puts in at once.
 */
export function turnOf(request: Pick<JobRequest, "priority">, unfinishedOfRun: number): number {
  return (9 - request.priority) * ranksAPriority + Math.min(unfinishedOfRun, ranksAPriority - 2) + 1;
}
