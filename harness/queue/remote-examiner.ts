import { randomBytes } from "node:crypto";
import {
  type BlobStore,
  type ExamEvent,
  type ExamTask,
  ForgedMessage,
  type JobBody,
  type JobWatcher,
  type Queue,
  usualPriority,
} from "../../specs/contracts/queue.js";
import type { Sandbox, SandboxProtection } from "../../specs/contracts/sandbox.js";
import type { Variant } from "../../specs/contracts/spec.js";
import type { Candidate, MachineClass, Toolchain, TuningSpace } from "../../specs/contracts/target.js";
import type { LoadedExam } from "../../specs/contracts/trainer-spec.js";
import type { EntryTrial, Verdict } from "../../specs/contracts/verdict.js";
import type { JudgeWatcher } from "../../verifiers/judge.js";
import type { CheckAnswer } from "../../verifiers/judge-context.js";
import type { BaselineSummary, Examiner } from "../examiner.js";
import { packageRoot } from "../package-root.js";
import { createSandbox } from "../sandbox/create-sandbox.js";
import { supportFiles } from "../support-files.js";
import { verifierHash } from "../verifier-hash.js";
import type { ExamAnswers, ExamDescription } from "./exam-answer.js";
import { aboutEvent, aboutResult, machineClassOf, routeOf, signJob } from "./exam-job.js";
import { packCandidate, packSpec } from "./job-parcel.js";
import type { Seal } from "./seal.js";

export interface RemoteExaminerOptions {
  loaded: LoadedExam;
  variant: string;
  target: string;
  threads?: number;
  duelLimitMs?: number;
  queue: Queue;
  blobs: BlobStore;
  seal: Seal;
  signal: AbortSignal;
  /** For a line to whoever waits. */
  notice: (text: string) => void;
}

/** What somebody waits for with every step goes before what takes minutes. */
const prioritiesOf: Record<ExamTask["kind"], number> = {
  describe: usualPriority + 2,
  baseline: usualPriority + 2,
  profile: usualPriority + 1,
  try: usualPriority + 1,
  judge: usualPriority,
  speed: usualPriority,
};

interface Question {
  candidate: Candidate | null;
  watcher?: JudgeWatcher;
  occasion?: string;
}

/** Has candidates examined by workers. All answers come from machines of one class: the one that described itself at first. */
export class RemoteExaminer implements Examiner {
  /** Whose jobs take turns with those of others. */
  private readonly run = `goal-${randomBytes(8).toString("hex")}`;
  private readonly verifiers: string;
  readonly variant: Variant;
  readonly support: Record<string, string>;
  private described: (ExamDescription & { machineClass: string }) | null = null;

  private constructor(private readonly options: RemoteExaminerOptions) {
    const { loaded } = options;
    this.variant = loaded.spec.variants[options.variant]!;
    this.verifiers = verifierHash(packageRoot(), loaded.spec.format);
    this.support = supportFiles(loaded, this.variant);
  }

  /** Waits until a worker of the target has described its machine. */
  static async open(options: RemoteExaminerOptions): Promise<RemoteExaminer> {
    const examiner = new RemoteExaminer(options);
    const description = await examiner.ask({ kind: "describe" }, { candidate: null });
    examiner.described = { ...description, machineClass: machineClassOf({ ...description, verifierHash: examiner.verifiers }) };
    return examiner;
  }

  private get description(): ExamDescription {
    if (this.described === null) throw new Error("the examiner was not opened");
    return this.described;
  }

  get machine(): MachineClass {
    return this.description.machine;
  }

  get toolchains(): Toolchain[] {
    return this.description.toolchains;
  }

  get protection(): SandboxProtection {
    return this.description.protection;
  }

  get threads(): number {
    return this.description.threads;
  }

  get sandbox(): Sandbox {
    return createSandbox({ unsafe: false });
  }

  tuningSpace(): TuningSpace {
    return this.description.tuningSpace;
  }

