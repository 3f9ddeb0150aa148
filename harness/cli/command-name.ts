import { basename } from "node:path";

/** How to start this program again, as it was started: `forge` where it is installed, `npx forge` inside its repository. */
export function commandName(calledAs: string = process.argv[1] ?? ""): string {
  const isInstalled = basename(calledAs) === "forge" && !calledAs.includes("node_modules/.bin");
  return isInstalled ? "forge" : "npx forge";
}
