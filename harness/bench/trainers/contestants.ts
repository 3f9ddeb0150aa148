import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Session } from "../../../specs/contracts/target.js";
import type { LoadedTrainerSpec } from "../../../specs/contracts/trainer-spec.js";
import { constantFields, constantValues, settingOf } from "../../../specs/trainer/trainer-abi.js";
import type { TrainerState } from "../../../verifiers/train/draw-state.js";
import { learningRateAt } from "../../../verifiers/train/expect-update.js";
import type { Batch, TrainerProcess } from "../../../verifiers/train/trainer-process.js";
import type { Contestant } from "../kernels/contestant.js";
import { ContestantFailure } from "../kernels/contestant.js";
import type { PeerProcess } from "../peers/peer-process.js";

/** Takes steps on the same batches as all others, in its own time; its first losses tell whether it trains the same model. */
export interface TrainingContestant extends Contestant {
  losses: number[];
  peakBytes(): Promise<number>;
}

/** What a trainer in its sandbox did. */
export class ForgedContestant implements TrainingContestant {
  readonly losses: number[] = [];

  constructor(
    readonly name: string,
    private readonly session: Session,
    private readonly trainer: TrainerProcess,
    private readonly batchAt: (step: number) => Batch,
  ) {}

  async time(steps: number): Promise<number> {
    let total = 0;
    for (let step = 0; step < steps; step++) {
      const { report, seconds } = await this.trainer.timedStep(this.batchAt(this.losses.length));
      this.losses.push(report.loss);
      total += seconds;
    }
    return total;
  }

  freeze = (): Promise<void> => this.session.freeze();
  thaw = (): Promise<void> => this.session.thaw();
  peakBytes = async (): Promise<number> => this.session.peakBytes();
}

export type PeerMode = "eager" | "compiled" | "hf";

export class PyTorchContestant implements TrainingContestant {
  readonly losses: number[] = [];

  constructor(
    readonly name: string,
    private readonly peer: PeerProcess,
    private readonly loaded: LoadedTrainerSpec,
    private readonly firstStep: number,
    private readonly batchAt: (step: number) => Batch,
  ) {}

  async time(steps: number): Promise<number> {
    const setting = settingOf(this.loaded.spec, this.loaded.spec.model);
    const batches = Array.from({ length: steps }, (_, step) => {
      const { shape, tokens, targets } = this.batchAt(this.losses.length + step);
      const learning_rate = learningRateAt(setting, this.firstStep + this.losses.length + step);
      return { ...shape, tokens: [...tokens], targets: [...targets], learning_rate };
    });
    const answer = await this.peer.ask<{ seconds: number; losses: number[] }>({ command: "train", batches });
    if (answer.status !== "done") throw new ContestantFailure(this.name, answer.reason);
    this.losses.push(...answer.losses);
    return answer.seconds;
  }

  freeze = (): Promise<void> => this.peer.freeze();
  thaw = async (): Promise<void> => this.peer.thaw();

  async peakBytes(): Promise<number> {
    this.peer.thaw();
    const answer = await this.peer.ask<{ bytes: number }>({ command: "peak" });
    return answer.status === "done" ? answer.bytes : Number.NaN;
  }
}

/** Has a peer build the model from these weights; a text says why it cannot. */
export async function loadPeer(
  peer: PeerProcess,
  mode: PeerMode,
  loaded: LoadedTrainerSpec,
  variant: string,
  threads: number,
  weights: string,
): Promise<string | null> {
  const setting = settingOf(loaded.spec, loaded.spec.model);
  const values = constantValues(setting);
  const constants = Object.fromEntries(constantFields.map((field, index) => [field, values[index]!]));
  const bf16 = loaded.spec.variants[variant]!.store === "bf16";
  const answer = await peer.ask<object>({ command: "load", mode, threads, bf16, shape: loaded.spec.model, constants, weights });
  return answer.status === "done" ? null : answer.reason;
}

/** All weights in the order of forge_trainer.h, raw float32, for peers to read. */
export function writeWeights(folder: string, { weights }: TrainerState): string {
  const path = join(folder, "weights.f32");
  writeFileSync(path, "");
  for (const tensor of weights) writeFileSync(path, new Uint8Array(tensor.buffer, tensor.byteOffset, tensor.byteLength), { flag: "a" });
  return path;
}
