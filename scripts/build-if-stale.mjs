// Builds dist/ when a source is newer than the last build; the tests and the quickstart run the built program.
import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { modifiedAt, root, runStep } from "./steps.mjs";

const folders = ["specs", "agents", "verifiers", "harness"];

/** @returns {number} modification time of the newest source, in milliseconds */
function newestSource() {
  const times = folders.flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })
      .filter((path) => /\.(ts|css)$/.test(path))
      .map((path) => statSync(join(root, folder, path), { throwIfNoEntry: false })?.mtimeMs ?? 0),
  );
  return Math.max(modifiedAt("package.json"), modifiedAt("tsconfig.build.json"), ...times);
}

if (modifiedAt("dist/.built") < newestSource()) process.exit(runStep("npm", ["run", "--silent", "build"]));
