import type { CodeProfile, ProfileFailure } from "./profile.js";
import type { Sandbox } from "./sandbox.js";
import type { ElementType, Sizes, StorageType, Variant } from "./spec.js";

/** What stands in a candidate's `forge.json`: how its sources become one object. */
export interface CandidateManifest {
  language: "c" | "c++";
  /** Name of a compiler of the target (see `forge targets`). */
  compiler: string;
  units: { source: string; flags: string[] }[];
  linkFlags: string[];
  /** Macro name to values worth trying; the harness tunes them and fixes the best. */
  tunables?: Record<string, number[]>;
  /** Chosen values, one -D each. */
  chosen?: Record<string, number>;
}

/** A candidate as judged: its files by relative path, and its manifest. */
export interface Candidate {
  files: Record<string, string>;
  manifest: CandidateManifest;
}

export interface Toolchain {
  /** As named in a manifest: "gcc", "clang". */
  name: string;
  version: string;
  path: string;
}

/** A figure measured on this machine with `threads` threads. */
export interface Peaks {
  threads: number;
  /** FLOP/s by operand type. */
  flopsPerSecond: Partial<Record<StorageType, number>>;
  /** Read bandwidth in bytes/s by level, and DRAM read, copy. */
  bytesPerSecond: { l1: number; l2: number; l3: number; dramRead: number; dramCopy: number };
}

export interface MachineClass {
  target: string;
  cpuModel: string;
  isa: string[];
  cores: number;
  memoryBytes: number;
  cacheBytes: { l1d: number; l2: number; l3: number };
}

export type TargetProbe =
  | { status: "available"; machine: MachineClass; toolchains: Toolchain[] }
  | { status: "unavailable"; reason: string; install: string };

export type BuildResult =
  | { status: "built"; artifact: Artifact; warnings: string[]; durationMs: number }
  | { status: "failed"; log: string; durationMs: number };

export interface Artifact {
  /** Absolute path on the host of the built object; read-only. */
  path: string;
  hash: string;
}

/** What the built object says of itself, for the rules verifier. */
export interface ObjectFacts {
  exports: string[];
  imports: string[];
  libraries: string[];
  /** Things that break a law whatever the spec allows: inline syscalls, initialisers, text relocations, executable stack. */
  oddities: { law: string; detail: string }[];
}

/** What the runner needs to call an entry: parameter kinds in C order. */
export interface EntrySignature {
  name: string;
  /** In C order: buffers, then sizes (int64), then scalars (f32, or f64 in the oracle). */
  buffers: { name: string; role: "input" | "output"; type: ElementType }[];
  sizes: string[];
  scalars: { name: string; type: "f32" | "f64" | "i32" }[];
}

export interface BuildRequest {
  candidate: Candidate;
  /** Extra files laid beside the sources, ours: generated header, forge.h. */
  support: Record<string, string>;
  entries: EntrySignature[];
  /** `sanitized`: with address and undefined-behaviour checks, where the target has them. */
  mode: "plain" | "sanitized";
  threads: number;
}

export interface SessionRequest {
  libraries: Artifact[];
  entries: EntrySignature[];
  threads: number;
  /** `guarded`: every buffer ends (or begins) at an inaccessible page. `sanitized`: for sanitized artifacts. */
  memory: "plain" | "guarded-end" | "guarded-start" | "sanitized";
  /** Compiler that sanitized libraries were built with; their runtime must match. */
  compiler?: string;
  /** Wall limit for the whole session. */
  wallMs: number;
  /** A call that takes longer counts as hanging and ends the session; two minutes where absent. */
  callTimeoutMs?: number;
  /** 16 GiB where absent; the reference of a large model, in float64 with its moments, needs more. */
  addressSpaceBytes?: number;
}

export interface CallRequest {
  library: number;
  entry: string;
  /** Index of the bound buffer set. */
  set: number;
  sizes: Sizes;
  scalars: Record<string, number>;
  /** Fill the outputs with this 32-bit pattern before the call; 0, which is no NaN, leaves them as they are. */
  poison: number;
  /** Outputs stay writable when the call has returned: in a test build alone. */
  lateWrites?: boolean;
}