  async chipFacts(): Promise<string> {
    return this.description.chipFacts;
  }

  judge(candidate: Candidate, quick: boolean, watcher: JudgeWatcher, occasion?: string): Promise<Verdict> {
    return this.ask({ kind: "judge", quick }, { candidate, watcher, ...(occasion === undefined ? {} : { occasion }) });
  }

  judgeSpeed(candidate: Candidate): Promise<CheckAnswer> {
    return this.ask({ kind: "speed" }, { candidate });
  }

  try(candidate: Candidate): Promise<Record<string, EntryTrial>> {
    return this.ask({ kind: "try" }, { candidate });
  }

  profile(candidate: Candidate, entry: string, timedSize: number): Promise<string> {
    return this.ask({ kind: "profile", entry, timedSize }, { candidate });
  }

  baseline(): Promise<BaselineSummary> {
    return this.ask({ kind: "baseline" }, { candidate: null });
  }

  async close(): Promise<void> {}

  private async ask<Kind extends ExamTask["kind"]>(task: ExamTask & { kind: Kind }, question: Question): Promise<ExamAnswers[Kind]> {
    const { queue, blobs, seal, signal, target, notice } = this.options;
    const spec = packSpec(this.options.loaded);
    const source = question.candidate === null ? null : packCandidate(question.candidate);
    const body = this.bodyOf(task, spec, source?.source ?? null, question.occasion);
    const request = signJob(seal, body, {
      route: routeOf(target, this.described?.machineClass ?? this.verifiers),
      target,
      run: this.run,
      label: body.label,
      priority: prioritiesOf[task.kind],
    });
    const watcher: JobWatcher = {
      async provide() {
        for (const file of [...spec.files, ...(source?.files ?? [])]) await blobs.put(file);
      },
      event: eventReader(seal, request.id, question.watcher),
      unschedulable(reason) {
        notice(reason === null ? `a worker for ${target} is there now` : `waiting: ${reason}`);
      },
    };
    try {
      const { envelope, token } = await queue.submit(request, watcher, signal);
      return seal.open("result", aboutResult(request.id, token), envelope) as ExamAnswers[Kind];
    } catch (error) {
      // Whoever asks again shall not be given the same forgery.
      if (error instanceof ForgedMessage) await queue.forget(request.id).catch(() => {});
      throw error;
    }
  }

  private bodyOf(task: ExamTask, spec: ReturnType<typeof packSpec>, source: Record<string, string> | null, occasion?: string): JobBody {
    const { loaded, variant, target, threads, duelLimitMs } = this.options;
    const purpose = task.kind === "judge" ? (task.quick ? "quick judgement" : "judgement") : task.kind;
    return {
      key: {
        specHash: loaded.hash,
        referenceHash: loaded.referenceHash,
        variant,
        target,
        threads: this.described?.threads ?? threads ?? null,
        source,
        verifierHash: this.verifiers,
        machineClass: this.described?.machineClass ?? null,
        task,
        // An attempt that is judged again after a crash is the same job: its verdict may be there already.
        nonce: occasion ?? randomBytes(16).toString("hex"),
      },
      duelLimitMs: duelLimitMs ?? null,
      spec: spec.spec,
      reference: spec.reference,
      label: `${loaded.spec.name} ${variant}, ${purpose}${occasion === undefined ? "" : ` of ${occasion}`}`,
    };
  }
}

/** Passes on what a worker says while it judges: each event once and in order; another try begins from the start. */
function eventReader(seal: Seal, id: string, watcher: JudgeWatcher | undefined): JobWatcher["event"] {
  let current = "";
  let expected = 0;
  return (envelope, token) => {
    if (!watcher) return;
    if (token !== current) [current, expected] = [token, 0];
    const event = seal.open("event", aboutEvent(id, token, expected), envelope) as ExamEvent;
    expected += 1;
    if (event.type === "check-started") watcher.started(event.check);
    else watcher.finished(event.result);
  };
}
