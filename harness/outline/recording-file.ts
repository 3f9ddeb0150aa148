import { dirname, join } from "node:path";
import type { LoadedTrainerSpec } from "../../specs/contracts/trainer-spec.js";
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

/** What the spec's `recorded` names, known by its hash; null where it names nothing. Throws SpecError. */
export function openRecording({ spec, path, text }: LoadedTrainerSpec): RecordedExam | null {
  const { recorded } = spec;
  if (!recorded) return null;
  const { fail } = parseYaml(text, path);
  const expected = "the file that forge outline wrote beside this spec";
  try {
    const file = TensorReader.open(join(dirname(path), recorded.file));
    const hash = file.hash();
    if (hash !== recorded.sha256)
      fail(["recorded", "sha256"], `${recorded.file} has SHA-256 ${hash}`, expected, "bring it back, or run forge outline again");
    return { recording: recordingOf(file), steps: recorded.steps };
  } catch (error) {
    if (error instanceof SpecError) throw error;
    return fail(["recorded", "file"], (error as Error).message, expected, "lay it there, or run forge outline again");
  }
}
