import type { Sizes } from "./spec.js";

/** Where the time of an entry goes, for whoever makes it faster. It judges nothing, and no part of it is an expected value. */
export interface Profile extends CodeProfile {
  entry: string;
  sizes: Sizes;
  threads: number;
  /** Calls that the times rest on; one before them is not counted. */
  calls: number;
  /** Median of the calls, in seconds. */
  secondsPerCall: number;
  roofline: RooflinePosition;
}

/** Against the measured peaks, by the spec's formulas; the same figures as in a verdict on speed. */
export interface RooflinePosition {
  flopsPerSecond: number;
  bytesPerSecond: number;
  /** The least time that the measured peaks allow. */
  limitSeconds: number;
  /** limitSeconds / secondsPerCall: 1 is at the limit. */
  limitFraction: number;
  limitedBy: "compute" | "bandwidth";
}

/** A part of the profile that some chips cannot give. */
export type Available<T> = { status: "available"; value: T } | { status: "unavailable"; reason: string };

/** The part of a profile that only the target can find out. All shares are of the samples taken during calls, on all threads. */
export interface CodeProfile {
  samples: number;
  functions: Available<FunctionShare[]>;
  loops: Available<LoopShare[]>;
  lines: Available<LineShare[]>;
  /** The hottest loop, or the hottest function where there is no loop or none is known. */
  assembly: Available<AssemblyListing>;
  /** What the compiler says about vectorising the functions that cost something. */
  vectorisation: Available<Remark[]>;
  /** Samples outside the candidate's own code. */
  outside: OutsideShare[];
  kernel: Available<KernelWork>;
}

/** Lines of one of the candidate's files; inlined code counts where it stands in the source. */
export interface SourceRange {
  file: string;
  firstLine: number;
  lastLine: number;
}

export interface FunctionShare {
  name: string;
  share: number;
  source: SourceRange | null;
}

/** `share` and `source` are without inner loops, which are listed by themselves. */
export interface LoopShare {
  function: string;
  share: number;
  source: SourceRange | null;
  /** 1 is an outermost loop of its function. */
  nesting: number;
  instructions: number;
}

export interface LineShare {
  file: string;
  line: number;
  share: number;
}

/** A sample falls on the instruction that is waiting to be executed, often the one after the slow one. */
export interface AssemblyListing {
  function: string;
  source: SourceRange | null;
  lines: { text: string; share: number | null; sourceLine: number | null }[];
  /** Instructions of the loop or function that were left out. */
  omitted: number;
}

export interface Remark {
  file: string;
  line: number;
  kind: "vectorised" | "missed";
  text: string;
}

/** `symbol`: the exported function at or before the place, null where that cannot be told. */
export interface OutsideShare {
  library: string;
  symbol: string | null;
  share: number;
}

export interface KernelWork {
  pageFaultsPerCall: number;
  /** Time in the operating system's kernel as a share of all CPU time of the calls; null where calls are too short to tell. */
  share: number | null;
}

/** Why there is no profile: each is the candidate's own doing. */
export type ProfileFailure =
  | { status: "does-not-build"; log: string }
  | { status: "crashed"; detail: string }
  | { status: "timed-out"; limitMs: number }
  | { status: "not-zero"; code: number };

export type ProfileResult = { status: "profiled"; profile: Profile } | ProfileFailure;
