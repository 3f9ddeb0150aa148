import { spawn } from "node:child_process";
import { setTimeout as sleep } from "node:timers/promises";
import { type Agent, AgentStopped, type AgentTools } from "../../specs/contracts/agent.js";
import { type Desk, openDesk } from "../desk/open-desk.js";

const lookEveryMs = 250;
/** For its last words, once it was told that the budget is spent. */
const lastWordsMs = 15_000;
/** Between the request to end and the kill. */
const graceMs = 5_000;
const keptOutput = 4_000;
/** For its last output to arrive. */
const outputMs = 1_000;

/**
 * Runs any coding CLI in the workspace's folder. It is the user's own program and has the user's rights and environment; what it writes is
 * built and run in the sandbox only, and judged by what `forge submit` sends.
 */
export function createCommandAgent(command: string): Agent {
  return {
    name: "command",
    async work(tools) {
      const desk = await openDesk(tools);
      try {
        await runCommand(command, desk, tools);
      } finally {
        await desk.close();
      }
    },
  };
}

async function runCommand(command: string, desk: Desk, tools: AgentTools): Promise<void> {
  const { folder, finished } = desk;
  const child = spawn("/bin/sh", ["-c", command], {
    cwd: folder,
    // A process group of its own, so that what it starts ends with it.
    detached: true,
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, FORGE_DESK: folder },
  });
  let output = "";
  const keep = (chunk: Buffer) => {
    output = (output + chunk.toString("utf8")).slice(-keptOutput);
  };
  child.stdout.on("data", keep);
  child.stderr.on("data", keep);
  let state: "running" | "exited" | "finished" = "running";
  // Not `close`: what the command left in the background may hold its output open for ever.
  const exit = new Promise<string | null>((resolve, reject) => {
    child.once("error", reject);
    child.once("exit", (code, signal) => resolve(code === 0 ? null : signal === null ? `exit code ${code}` : `signal ${signal}`));
  }).finally(() => {
    state = "exited";
  });
  exit.catch(() => {});
  const closed = new Promise<void>((resolve) => child.once("close", () => resolve()));
  void finished.then(() => {
    if (state === "running") state = "finished";
  });
  while (state === "running" && tools.budgetLeft()) await sleep(lookEveryMs);
  const ended = (state as string) === "exited";
  if (!ended) {
    // An attempt that is being judged has its verdict told before anybody is ended.
    await desk.close();
    if (!tools.signal.aborted) await Promise.race([exit, aborted(tools.signal), sleep(lastWordsMs, undefined, { ref: false })]);
    await endGroup(child.pid, exit);
  }
  const how = await exit;
  if (child.pid !== undefined) signalGroup(child.pid, "SIGTERM");
  await Promise.race([closed, sleep(outputMs)]);
  tools.note(`${inShort(command)} ended${how === null ? "" : ` with ${how}`}${output.trim() === "" ? "" : `: ${output.trim()}`}`);
  if (ended && how !== null && tools.history().length === 0)
    throw new AgentStopped(`the command ended with ${how} before it submitted anything: ${output.trim().slice(-1000)}`);
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
}

async function endGroup(pid: number | undefined, exit: Promise<unknown>): Promise<void> {
  if (pid === undefined) return;
  signalGroup(pid, "SIGTERM");
  const gone = await Promise.race([exit.then(() => true), sleep(graceMs, false)]);
  if (!gone) signalGroup(pid, "SIGKILL");
}

function signalGroup(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-pid, signal);
  } catch {
    // Nobody of the group is left.
  }
}

const inShort = (command: string): string => (command.length > 60 ? `${command.slice(0, 59)}…` : command);