export type CallReport =
  | {
      status: "returned";
      code: number;
      /** Time in the candidate, by the runner's clock. */
      durationNs: number;
      /** From the request's arrival to the reply, by the runner's clock; without filling buffers and what else no candidate has a part in. */
      insideNs: number;
      /** From sending the request to the reply, by the harness's clock; likewise without it. */
      outsideNs: number;
      /** Threads of the process after the call. */
      threads: number;
      /** True where the floating-point control word or the inputs were changed by the call. */
      controlWordChanged: boolean;
      inputsChanged: boolean;
    }
  | { status: "crashed"; detail: string }
  | { status: "timeout" };

/** Bytes that replace others of an input. */
export interface InputChange {
  set: number;
  buffer: string;
  byteOffset: number;
  bytes: Uint8Array;
}

/** One sandboxed runner with libraries loaded: inputs go in, outputs come out, nothing else. */
export interface Session {
  /** Lays out buffer sets; sizes in bytes, outputs and inputs by entry signature order. Forgets earlier sets. */
  bind(entry: string, byteLengths: number[], sets: number): Promise<void>;
  writeInput(set: number, buffer: string, byteOffset: number, bytes: Uint8Array): Promise<void>;
  /** Many small writes at once: what changes between two timed calls. Later ones overwrite earlier ones. */
  changeInputs(changes: InputChange[]): Promise<void>;
  call(request: CallRequest): Promise<CallReport>;
  readOutput(set: number, buffer: string, byteOffset: number, byteLength: number): Promise<Uint8Array>;
  freeze(): Promise<void>;
  thaw(): Promise<void>;
  cpuSeconds(): number;
  /** Most bytes that the session's process has had resident so far. */
  peakBytes(): number;
  close(): Promise<void>;
}

/** What a profiled session was used for. */
export type Exercise = { status: "exercised"; secondsPerCall: number[] } | ProfileFailure;

export interface ProfileRequest {
  candidate: Candidate;
  support: Record<string, string>;
  entries: EntrySignature[];
  threads: number;
  /** A call that takes longer ends the profile. */
  callTimeoutMs: number;
  /** Fills the session and calls the entry, once to warm up and then as often as is to be sampled. */
  exercise(session: Session): Promise<Exercise>;
}

export type TargetProfile = { status: "profiled"; code: CodeProfile; secondsPerCall: number[] } | ProfileFailure;

/** Compiler settings that a search may combine; each list is ordered, the first entry is the plain choice. */
export interface TuningSpace {
  compilers: string[];
  optimisation: string[];
  mathematics: string[][];
  vectors: string[][];
  unrolling: string[][];
  /** Flags that every candidate gets: this machine's ISA. */
  machine: string[];
  openmp: { compile: string[]; link: string[] } | null;
}

/** A chip with its toolchain. Nothing outside a target's folder knows which chip it is. */
export interface Target {
  name: string;
  probe(): Promise<TargetProbe>;
  /** Threads that a kernel may use here by default. */
  defaultThreads(): number;
  build(request: BuildRequest): Promise<BuildResult>;
  inspect(artifact: Artifact): Promise<ObjectFacts>;
  /** Whether an object may import the symbol when the spec's rules allow the library (`libc`, `libm`, `openmp`). */
  importAllowed(library: string, symbol: string): boolean;
  /** Whether an object may link the shared library file when the spec's rules allow the library. */
  libraryAllowed(library: string, file: string): boolean;
  /** Threads that the runtime itself keeps in the runner's process, besides those of a candidate. */
  runtimeThreads(): number;
  sanitizers(): boolean;
  open(request: SessionRequest): Promise<Session>;
  /** Samples a candidate's calls in a runner of its own, never in one that judges. What the candidate does wrong is data. */
  profile(request: ProfileRequest): Promise<TargetProfile>;
  /** Measured once and kept; `anew` measures again and keeps the higher of each. */
  peaks(threads: number, anew?: boolean): Promise<Peaks>;
  /** Flags of the baseline: plain -O3 for this machine. */
  baselineFlags(compiler: string): string[];
  tuningSpace(variant: Variant): TuningSpace;
  /** What whoever writes code for this chip should know, in Markdown. */
  facts(): Promise<string>;
}

export interface TargetContext {
  sandbox: Sandbox;
  /** A folder for what may be kept between runs: runners, peaks. */
  cacheDirectory: string;
}
