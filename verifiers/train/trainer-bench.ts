import { totalmem } from "node:os";
import type { Variant } from "../../specs/contracts/spec.js";
import type { Artifact, Candidate, EntrySignature, Session, SessionRequest, Target } from "../../specs/contracts/target.js";
import type { LoadedTrainerSpec } from "../../specs/contracts/trainer-spec.js";
import { typeFlags } from "../../specs/lower-reference.js";
import { trainerEntries } from "../../specs/trainer/trainer-abi.js";
import type { OutputReference } from "../align/output-reference.js";
import { honestOrders } from "../align/reference-candidate.js";
import { deriveSeed } from "../numerics/random.js";
import type { TrainerState } from "./draw-state.js";
import { carriedOver, moved, shaken } from "./honest-draws.js";
import { type LongRun, trainFreely } from "./long-run.js";
import { comparedBatch, type Observations, observe, startingState } from "./observe.js";
import { type Recording, recordedAnswers, recordedBatch, recordedState } from "./recording.js";
import type { TrainerCase } from "./trainer-cases.js";
import { type Batch, type StepReport, TrainerFault, TrainerProcess } from "./trainer-process.js";

/** A case with what a right trainer shows in it, before any candidate is seen. */
export interface PreparedTrainerCase {
  trainerCase: TrainerCase;
  state: TrainerState;
  /** The batch of the n-th step that is compared. */
  batchAt: (step: number) => Batch;
  /** By name of the observation; honest evaluations and all. */
  references: { stage: "forward" | "backward" | "steps"; reference: OutputReference }[];
}

/** Evaluations on weights moved by a unit in the last place, besides those in other orders of summation. */
const jitters = 2;
const mostKeptCases = 24;
/** In float64 the order that vectors give is as exact as any, and it is run most. */
const oracleFlags = ["-O3", "-march=native", "-ffp-contract=off"];

/** The reference as a trainer: as oracle in float64, as honest evaluations in the variant's types. */
export function referenceTrainer(loaded: LoadedTrainerSpec, types: Variant | "oracle", compiler: string, flags: string[]): Candidate {
  const openmp = flags.includes("-fopenmp") ? ["-fopenmp"] : [];
  return {
    files: { "reference.c": loaded.referenceText },
    manifest: {
      language: "c",
      compiler,
      units: [{ source: "reference.c", flags: ["-std=c11", "-O2", ...typeFlags(types), ...flags] }],
      linkFlags: openmp,
    },
  };
}

/**
 * The oracle (float64 throughout) and the honest evaluations (the variant's own types, in eight orders and roundings), each in a sandbox of
 * its own. Storing in the middle of a model is part of what honest evaluations err by, so they store as the variant does.
 */
export class TrainerBench {
  /** Public cases are the same for every submission; of hidden ones only the latest stay. */
  private readonly kept = new Map<string, PreparedTrainerCase>();
  private readonly curves = new Map<string, StepReport[]>();

  private constructor(
    private readonly oracle: Reference,
    private readonly honest: Reference,
    private readonly storesFewerBits: boolean,
    private readonly recording: RecordedExam | null,
  ) {}

  /** `threads`: of references, none of whose results depends on it; `recording`: what the spec names. */
  static async open(
    host: Target,
    loaded: LoadedTrainerSpec,
    variant: Variant,
    support: Record<string, string>,
    { threads = host.defaultThreads(), recording = null }: { threads?: number; recording?: RecordedExam | null } = {},
  ): Promise<TrainerBench> {
    const { build, open } = referenceMakers(host, loaded, variant, support, threads);
    const oracle = await open([await build("oracle", oracleFlags)], "oracle", usualLimits);
    const honest = await open(await Promise.all(honestOrders.map((flags) => build(variant, flags))), variant, usualLimits);
    return new TrainerBench(oracle, honest, variant.store !== variant.accumulate, recording);
  }

  async prepare(trainerCase: TrainerCase): Promise<PreparedTrainerCase> {
    const key = JSON.stringify(trainerCase);
    const known = this.kept.get(key);
    if (known) return known;
    const prepared = await this.prepareAnew(trainerCase);
    this.kept.set(key, prepared);
    for (const oldest of this.kept.keys()) {
      if (this.kept.size <= mostKeptCases) break;
      this.kept.delete(oldest);
    }
    return prepared;
  }

  private async prepareAnew(trainerCase: TrainerCase): Promise<PreparedTrainerCase> {
    if (trainerCase.recordedStep !== undefined) return this.prepareRecorded(trainerCase, this.recording!);
    const state = await orBroken(startingState(trainerOf(this.oracle, 0), trainerCase));
    const batchAt = comparedBatch(trainerCase);
    return { trainerCase, state, batchAt, references: await this.answersTo(trainerCase, state, batchAt) };
  }

  /** What is exact is what the recorded framework said; how far honest arithmetic is off it, the reference tells. */
  private async prepareRecorded(trainerCase: TrainerCase, { recording, steps }: RecordedExam): Promise<PreparedTrainerCase> {
    const state = recordedState(recording, trainerCase);
    const batch = recordedBatch(recording, trainerCase, steps);
    const exact = recordedAnswers(recording, trainerCase, steps, state);
    const references = await this.answersTo(trainerCase, state, () => batch, exact);
    return { trainerCase, state, batchAt: () => batch, references };
  }

