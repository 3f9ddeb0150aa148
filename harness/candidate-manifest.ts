import { Ajv, type ErrorObject } from "ajv";
import { parseDocument } from "yaml";
import { type CandidateManifestDocument, CandidateManifestSchema } from "../specs/contracts/candidate-schema.js";
import type { CandidateManifest } from "../specs/contracts/target.js";
import { CandidateError } from "./candidate-files.js";

const validate = new Ajv({ allErrors: true }).compile<CandidateManifestDocument>(CandidateManifestSchema);

/** Parses the text of a forge.json; `place` (its path) begins every error message. */
export function parseManifest(text: string, place: string): CandidateManifest {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch (error) {
    throw new CandidateError(`${place}: is not JSON: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  }
  refuseDuplicateKeys(text, place);
  if (!validate(parsed)) {
    const problems = (validate.errors ?? []).slice(0, 5).map((error) => `${place}: ${describe(error)}`);
    throw new CandidateError(`${problems.join("\n")}\nsee "Candidates" in docs/spec.md for an example`);
  }
  return parsed;
}

/** JSON.parse keeps the last of two equal keys in silence; a YAML parser, which reads JSON too, does not. */
function refuseDuplicateKeys(text: string, place: string): void {
  const duplicate = parseDocument(text, { uniqueKeys: true }).errors.find((error) => error.code === "DUPLICATE_KEY");
  if (duplicate) throw new CandidateError(`${place}: line ${duplicate.linePos?.[0].line ?? "?"}: the same key twice in one object`);
}

function describe(error: ErrorObject): string {
  const key =
    error.instancePath
      .slice(1)
      .replace(/\/(\d+)/g, "[$1]")
      .replaceAll("/", ".") || "the document";
  if (error.keyword === "additionalProperties") return `${key} has the unknown key ${JSON.stringify(error.params.additionalProperty)}`;
  if (error.keyword === "const") return `${key} must be ${JSON.stringify(error.params.allowedValue)}`;
  return `${key} ${error.message ?? "is not as expected"}`;
}
