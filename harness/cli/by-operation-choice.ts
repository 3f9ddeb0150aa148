import { operationNames } from "../../agents/operations/by-operation.js";
import { isTrainerExam, type LoadedExam } from "../../specs/contracts/trainer-spec.js";
import type { OperationChoice } from "../goal/goal-options.js";
import type { AgentCommandOptions } from "./agent-options.js";
import { UsageError } from "./usage-error.js";

/**
 * Whether and how a goal makes its trainer of operations; null where it is written in one piece. By default `autotune` does so where it can
 * be done: a compiler makes more of small exams than of one large source. Throws UsageError where it was asked for and cannot be.
 */
export function operationChoice(
  loaded: LoadedExam,
  variant: string,
  options: AgentCommandOptions,
  hasWorkers: boolean,
): OperationChoice | null {
  const { byOperation, whole, operations, reforge = false, agent } = options;
  const asked = byOperation ? "--by-operation" : operations ? "--operations" : reforge ? "--reforge" : null;
  if (asked !== null && whole) throw new UsageError(`${asked} is for trainers made of operations: leave out --whole`);
  const obstacle = obstacleTo(loaded, variant, options, hasWorkers);
  if (asked !== null && obstacle !== null) throw new UsageError(`${asked}: ${obstacle}`);
  const unknown = operations?.find((name) => !(operationNames as readonly string[]).includes(name));
  if (unknown !== undefined) throw new UsageError(`there is no operation '${unknown}'; --operations takes ${operationNames.join(", ")}`);
  const isWanted = asked !== null || (!whole && obstacle === null && agent === "autotune");
  return isWanted ? { reforge, ...(operations ? { only: operations } : {}) } : null;
}

function obstacleTo(loaded: LoadedExam, variant: string, options: AgentCommandOptions, hasWorkers: boolean): string | null {
  if (!isTrainerExam(loaded)) return `${loaded.path} is a kernel's exam; only trainers are made of operations`;
  const { store, accumulate } = loaded.spec.variants[variant]!;
  if (store !== accumulate)
    return `variant ${variant} mixes ${store} and ${accumulate}: the operations' exams store gradients of weights as ${store}, which a trainer of it must not; leave it out`;
  if (options.from !== undefined) return "--from hands in a whole trainer; leave one of the two out";
  if (hasWorkers) return "profiles and races are run on this machine; leave out --redis";
  if (options.agent === "replay") return "a replay does again what its run did; leave it out";
  return null;
}
