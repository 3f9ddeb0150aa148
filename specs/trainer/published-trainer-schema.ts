import { TrainerSpec } from "../contracts/trainer-spec.js";

/** The text of `specs/schema/trainer-spec.schema.json`: the validator's schema, as editors want it. */
export function publishedTrainerSchema(): string {
  const { $id, ...schema } = TrainerSpec;
  return `${JSON.stringify({ $schema: "http://json-schema.org/draft-07/schema#", $comment: `Format ${$id}. Written by npm run schema.`, ...schema }, null, 2)}\n`;
}
