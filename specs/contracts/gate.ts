import type { Sizes } from "./spec.js";
import type { CheckName } from "./verdict.js";

/** What `forge gate` found, in one document: `--json` prints it, every other format is made of it. */
export interface GateReport {
  format: "forge-gate/1";
  outcome: GateOutcome;
  selection: GateSelection;
  /** ISO 8601. */
  startedAt: string;
  durationMs: number;
  forgeVersion: string;
  /** Folders of this gate by how they ended; in `<runs>/gate/last.json` too. */
  counts: Record<GateStatus, number>;
  /** In `<runs>/gate/last.json` also those that earlier gates judged and this one did not, after its own: `judgedAt` tells. */
  folders: GatedFolder[];
}

/** `nothing-judged`: nothing was selected, or all of it was skipped. */
export type GateOutcome = "held" | "failed" | "errored" | "nothing-judged" | "interrupted";

export type GateStatus = "held" | "failed" | "errored" | "skipped";

export type GateSelection =
  | { kind: "all" }
  | { kind: "named"; paths: string[] }
  /** What differs from `base`, a commit; `baseName` says in words how it was chosen. */
  | { kind: "changed"; base: string; baseName: string };

export interface GatedFolder {
  /** As a user would type it: relative to where the gate ran, with `/`. */
  folder: string;
  spec: string;
  variant: string;
  target: string;
  status: GateStatus;
  /** One line for people: what failed, or what was held. */
  summary: string;
  /** Why it was judged: `changed: kernel.c`, `stale: verifier`, `named`, `all`. */
  selectedBy: string;
  certificate: CertificateFinding;
  /** Those that ran, in their order. */
  checks: GateCheck[];
  speed: SpeedFinding[];
  /** What is worth knowing and fails nothing: what was stale, which rule could not be applied and why. */
  remarks: string[];
  /** The command that gives it a new certificate; null where it needs none. */
  renew: string | null;
  /** The file, relative as `folder`, that an annotation points to. */
  file: string;
  judgedAt: string;
  durationMs: number;
}

export type CertificateFinding =
  | { state: "valid" }
  | { state: "stale"; changed: string[] }
  | { state: "broken"; file: string; expected: string; got: string }
  | { state: "absent" }
  /** The folder was not looked at. */
  | { state: "unread" };

export interface GateCheck {
  check: CheckName;
  /** Skipped: the spec does not ask for it. */
  status: "passed" | "failed" | "errored" | "skipped";
  summary: string;
  /** One line per piece of evidence, as it came: escape it where it is shown. */
  evidence: string[];
  durationMs: number;
}

/**
 * What speed is held to. `as-at-base`: to the code that stood there at the base, run beside it now. `as-certified`: to the certificate's
 * speed-up, on the machine class on which it was measured. `still-surpasses`: to being faster than the baseline run beside it.
 */
export type SpeedRule = "as-at-base" | "as-certified" | "still-surpasses";

/** One rule, one entry, one size. */
export interface SpeedFinding {
  rule: SpeedRule;
  entry: string;
  sizes: Sizes;
  /** `unclear`: not slower beyond doubt, nor proven to hold. Only `fell` fails a gate. */
  outcome: "held" | "fell" | "unclear";
  /** Speeds now over what they are held to: 0.9 is a tenth slower. The latest of `measurements`. */
  ratio: number;
  low: number;
  high: number;
  /** Measurements made, each with new processes, inputs and seeds; `fell` needs two that say so. */
  measurements: number;
  /** The sentence behind the outcome. */
  detail: string;
}
