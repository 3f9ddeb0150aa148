import type { JobRequest } from "../../specs/contracts/queue.js";

/** Why nobody takes a job, and what to do. `others`: workers that have the target but not what else the route asks for. */
export function noWorkerFor({ target }: Pick<JobRequest, "target">, others: string[]): string {
  if (others.length === 0) return `no worker serves ${target}; start one with: forge worker --target ${target}`;
  return (
    `no worker fits: ${others.join(", ")} ${others.length === 1 ? "serves" : "serve"} ${target}, but with other verifiers (another version of Forge) ` +
    "or on another chip, toolchain or sandbox than the goal began on; bring a worker like that back, or begin a new run"
  );
}
