import type { Duplex, Readable } from "node:stream";

/**
 * What confinement is in force; written into every certificate. `weakened`: built by a test with some protection taken away;
 * it claims none at all, and what ran in it is never certified.
 */
export interface SandboxProtection {
  kind: "bubblewrap" | "none" | "weakened";
  version: string;
  /** e.g. "network", "pid-namespace", "user-namespace", "seccomp", "rlimits", "empty-environment", "own-uid". */
  protections: string[];
}

export interface SandboxLimits {
  wallMs: number;
  cpuSeconds: number;
  /** Address space in bytes; null where the runtime reserves more than it uses (V8). */
  addressSpaceBytes: number | null;
  fileBytes: number;
  processes: number;
  /** Memory of all processes together, looked at some times a second; where absent, three quarters of the machine's. */
  memoryBytes?: number;
  /** Size of every writable tmpfs inside. */
  scratchBytes: number;
  /** Files on every writable tmpfs inside, looked at as often; 65,536 where absent. */
  scratchFiles?: number;
  /** Captured stdout and stderr, each. */
  outputBytes: number;
}

export interface SandboxMount {
  /** Absolute path on the host. */
  host: string;
  /** Absolute path inside. */
  inside: string;
  writable: boolean;
}

export interface SandboxCommand {
  /** `build` may start processes; `run` may only start threads. */
  profile: "build" | "run";
  command: string[];
  mounts: SandboxMount[];
  limits: SandboxLimits;
  environment?: Record<string, string>;
  /** CPUs that it may use, counted among those that the harness itself may use: 0 is the first of them. */
  cpus?: number[];
  /** Opens a bidirectional channel on file descriptor 3 inside. */
  channel?: boolean;
  stdin?: Uint8Array;
}

/** How a sandboxed process ended: a union, so that "could not start the sandbox" is never mistaken for "the program failed". */
export type SandboxEnd =
  | { kind: "exited"; code: number }
  | { kind: "signalled"; signal: string }
  | { kind: "timeout"; afterMs: number }
  /** All processes together used more than `memoryBytes`; one alone is refused memory before that, which ends nothing. */
  | { kind: "out-of-memory"; usedBytes: number }
  | { kind: "too-many-files"; files: number }
  | { kind: "killed" };

export interface SandboxOutput {
  end: SandboxEnd;
  stdout: Buffer;
  stderr: Buffer;
  /** True where output was cut at `outputBytes`. */
  truncated: boolean;
}

export interface SandboxProcess {
  /** The channel on fd 3, where asked for. */
  channel: Duplex | null;
  stdout: Readable;
  /** Resolves once every process of the sandbox is gone; throws SandboxUnavailable where it could not be set up. */
  done: Promise<SandboxOutput>;
  /** Stops every process of the sandbox where it stands. */
  freeze(): Promise<void>;
  thaw(): Promise<void>;
  /** CPU seconds used by all processes of the sandbox so far. */
  cpuSeconds(): number;
  /** Most bytes that the largest process of the sandbox has had resident; 0 once it has ended. */
  peakBytes(): number;
  kill(): void;
}

/** Confines generated code. Throws SandboxUnavailable where the machine lacks what it needs. */
export interface Sandbox {
  protection(): SandboxProtection;
  start(command: SandboxCommand): SandboxProcess;
  run(command: SandboxCommand): Promise<SandboxOutput>;
}

export class SandboxUnavailable extends Error {
  override name = "SandboxUnavailable";
}
