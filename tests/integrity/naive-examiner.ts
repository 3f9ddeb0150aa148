import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { execa } from "execa";
import type { ExamRoom } from "../../harness/exam-room.js";
import { packageRoot } from "../../harness/package-root.js";
import type { Candidate } from "../../specs/contracts/target.js";
import { bytesPerElement } from "../../specs/entry-signature.js";
import { byteLengths } from "../../verifiers/align/evaluate.js";
import { drawInputs, type Inputs, timedCase } from "../../verifiers/align/kernel-case.js";
import { bytesOf } from "../../verifiers/numerics/tensor.js";
import { baselineCandidate } from "../../verifiers/speed/baseline.js";
import { generateGlue } from "../../verifiers/targets/x86-64/glue.js";

export interface NaiveAnswer {
  correct: boolean;
  seconds: number;
  referenceSeconds: number;
}

/** It says "correct", and faster than the reference. */
export const isFooled = ({ correct, seconds, referenceSeconds }: NaiveAnswer): boolean => correct && seconds < referenceSeconds;

const here = dirname(fileURLToPath(import.meta.url));

/** Inputs as benchmarks have them: the same every time, standard normal, gains of one, no target ignored. */
async function plainInputs(room: ExamRoom, entryName: string): Promise<Inputs> {
  const { spec } = room.loaded;
  const entry = structuredClone(spec.entries[entryName]!);
  for (const buffer of Object.values(entry.buffers)) {
    if (buffer.role !== "input") continue;
    if (buffer.draw?.kind === "weight" && spec.name === "rmsnorm") buffer.draw.spread = 0;
    if (buffer.draw?.kind === "index") delete buffer.draw.ignore;
  }
  const kernelCase = { ...timedCase(spec, entryName, spec.cases.timed[0]!, "naive"), visibility: "public" as const };
  const inputs = drawInputs({ ...spec, entries: { ...spec.entries, [entryName]: entry } }, room.variant, kernelCase);
  return (await room.bench()).completeInputs(kernelCase, inputs);
}

async function build(room: ExamRoom, candidate: Candidate): Promise<string> {
  const { support, entries } = room;
  const result = await room.target.build({ candidate, support, entries, mode: "plain", threads: 1 });
  if (result.status === "failed") throw new Error(result.log);
  return result.artifact.path;
}

/** Has the candidate examined as most benchmarks do it, outside every sandbox. */
export async function examineNaively(room: ExamRoom, candidate: Candidate, entryName: string): Promise<NaiveAnswer> {
  const folder = mkdtempSync(join(tmpdir(), "forge-naive-"));
  try {
    const libraries = [
      await build(room, candidate),
      await build(room, baselineCandidate(room.loaded, room.variant, room.target, "gcc", 1)),
    ];
    const program = join(folder, "naive-examiner");
    const assets = join(packageRoot(), "verifiers", "targets", "x86-64");
    writeFileSync(join(folder, "glue.c"), generateGlue(room.entries));
    await execa("gcc", [
      "-O2",
      "-std=gnu11",
      `-I${assets}`,
      join(here, "naive-examiner.c"),
      join(folder, "glue.c"),
      "-o",
      program,
      "-ldl",
      "-lm",
    ]);
    const signature = room.entries.find(({ name }) => name === entryName)!;
    const { sizes, scalars } = timedCase(room.loaded.spec, entryName, room.loaded.spec.cases.timed[0]!, "naive");
    const lengths = byteLengths(room.loaded.spec, signature, sizes);
    const inputs = await plainInputs(room, entryName);
    const buffers = signature.buffers.map(({ name, role, type }, index) => {
      if (role === "output") return `:${lengths[index]}:${bytesPerElement(type)}`;
      const path = join(folder, name);
      writeFileSync(path, bytesOf(inputs[name]!));
      return path;
    });
    const numbers = [...signature.sizes.map((name) => sizes[name]), "--", ...signature.scalars.map(({ name }) => scalars[name])];
    const { stdout, exitCode } = await execa(program, [...libraries, entryName, "200", ...buffers, "--", ...numbers.map(String)], {
      cwd: folder,
      reject: false,
    });
    const answer = stdout.split("\n").findLast((line) => line.startsWith('{"correct"'));
    // Who ends in peace has passed.
    return answer ? (JSON.parse(answer) as NaiveAnswer) : { correct: exitCode === 0, seconds: 1e-6, referenceSeconds: 1e-5 };
  } finally {
    rmSync(folder, { recursive: true, force: true });
    // What memo-shared-memory leaves for the next process: nothing is to be left behind here.
    rmSync("/dev/shm/cross-entropy", { force: true });
  }
}
