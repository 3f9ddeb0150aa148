import { mkdirSync, writeFileSync } from "node:fs";
import { publishedSchema } from "../specs/published-schema.js";

// For editors: the first line of a spec points at this file.
const folder = new URL("../specs/schema/", import.meta.url);
mkdirSync(folder, { recursive: true });
writeFileSync(new URL("kernel-spec.schema.json", folder), publishedSchema());
