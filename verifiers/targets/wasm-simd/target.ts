import { readFile } from "node:fs/promises";
import type {
  Artifact,
  BuildRequest,
  BuildResult,
  ObjectFacts,
  Peaks,
  ProfileRequest,
  Session,
  SessionRequest,
  Target,
  TargetContext,
  TargetProbe,
  TargetProfile,
  TuningSpace,
} from "../../../specs/contracts/target.js";
import { buildObject } from "./build.js";
import { describeChip } from "./facts.js";
import { inspectObject } from "./inspect.js";
import { describeMachine } from "./machine.js";
import { measurePeaks } from "./peaks.js";
import { profileObject } from "./profile.js";
import { openSession } from "./session.js";
import { findToolchain, installHint, type WasmToolchain } from "./toolchain.js";

/** WebAssembly with 128-bit SIMD, run by V8 in a sandboxed Node process. */
export function createWasmSimdTarget(context: TargetContext): Target {
  return new WasmSimdTarget(context);
}

class WasmSimdTarget implements Target {
  readonly name = "wasm-simd";

  constructor(private readonly context: TargetContext) {}

  async probe(): Promise<TargetProbe> {
    const toolchain = findToolchain();
    if (typeof toolchain === "string") return { status: "unavailable", reason: toolchain, install: installHint };
    return {
      status: "available",
      machine: describeMachine(toolchain),
      toolchains: [{ name: "clang", version: toolchain.version, path: toolchain.clang }],
    };
  }

  defaultThreads(): number {
    return 1;
  }

  async build(request: BuildRequest): Promise<BuildResult> {
    return buildObject(request, { ...this.context, toolchain: this.#toolchain() });
  }

  async inspect(artifact: Artifact): Promise<ObjectFacts> {
    return inspectObject(await readFile(artifact.path));
  }

  /** Everything is linked in; an object that imports anything reaches out of its memory. */
  importAllowed(): boolean {
    return false;
  }

  libraryAllowed(): boolean {
    return false;
  }

  /** V8's own threads are left out of the count already: code without imports can neither start nor use one. */
  runtimeThreads(): number {
    return 0;
  }

  /** Undefined-behaviour checks and canaries; wasm32 has no address sanitizer. */
  sanitizers(): boolean {
    return true;
  }

  async open(request: SessionRequest): Promise<Session> {
    return openSession(request, this.context.sandbox, this.#toolchain());
  }

  async profile(request: ProfileRequest): Promise<TargetProfile> {
    return profileObject({ ...this.context, toolchain: this.#toolchain() }, request);
  }

  /** One thread, whatever is asked for. */
  async peaks(_threads?: number, anew = false): Promise<Peaks> {
    const toolchain = this.#toolchain();
    return measurePeaks(this, this.context.cacheDirectory, describeMachine(toolchain), toolchain.version, anew);
  }

  baselineFlags(): string[] {
    return ["-O3", ...this.#machineFlags()];
  }

  tuningSpace(): TuningSpace {
    return {
      compilers: ["clang"],
      optimisation: ["-O3", "-O2"],
      mathematics: [
        [],
        ["-ffp-contract=fast"],
        ["-fno-math-errno", "-fno-trapping-math", "-ffp-contract=fast"],
        ["-fno-math-errno", "-fno-trapping-math", "-ffp-contract=fast", "-fassociative-math", "-fno-signed-zeros", "-freciprocal-math"],
        ["-ffast-math"],
      ],
      vectors: [[], ["-fno-slp-vectorize"], ["-fno-vectorize"]],
      unrolling: [[], ["-funroll-loops"], ["-fno-unroll-loops"]],
      machine: this.#machineFlags(),
      openmp: null,
    };
  }

  async facts(): Promise<string> {
    const toolchain = this.#toolchain();
    return describeChip(describeMachine(toolchain), toolchain, await this.peaks());
  }

  /** What -march=native is elsewhere. */
  #machineFlags(): string[] {
    return ["-msimd128", ...(this.#toolchain().relaxedSimd ? ["-mrelaxed-simd"] : [])];
  }

  #toolchain(): WasmToolchain {
    const toolchain = findToolchain();
    if (typeof toolchain === "string") throw new Error(`target wasm-simd is not available: ${toolchain}; ${installHint}`);
    return toolchain;
  }
}
