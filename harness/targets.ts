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
