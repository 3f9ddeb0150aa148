import type { MachineClass } from "../specs/contracts/target.js";
import { cacheDirectory } from "./cache-directory.js";
import { createSandbox } from "./sandbox/create-sandbox.js";
import { createTarget } from "./targets.js";

/** This machine as a target sees it; null where the target is not here, of which opening an exam room tells more. */
export async function machineHere(target: string, options: { unsafe: boolean }): Promise<MachineClass | null> {
  const probe = await createTarget(target, { sandbox: createSandbox(options), cacheDirectory: cacheDirectory() }).probe();
  return probe.status === "available" ? probe.machine : null;
}
