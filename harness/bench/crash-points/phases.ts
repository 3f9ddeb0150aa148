import type { ForgeEvent } from "../../../specs/contracts/event.js";
import type { CheckName } from "../../../specs/contracts/verdict.js";

/** Where in a goal it was killed, or that it met a full disk. The first six each get at least fifteen kills in a full run. */
export const phases = ["build", "align", "speed", "log write", "index write", "acceptance", "submission", "search", "full disk"] as const;
export type Phase = (typeof phases)[number];

/** What the calls of a phase change, as parts of absolute paths. */
export const pathsOf: Partial<Record<Phase, string>> = {
  "log write": "/log.jsonl",
  "index write": "/index.sqlite",
  acceptance: "/generated/",
  submission: "/workspace/",
};

const phaseOfCheck: Partial<Record<CheckName, Phase>> = {
  rules: "build",
  build: "build",
  align: "align",
  speed: "speed",
  confirmation: "speed",
};

/** The phase in which a goal was that told these lines last; null where it was in none of them. */
export function phaseAfter(told: readonly string[]): Phase | null {
  const line = told.at(-1);
  if (line === undefined) return null;
  const event = JSON.parse(line) as ForgeEvent;
  if (event.type === "tuning-started" || event.type === "trial-finished") return "search";
  return event.type === "check-started" ? (phaseOfCheck[event.check] ?? null) : null;
}

/** What became of one kill. */
export interface KillResult {
  phase: Phase;
  name: string;
  /** That the crash came, in the phase that it was meant for; a full disk stops without killing. */
  killed: boolean;
  resumed: boolean;
  /** Acknowledged events that were looked for in the log. */
  told: number;
  lost: number;
  twice: number;
  indexEqual: boolean;
  /** Whatever else is not as it should be; empty where all is well. */
  problems: string[];
  seconds: number;
}
