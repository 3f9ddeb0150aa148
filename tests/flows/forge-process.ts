import { type ChildProcess, spawn } from "node:child_process";
import type { ForgeEvent } from "../../specs/contracts/event.js";
import { mainPath } from "../harness/cli/run-forge.js";
import { type Ended, untilEnd } from "../harness/store/child.js";

/** The built program with `--json`, as another program would run it; `onEvent` may end it. */
export async function streamForge(
  commandLine: string[],
  folder: string,
  onEvent: (event: ForgeEvent, child: ChildProcess) => void = () => {},
  environment: Record<string, string> = {},
): Promise<Ended & { events: ForgeEvent[] }> {
  const child = spawn(process.execPath, [mainPath, ...commandLine, "--json"], {
    cwd: folder,
    env: { ...process.env, NO_COLOR: "1", FORGE_DEBUG: "", ...environment },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const ended = await untilEnd(child, (line) => {
    // The last line may be cut off by a kill.
    if (line.endsWith("}")) onEvent(JSON.parse(line) as ForgeEvent, child);
  });
  const whole = ended.lines.filter((line) => line.endsWith("}"));
  return { ...ended, events: whole.map((line) => JSON.parse(line) as ForgeEvent) };
}

export const isBusy = (event: ForgeEvent): boolean =>
  event.type === "check-finished" && event.result.status === "errored" && event.result.reason.startsWith("machine busy");
