import type { Target, TargetContext } from "../specs/contracts/target.js";
import { createWasmSimdTarget } from "../verifiers/targets/wasm-simd/target.js";
import { createX86Target } from "../verifiers/targets/x86-64/target.js";

const factories: Record<string, (context: TargetContext) => Target> = {
  "x86-64": createX86Target,
  "wasm-simd": createWasmSimdTarget,
};

export const targetNames: string[] = Object.keys(factories);

/** The target of CPU code on this machine: the oracle and the honest evaluations run there, whatever chip is judged. */
export const hostTargetName = "x86-64";

export function createTarget(name: string, context: TargetContext): Target {
  const factory = factories[name];
  if (!factory) throw new Error(`there is no target ${name}; there are: ${targetNames.join(", ")}`);
  return factory(context);
}

/** A chip, its compiler or its runtime is not here; the message says what to install, where something can be. */
export class TargetUnavailable extends Error {
  override name = "TargetUnavailable";

  constructor(target: string, probe: { reason: string; install: string }) {
    const remedy =
      probe.install === "none" ? "Nothing that could be installed changes that: use another machine." : `Install it with: ${probe.install}`;
    super(`target ${target} is not available: ${probe.reason}. ${remedy}`);
  }
}
