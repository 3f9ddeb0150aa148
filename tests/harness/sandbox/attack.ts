import type { Protection } from "../../../harness/sandbox/protection.js";
import type { SandboxLimits } from "../../../specs/contracts/sandbox.js";

export type Profile = "build" | "run";
type ByProfile<Value> = Value | Record<Profile, Value>;

/** What is looked at after a try; looks.ts has them. Where absent: what the program printed, or how it ended if not by itself. */
export type Look = "guard" | "left-over" | "late-output" | "file-kind" | "swamped" | "compiled" | "crowd";

interface AttackDetails {
  profiles?: Profile[];
  /** What stops it. All of them are taken away for the unprotected try; where there are several, each alone stops it. */
  stoppedBy: ByProfile<Protection[]>;
  /** What the unprotected try shows; `done` where absent. */
  works?: string;
  /** What the protected try shows: the very cause. */
  fails: ByProfile<string | RegExp>;
  /** For compilers: the source, on stdin. */
  source?: string;
  limits?: Partial<SandboxLimits>;
  look?: Look;
  /** How long an unprotected try is watched before it is ended as "still running". */
  watchedMs?: number;
  needsRoot?: boolean;
}

/**
 * One attack of generated code. Words of `program` may hold: `$neighbour`, a folder of the host that is not mounted; `/in`, a folder
 * mounted read-only; `/out`, one mounted writable; `/socket`, somebody's listener, mounted; `$tcp`, `$udp`, `$abstract`, listeners of the host; `$cmdline`, `$variable`,
 * secrets in another process's command line and in the harness's environment; `$try`, a number of its own.
 */
export interface Attack extends AttackDetails {
  /** Of the table of faults. */
  row: number;
  name: string;
  /** A program of tests/fixtures/sandbox, or a path; with its arguments. */
  program: string;
  profiles: Profile[];
  works: string;
}

export function attack(row: number, name: string, program: string, details: AttackDetails): Attack {
  return { row, name, program, profiles: ["build", "run"], works: "done", ...details };
}

export function ofProfile<Value extends string | RegExp | Protection[]>(value: ByProfile<Value>, profile: Profile): Value {
  return typeof value === "object" && "build" in value ? value[profile] : (value as Value);
}
