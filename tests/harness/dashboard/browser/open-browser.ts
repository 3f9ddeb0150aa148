import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";
import { type Browser, chromium } from "playwright-core";
import { browsers } from "../../../../scripts/prerequisites.mjs";

/** A Chromium of this machine, without a window; FORGE_CHROMIUM names another. Throws where there is none: the prerequisites bring it. */
export async function openBrowser(): Promise<Browser> {
  const executablePath = process.env.FORGE_CHROMIUM ?? browsers.map(onPath).find((path) => path !== null);
  if (executablePath == null) throw new Error("there is no Chromium here: `apt-get install chromium`, or name one in FORGE_CHROMIUM");
  // As root, as in a container, its own sandbox does not start; what it opens here is ours.
  return chromium.launch({
    executablePath,
    args: ["--no-sandbox", "--disable-dev-shm-usage", "--force-color-profile=srgb", "--disable-lcd-text"],
  });
}

function onPath(program: string): string | null {
  for (const folder of (process.env.PATH ?? "").split(delimiter)) {
    try {
      accessSync(join(folder, program), constants.X_OK);
      return join(folder, program);
    } catch {
      // Not in this folder.
    }
  }
  return null;
}
