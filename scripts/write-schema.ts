import { mkdirSync, writeFileSync } from "node:fs";
import { publishedSchema } from "../specs/published-schema.js";
import { publishedTrainerSchema } from "../specs/trainer/published-trainer-schema.js";

// `npm run schema`: editors complete and check specs with these files; tests hold them to the validator's schemas.
mkdirSync("specs/schema", { recursive: true });
writeFileSync("specs/schema/kernel-spec.schema.json", publishedSchema());
writeFileSync("specs/schema/trainer-spec.schema.json", publishedTrainerSchema());
