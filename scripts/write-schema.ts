import { mkdirSync, writeFileSync } from "node:fs";
import { publishedSchema } from "../specs/published-schema.js";

// `npm run schema`: editors complete and check specs with this file; a test holds it to the validator's schema.
mkdirSync("specs/schema", { recursive: true });
writeFileSync("specs/schema/kernel-spec.schema.json", publishedSchema());
