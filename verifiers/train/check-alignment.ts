import type { AlignmentGate, Evidence, Mismatch } from "../../specs/contracts/verdict.js";
import { OracleFault } from "../align/classes.js";
import { expectOutput, readGates } from "../align/output-expectation.js";
import { isFailure, type OutputReference, shareOf } from "../align/output-reference.js";
import { deriveSeed } from "../numerics/random.js";
import { lookAtStep, type UpdateObservation, watchSchedule, watchSteps } from "./look-at-updates.js";
import { type Observations, observe } from "./observe.js";
import type { PreparedTrainerCase } from "./trainer-bench.js";
import { hiddenCases, ownCases, publicCases, recordedCases, type TrainerCase } from "./trainer-cases.js";
import { type TrainerCheckAnswer, type TrainerContext, withTrainer } from "./trainer-context.js";
import { TrainerFault } from "./trainer-process.js";

export const alignmentStages = ["forward", "backward", "steps"] as const;
export type AlignmentStage = (typeof alignmentStages)[number];

const whatStages: Record<AlignmentStage, string> = {
  forward: "logits and losses",
  backward: "gradient norms and all gradients",
  steps: "weights, moments and learning rates",
};

/** What a candidate showed in one case: what is held against references, and what follows from what it says itself. */
interface Seen {
  observations: Observations;
  updates: UpdateObservation[];
}

/** Every case of one submission with what the candidate showed in it; observed once, judged by stage. */
export class TrainerSitting {
  private constructor(
    private readonly sat: { prepared: PreparedTrainerCase; seen: Seen | TrainerFault }[],
    private readonly describeSizes: boolean,
  ) {}

  /** Each case in a sandbox of its own: nothing can be kept from one to the next. */
  static async sit(context: TrainerContext, cases: TrainerCase[] = examCasesOf(context)): Promise<TrainerSitting> {
    const bench = await context.bench();
    const sat: { prepared: PreparedTrainerCase; seen: Seen | TrainerFault }[] = [];
    for (const trainerCase of cases) {
      context.signal.throwIfAborted();
      const prepared = await context.stopwatch.during("running", () => bench.prepare(trainerCase));
      const seen = await context.stopwatch.during("running", () => seeCase(context, prepared));
      sat.push({ prepared, seen });
      // What crashes on one case has been seen enough.
      if (seen instanceof TrainerFault) break;
    }
    return new TrainerSitting(sat, context.quick);
  }

  judge(context: TrainerContext, stage: AlignmentStage): Promise<TrainerCheckAnswer> {
    return context.stopwatch.during("comparing", async () => this.compare(stage));
  }

  private compare(stage: AlignmentStage): TrainerCheckAnswer {
    let closest = 0;
    let compared = 0;
    for (const { prepared, seen } of this.sat) {
      const { trainerCase } = prepared;
      if (seen instanceof TrainerFault) {
        const detail = isOpen(trainerCase) ? seen.message : withoutNumbers(seen.message);
        const evidence: Evidence = { law: seen.law, kind: "fault", detail };
        return { status: "failed", summary: `${nameOf(trainerCase)}: ${detail}`, evidence: [evidence] };
      }
      try {
        for (const finding of findingsOf(prepared, seen, stage)) {
          compared++;
          closest = Math.max(closest, finding.share);
          if (!(finding.share <= 1)) return objection(trainerCase, finding);
        }
      } catch (error) {
        if (!(error instanceof OracleFault)) throw error;
        return { status: "errored", summary: `the oracle's answer is no number: ${error.message}`, evidence: [] };
      }
    }
    const cases = this.describeSizes ? `${this.sat.length} public cases` : `${this.sat.length} cases`;
    const used = `at most ${Math.ceil(100 * closest)} % of a bound used`;
    return {
      status: "passed",
      summary: `${whatStages[stage]} in ${cases} (${compared} comparisons) within the honest envelope, ${used}`,
      evidence: [],
    };
  }
}

