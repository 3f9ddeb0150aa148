import { KernelSpec } from "./contracts/spec.js";

/** The text of `specs/schema/kernel-spec.schema.json`: the validator's schema, as editors want it. */
export function publishedSchema(): string {
  const { $id, ...schema } = KernelSpec;
  return `${JSON.stringify({ $schema: "http://json-schema.org/draft-07/schema#", $comment: `Format ${$id}. Written by npm run schema.`, ...schema }, null, 2)}\n`;
}