  /**
   * What oracle and honest evaluations make of a case from this state. Where a variant stores in fewer bits than it sums in, all orders round
   * at the same places and err alike, by an amount that says little of an honest trainer that rounds elsewhere. So each of them is run from
   * weights moved by as much as storing moves them, and how far it is off the oracle from those very weights is one draw of an honest error.
   */
  async answersTo(
    trainerCase: TrainerCase,
    state: TrainerState,
    batchAt: (step: number) => Batch,
    recorded?: Observations,
  ): Promise<PreparedTrainerCase["references"]> {
    const answer = async (reference: Reference, library: number, from: TrainerState): Promise<Observations> =>
      (await orBroken(observe(trainerOf(reference, library), trainerCase, from, batchAt))).observations;
    const exact = recorded ?? (await answer(this.oracle, 0, state));
    const honest: Observations[] = [];
    for (let library = 0; library < this.honest.libraries.length; library++)
      if (library === 0 || !this.storesFewerBits) honest.push(await answer(this.honest, library, state));
    if (this.storesFewerBits) {
      for (let library = 0; library < this.honest.libraries.length; library++) {
        const elsewhere = shaken(state, deriveSeed(trainerCase.seed, "shaken", library));
        honest.push(carriedOver(exact, await answer(this.oracle, 0, elsewhere), await answer(this.honest, library, elsewhere)));
      }
    } else {
      for (let jitter = 0; jitter < jitters; jitter++)
        honest.push(await answer(this.honest, 0, moved(state, deriveSeed(trainerCase.seed, "jitter", jitter))));
    }
    return referencesOf(exact, honest);
  }

  /** What the n-th reference reports of a run: orders by turns, each from first weights moved by as much as rounding moves them. */
  async train(longRun: LongRun, index: number): Promise<StepReport[]> {
    const key = `${longRun.seed} ${index}`;
    const known = this.curves.get(key);
    if (known) return known;
    // Those of another run will not be asked for again.
    if (index === 0) this.curves.clear();
    const move = this.storesFewerBits ? shaken : moved;
    const start = index === 0 ? longRun.start : move(longRun.start, `reference ${index}`);
    const reports = await orBroken(trainFreely(trainerOf(this.honest, index % this.honest.libraries.length), { ...longRun, start }));
    this.curves.set(key, reports);
    return reports;
  }

  cpuSeconds(): number {
    return this.oracle.session.cpuSeconds() + this.honest.session.cpuSeconds();
  }

  async close(): Promise<void> {
    this.recording?.close();
    await Promise.all([this.oracle.session.close(), this.honest.session.close()]);
  }
}

/** The reference in float64, alone in a sandbox that may take what the machine has: a large model's moments need it. */
export async function openOracle(
  host: Target,
  loaded: LoadedTrainerSpec,
  variant: Variant,
  support: Record<string, string>,
): Promise<{ trainer: TrainerProcess; close: () => Promise<void> }> {
  const makers = referenceMakers(host, loaded, variant, support, host.defaultThreads());
  const limits = { wallMs: 7_200_000, callTimeoutMs: 3_600_000, addressSpaceBytes: 4 * totalmem() };
  const oracle = await makers.open([await makers.build("oracle", oracleFlags)], "oracle", limits);
  return { trainer: trainerOf(oracle, 0), close: () => oracle.session.close() };
}

/** How references are built and opened: as oracle in float64, as honest evaluations in the variant's types. */
function referenceMakers(host: Target, loaded: LoadedTrainerSpec, variant: Variant, support: Record<string, string>, threads: number) {
  const compiler = host.tuningSpace(variant).compilers[0]!;
  return {
    build: async (types: Variant | "oracle", flags: string[]): Promise<Artifact> => {
      const candidate = referenceTrainer(loaded, types, compiler, [...flags, "-fopenmp"]);
      const result = await host.build({ candidate, support, entries: trainerEntries(types), mode: "plain", threads });
      if (result.status === "failed") throw new Error(`the reference ${loaded.referencePath} does not build: ${result.log}`);
      return result.artifact;
    },
    open: async (libraries: Artifact[], types: Variant | "oracle", limits: Limits): Promise<Reference> => {
      const entries = trainerEntries(types);
      return { entries, libraries, session: await host.open({ libraries, entries, threads, memory: "plain", ...limits }) };
    },
  };
}

type Limits = Pick<SessionRequest, "wallMs" | "callTimeoutMs" | "addressSpaceBytes">;
const usualLimits: Limits = { wallMs: 3_600_000 };

/** A recording, opened when it is first read, and how many steps it is of. */
export interface RecordedExam {
  recording: Recording;
  steps: number;
  close(): void;
}

interface Reference {
  session: Session;
  entries: EntrySignature[];
  libraries: Artifact[];
}

const trainerOf = ({ session, entries }: Reference, library: number): TrainerProcess => new TrainerProcess(session, entries, library);

/** Where a reference breaks, the fault is ours. */
async function orBroken<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    if (error instanceof TrainerFault) throw new Error(`the reference failed: ${error.message}`, { cause: error });
    throw error;
  }
}

function referencesOf(exact: Observations, honest: Observations[]): PreparedTrainerCase["references"] {
  return [...exact].map(([output, { stage, values, shape, rowLength }]) => ({
    stage,
    reference: {
      output,
      // Everything that a trainer hands out is float32, whatever it stores between.
      storage: "f32",
      shape,
      rowLength,
      oracle: values,
      honest: honest.map((observations) => observations.get(output)!.values),
      zeroSigns: false,
      rowScales: null,
    },
  }));
}