/** One comparison: the gate that came closest to speaking, or spoke, and how much of its bound was used. */
interface Finding {
  output: string;
  gate: AlignmentGate;
  share: number;
  mismatch: Mismatch | undefined;
}

function* findingsOf({ trainerCase, references }: PreparedTrainerCase, { observations, updates }: Seen, stage: AlignmentStage) {
  for (const { stage: of, reference } of references)
    if (of === stage) yield compareWith(reference, observations.get(reference.output)!.values, trainerCase.seed);
  if (stage !== "steps") return;
  // What follows from a trainer's own moments is known to a few units in the last place, and is judged by its largest error.
  for (const mismatch of updates) yield { output: mismatch.output, gate: "envelope-max" as const, share: mismatch.timesOver, mismatch };
}

/** All gates on one observation. */
export function compareWith(reference: OutputReference, values: Float64Array, seed: string): Finding {
  const { output } = reference;
  const expectation = expectOutput(reference, false, deriveSeed(seed, "bias", output));
  let closest: Finding = { output, gate: "class", share: 0, mismatch: undefined };
  for (const reading of readGates(expectation, values)) {
    const isBeyond = isFailure(reading) && !(shareOf(reading) < Number.POSITIVE_INFINITY);
    const share = isBeyond ? Number.POSITIVE_INFINITY : shareOf(reading);
    if (share >= closest.share) closest = { output, gate: reading.gate, share, mismatch: reading.mismatches[0] };
  }
  return closest;
}

function objection({ visibility, ...trainerCase }: TrainerCase, { output, gate, share, mismatch }: Finding): TrainerCheckAnswer {
  const isPublic = isOpen({ visibility });
  const shown = isPublic ? output : withoutNumbers(output);
  const evidence: Evidence = {
    law: gate === "class" ? "classes" : "precision",
    kind: "misaligned",
    visibility,
    gate,
    output: shown,
    timesOver: share,
    ...(isPublic && mismatch ? { mismatch } : {}),
  };
  return {
    status: "failed",
    summary: `${nameOf({ visibility, ...trainerCase })}: ${shown} breaks the ${gate} gate, ${share.toPrecision(3)} times the bound`,
    evidence: [evidence],
  };
}

function examCasesOf({ loaded: { spec }, quick, seeds }: TrainerContext): TrainerCase[] {
  if (quick) return publicCases(spec);
  return [...publicCases(spec), ...recordedCases(spec), ...hiddenCases(spec, seeds.hidden), ...ownCases(spec, seeds.hidden)];
}

const namesOfVisibility = { public: "public", recorded: "recorded", hidden: "hidden", own: "at its own shape" };

const nameOf = ({ visibility, kind }: TrainerCase): string =>
  `${namesOfVisibility[visibility]}, ${kind === "gradients" ? "one step" : "steps along a trajectory"}`;

/** All of it is told: everybody has it. */
const isOpen = ({ visibility }: Pick<TrainerCase, "visibility">): boolean => visibility === "public" || visibility === "recorded";

/** Layers, steps and sizes of a hidden case are not told. */
export const withoutNumbers = (text: string): string => text.replace(/\d+/g, "*");

async function seeCase(context: TrainerContext, { trainerCase, state, batchAt }: PreparedTrainerCase): Promise<Seen | TrainerFault> {
  try {
    return await withTrainer(context, context.artifact!, { memory: "plain" }, async (trainer) => {
      const { observations, reports } = await observe(trainer, trainerCase, state, batchAt);
      const updates =
        trainerCase.kind === "gradients"
          ? await lookAtStep(trainer, trainerCase, state, reports[0]!)
          : [...(await watchSteps(trainer, trainerCase, state)), ...(await watchSchedule(trainer, trainerCase))];
      return { observations, updates };
    });
  } catch (error) {
    if (error instanceof TrainerFault) return error;
    throw error;
  }
}
