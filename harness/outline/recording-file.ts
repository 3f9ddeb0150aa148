import { dirname, join } from "node:path";
import type { LoadedTrainerSpec, TrainerSpec } from "../../specs/contracts/trainer-spec.js";
import { SpecError } from "../../specs/spec-error.js";
import { parseYaml } from "../../specs/yaml-source.js";
import type { Recording } from "../../verifiers/train/recording.js";
import type { RecordedExam } from "../../verifiers/train/trainer-bench.js";
import { TensorFileError, TensorReader } from "../tensor-file.js";

/** The tensors of a recording, one at a time. */
export function recordingOf(file: TensorReader): Recording {
  return {
    read: (name, elements) => {
      const { data } = file.read(name);
      if (data.length !== elements) throw new TensorFileError(`${file.path}: ${name} has ${data.length} elements, expected ${elements}`);
      if (data instanceof Uint16Array) throw new TensorFileError(`${file.path}: ${name} is BF16; recordings hold none`);
      return data;
    },
  };
}

/** What the spec's `recorded` names, known by its hash when it is first read (SpecError); null where it names nothing. */
export function openRecording(loaded: LoadedTrainerSpec): RecordedExam | null {
  const { recorded } = loaded.spec;
  if (!recorded) return null;
  let file: TensorReader | null = null;
  const read: Recording["read"] = (name, elements) => {
    file ??= openKnown(loaded, recorded);
    return recordingOf(file).read(name, elements);
  };
  return { recording: { read }, steps: recorded.steps, close: () => file?.close() };
}

function openKnown({ path, text }: LoadedTrainerSpec, { file: name, sha256 }: NonNullable<TrainerSpec["recorded"]>): TensorReader {
  const { fail } = parseYaml(text, path);
  const expected = "the file that forge outline wrote beside this spec";
  let file: TensorReader | null = null;
  try {
    file = TensorReader.open(join(dirname(path), name));
    const hash = file.hash();
    if (hash !== sha256) fail(["recorded", "sha256"], `${name} has SHA-256 ${hash}`, expected, "bring it back, or run forge outline again");
    return file;
  } catch (error) {
    file?.close();
    if (error instanceof SpecError) throw error;
    return fail(["recorded", "file"], (error as Error).message, expected, "lay it there, or run forge outline again");
  }
}
