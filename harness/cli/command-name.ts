import { basename, join, relative } from "node:path";
import { packageRoot } from "../package-root.js";

/**
 * How to start this program again, as it was started: `forge` where it is installed, `npx forge` in a project that depends on it,
 * `./forge` in its own repository (where npx would install the package into its cache instead).
 */
export function commandName(calledAs: string = process.argv[1] ?? "", here: string = process.cwd()): string {
  if (basename(calledAs) === "forge") return calledAs.includes("node_modules/.bin") ? "npx forge" : "forge";
  const launcher = relative(here, join(packageRoot(), "forge"));
  return launcher.includes("/") ? launcher : `./${launcher}`;
}
