import { spawn } from "node:child_process";
import type { GateReport } from "../../../specs/contracts/gate.js";
import type { GateProject } from "./trials.js";

/** This very program again, as a process of its own. */
export async function runForgeIn(
  folder: string,
  commandLine: string[],
  signal?: AbortSignal,
): Promise<{ code: number | null; output: string; errors: string }> {
  const child = spawn(process.execPath, [...process.execArgv, process.argv[1]!, ...commandLine], {
    cwd: folder,
    stdio: ["ignore", "pipe", "pipe"],
    // A CI around the bench is none of its gates' business.
    env: { ...process.env, GITHUB_ACTIONS: "", NO_COLOR: "1" },
  });
  signal?.addEventListener("abort", () => child.kill("SIGINT"), { once: true });
  let output = "";
  let errors = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => (output += text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => (errors += text));
  const code = await new Promise<number | null>((done, fail) => child.once("error", fail).once("close", done));
  return { code, output, errors };
}

/** One `forge gate`; null where it was interrupted. */
export async function gateOnce({ folder, experiment }: GateProject, signal: AbortSignal): Promise<GateReport | null> {
  const commandLine = ["gate", "--json", ...(experiment === "unchanged" ? ["--all"] : [])];
  const { code, output, errors } = await runForgeIn(folder, commandLine, signal);
  if (signal.aborted) return null;
  if (code !== 0 && code !== 1 && code !== 4) throw new Error(`forge gate in ${folder} ended with ${code}: ${errors}`);
  return JSON.parse(output) as GateReport;
}
