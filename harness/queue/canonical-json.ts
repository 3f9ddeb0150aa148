import { exactJson } from "../exact-json.js";

/** JSON with keys in one order: equal values are equal texts, so that a signature over the text is one over the value. */
export function canonicalJson(value: unknown): string {
  return exactJson(value, (inner) =>
    typeof inner === "object" && inner !== null && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  );
}
