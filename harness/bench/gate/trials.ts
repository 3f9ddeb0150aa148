import type { GateStatus } from "../../../specs/contracts/gate.js";
import { rateUpperBound } from "../verdict/experiments.js";

/** `unchanged`: as accepted. `reworded`: other source, no slower. `slowed`: a tenth more work. The latter two with new certificates. */
export const experiments = ["unchanged", "reworded", "slowed"] as const;
export type Experiment = (typeof experiments)[number];

export const kernels = ["compute", "bandwidth", "latency"] as const;
export type Kernel = (typeof kernels)[number];

/** A git repository with one accepted kernel: as accepted, or changed and accepted again since the last commit. */
export interface GateProject {
  kernel: Kernel;
  experiment: Experiment;
  folder: string;
}

export interface GateTrial {
  kernel: Kernel;
  experiment: Experiment;
  outcome: GateStatus;
  summary: string;
  /** By rule: speed now over what it is held to. */
  ratios: Record<string, number>;
  /** Races against the code of before; 0 where it is the same. */
  races: number;
  seconds: number;
  at: string;
}

type Place = Pick<GateTrial, "kernel" | "experiment">;
const isOf = (trial: GateTrial, place: Place): boolean => trial.kernel === place.kernel && trial.experiment === place.experiment;
/** A busy machine says nothing of the rule: such a gate is made again. */
const counts = ({ outcome }: GateTrial): boolean => outcome === "held" || outcome === "failed";

/** What is still to be done for `count` of each, taken in turns, so that any part of it is a fair sample. */
export function trialsLeft(places: Place[], done: GateTrial[], count: number): Place[] {
  const missing = places.map((place) => ({ place, left: count - done.filter((trial) => isOf(trial, place) && counts(trial)).length }));
  const rounds = Math.max(0, ...missing.map(({ left }) => left));
  return Array.from({ length: rounds }, (_, round) => missing.filter(({ left }) => left > round).map(({ place }) => place)).flat();
}

/** At most one of a hundred gates may fail without a cause, and 95 of a hundred must see a tenth more work. */
export function isAsPromised(done: GateTrial[]): boolean {
  return kernels.every((kernel) =>
    experiments.every((experiment) => {
      const { total, failed } = tally(done, { kernel, experiment });
      return experiment === "slowed" ? failed >= 0.95 * total : failed <= Math.max(1, 0.01 * total);
    }),
  );
}

export function tallyRows(done: GateTrial[]): string[][] {
  const heading = [
    "bound by",
    "experiment",
    "gates",
    "failed",
    "errored",
    "wrong",
    "wrong, 95 % bound",
    "speed over base",
    "seconds a gate",
  ];
  const rows = kernels.flatMap((kernel) =>
    experiments.flatMap((experiment) => {
      const { total, failed, errored, trials } = tally(done, { kernel, experiment });
      if (trials.length === 0) return [];
      const wrong = experiment === "slowed" ? total - failed : failed;
      const ratios = trials.flatMap(({ ratios }) => ratios["as-at-base"] ?? []).sort((a, b) => a - b);
      const seconds = trials.reduce((sum, trial) => sum + trial.seconds, 0) / trials.length;
      return [
        [
          ...[kernel, experiment, String(total), String(failed), String(errored), String(wrong)],
          `${(100 * rateUpperBound(wrong, total)).toFixed(1)} %`,
          ratios.length === 0
            ? "-"
            : `${ratios[ratios.length >> 1]!.toFixed(3)} (${ratios[0]!.toFixed(3)} to ${ratios.at(-1)!.toFixed(3)})`,
          seconds.toFixed(0),
        ],
      ];
    }),
  );
  return [heading, ...rows];
}

function tally(done: GateTrial[], place: Place): { total: number; failed: number; errored: number; trials: GateTrial[] } {
  const trials = done.filter((trial) => isOf(trial, place));
  const decided = trials.filter(counts);
  const failed = decided.filter(({ outcome }) => outcome === "failed").length;
  return { total: decided.length, failed, errored: trials.length - decided.length, trials };
}
