import type { EntrySignature, Session } from "../../specs/contracts/target.js";
import type { BatchShape } from "../../specs/contracts/trainer-spec.js";
import { bytesPerElement } from "../../specs/entry-signature.js";
import { elementsOf, type ModelTensor, modelTensors } from "../../specs/trainer/model-layout.js";
import {
  constantFields,
  constantValues,
  reportFields,
  shapeFields,
  shapeValues,
  type TensorPart,
  type TrainerSetting,
  tensorParts,
} from "../../specs/trainer/trainer-abi.js";
import type { Law } from "../laws.js";

/** The candidate broke a law while it was used; evidence, not a breakdown of ours. */
export class TrainerFault extends Error {
  override name = "TrainerFault";
  constructor(
    readonly law: Law,
    detail: string,
  ) {
    super(detail);
  }
}

/** Tokens and targets of one step, both [micro_batches, batch, length]; a target of -100 is ignored. */
export interface Batch {
  shape: BatchShape;
  tokens: Int32Array;
  targets: Int32Array;
}

/** What a step reports of itself. */
export type StepReport = Record<(typeof reportFields)[number], number>;

/** NaNs of both widths: what a trainer does not write is seen. */
const poison = 0x7fc7a5c3;

type Numbers = Float32Array | Float64Array | Int32Array;

/** One trainer in a sandbox: the functions of forge_trainer.h, each call checked for what no honest trainer does. */
export class TrainerProcess {
  private setting: TrainerSetting | null = null;

  /** `library` is the index of its object among those that the session loaded. */
  constructor(
    private readonly session: Session,
    private readonly entries: EntrySignature[],
    private readonly library: number,
  ) {}

  tensors(): ModelTensor[] {
    return modelTensors(this.setting!.shape);
  }

  async create(setting: TrainerSetting): Promise<void> {
    const sizes = { shape_count: shapeFields.length, constant_count: constantFields.length };
    await this.call("trainer_create", { shape: shapeValues(setting), constants: constantValues(setting) }, {}, sizes);
    this.setting = setting;
  }

  /** All elements of the tensor of this index. */
  async write(tensor: number, part: TensorPart, values: Float32Array | Float64Array): Promise<void> {
    await this.call("trainer_write", { values }, {}, { count: values.length }, { tensor, part: tensorParts.indexOf(part) });
  }

  async read(tensor: number, part: TensorPart): Promise<Float64Array> {
    const count = elementsOf(this.tensors()[tensor]!);
    const { values } = await this.call("trainer_read", {}, { values: count }, { count }, { tensor, part: tensorParts.indexOf(part) });
    return Float64Array.from(values!);
  }

  async seek(completedSteps: number): Promise<void> {
    await this.call("trainer_seek", { completed_steps: Int32Array.of(completedSteps) }, {}, { count: 1 });
  }

  /** [batch * length, vocabulary] of the first micro-batch. */
  async logits({ shape: { batch, length }, tokens }: Batch): Promise<Float64Array> {
    const { vocabulary } = this.setting!.shape;
    const first = tokens.slice(0, batch * length);
    const sizes = { batch, length, vocabulary };
    const { logits } = await this.call("trainer_logits", { tokens: first }, { logits: batch * length * vocabulary }, sizes);
    return Float64Array.from(logits!);
  }

  async step({ shape: { micro_batches, batch, length }, tokens, targets }: Batch): Promise<StepReport> {
    return (await this.timedStep({ shape: { micro_batches, batch, length }, tokens, targets })).report;
  }

  /** `seconds`: in the trainer's code, by the runner's clock. */
  async timedStep({ shape: { micro_batches, batch, length }, tokens, targets }: Batch): Promise<{ report: StepReport; seconds: number }> {
    const sizes = { micro_batches, batch, length, report_count: reportFields.length };
    const { report, seconds } = await this.call("trainer_step", { tokens, targets }, { report: reportFields.length }, sizes);
    const values = Object.fromEntries(reportFields.map((field, index) => [field, report![index]!])) as StepReport;
    return { report: values, seconds };
  }

  async save(): Promise<Int32Array> {
    const { words } = await this.call("trainer_image_words", {}, { words: 1 }, { count: 1 });
    const count = words![0]!;
    if (count < 1 || count > 2 ** 31 / 4) throw new TrainerFault("positive answer", `a checkpoint of ${count} words`);
    const { image } = await this.call("trainer_save", {}, { image: count }, { words: count });
    return image as Int32Array;
  }

  /** In a process that may have made no trainer yet; `setting` is what the saved one was created with. */
  async restore(image: Int32Array, setting: TrainerSetting): Promise<void> {
    await this.call("trainer_restore", { image }, {}, { words: image.length });
    this.setting = setting;
  }

  private async call<Output extends string = never>(
    name: string,
    inputs: Record<string, Numbers>,
    outputs: Record<Output, number>,
    sizes: Record<string, number>,
    scalars: Record<string, number> = {},
  ): Promise<Record<Output, Numbers> & { seconds: number }> {
    const entry = this.entries.find((candidate) => candidate.name === name)!;
    const typed = entry.buffers.map((buffer) => inputs[buffer.name] && inType(inputs[buffer.name]!, buffer.type));
    const lengths = entry.buffers.map(({ name: buffer, type, role }, index) =>
      role === "input" ? typed[index]!.byteLength : outputs[buffer as Output] * bytesPerElement(type),
    );
    await this.session.bind(name, lengths, 1);
    for (const [index, buffer] of entry.buffers.entries()) {
      const values = typed[index];
      if (values) await this.session.writeInput(0, buffer.name, 0, new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
    }
    const report = await this.session.call({ library: this.library, entry: name, set: 0, sizes, scalars, poison });
    if (report.status === "crashed") throw new TrainerFault("positive answer", `${name}: ${report.detail}`);
    if (report.status === "timeout") throw new TrainerFault("positive answer", `${name} did not return in time`);
    if (report.code !== 0) throw new TrainerFault("positive answer", `${name} returned status ${report.code}`);
    if (report.controlWordChanged) throw new TrainerFault("control word", `${name} changed the floating-point control word`);
    if (report.inputsChanged) throw new TrainerFault("read-only inputs", `${name} changed an input`);
    const results: Record<string, Numbers> = {};
    for (const [index, { name: buffer, role, type }] of entry.buffers.entries())
      if (role === "output") results[buffer] = numbersFrom(type, await this.session.readOutput(0, buffer, 0, lengths[index]!));
    return { ...(results as Record<Output, Numbers>), seconds: report.durationNs / 1e9 } as Record<Output, Numbers> & { seconds: number };
  }
}

function inType(values: Numbers, type: EntrySignature["buffers"][number]["type"]): Numbers {
  if (type === "f64") return values instanceof Float64Array ? values : Float64Array.from(values);
  if (type === "f32") return values instanceof Float32Array ? values : Float32Array.from(values);
  return values;
}

function numbersFrom(type: EntrySignature["buffers"][number]["type"], bytes: Uint8Array): Numbers {
  const { buffer } = bytes.slice();
  return type === "f64" ? new Float64Array(buffer) : type === "f32" ? new Float32Array(buffer) : new Int32Array(buffer);
}
