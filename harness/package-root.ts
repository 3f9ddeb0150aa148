import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const packageName = "@forge-engineering/forge";

/** The folder of Forge's own package.json: the same whether this runs from the sources or from `dist/`. */
export function packageRoot(): string {
  const start = dirname(fileURLToPath(import.meta.url));
  for (let folder = start; ; folder = dirname(folder)) {
    if (isForgePackage(join(folder, "package.json"))) return folder;
    if (folder === dirname(folder)) {
      throw new Error(`no package.json named ${packageName} in ${start} or above it: the installation is incomplete, install Forge again`);
    }
  }
}

function isForgePackage(path: string): boolean {
  try {
    const parsed: unknown = JSON.parse(readFileSync(path, "utf8"));
    return typeof parsed === "object" && parsed !== null && "name" in parsed && parsed.name === packageName;
  } catch {
    // Absent or unreadable: not ours, look further up.
    return false;
  }
}
