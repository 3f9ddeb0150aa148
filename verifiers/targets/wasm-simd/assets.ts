import { dirname, join, sep } from "node:path";
import { fileURLToPath } from "node:url";

/** A file of this folder that is not TypeScript; compiled code in dist/ uses the one in the source tree, which ships beside it. */
export function asset(name: string): string {
  const here = dirname(fileURLToPath(import.meta.url));
  return join(here.replace(`${sep}dist${sep}verifiers${sep}`, `${sep}verifiers${sep}`), name);
}
