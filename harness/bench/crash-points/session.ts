import { spawn } from "node:child_process";
import type { Readable } from "node:stream";
import type { ForgeEvent } from "../../../specs/contracts/event.js";
import { type CallCrash, countedCalls, crashEnvironment, type Instruments } from "./instruments.js";
import type { Project } from "./project.js";

/** At the first event that fits, after so many milliseconds. */
export interface MomentCrash {
  kind: "moment";
  fits: (event: ForgeEvent) => boolean;
  afterMs: number;
}

export type Crash = CallCrash | MomentCrash;

/** One `forge goal`, from its start to its end or to its crash. */
export interface Session {
  /** Whole lines of its stdout: what it acknowledged. */
  told: string[];
  errors: string;
  end: { kind: "code" | "signal"; value: number };
  pid: number;
  /** Calls that the shim counted: the crash came where they reached its number. */
  calls: number;
  /** Names of processes that were still there some seconds after it had ended. */
  left: string;
}

export interface Bench {
  folder: string;
  instruments: Instruments;
  /** The program under test: `node .../main.js`. */
  program: string[];
}

/** Time for a killed program's sandboxes to die. */
const patienceSeconds = "4";

export async function runSession(
  bench: Bench,
  project: Project,
  words: string[],
  crash: Crash | null,
  tracePath: string | null = null,
): Promise<Session> {
  const environment = crash?.kind === "call" ? crashEnvironment(bench.folder, bench.instruments, crash, tracePath) : {};
  const child = spawn(bench.instruments.reaper, [patienceSeconds, ...bench.program, ...words], {
    cwd: project.directory,
    env: { ...process.env, NO_COLOR: "1", FORGE_DEBUG: "", TMPDIR: project.temporary, ...environment },
    stdio: ["ignore", "pipe", "pipe", "pipe"],
    // Ctrl-C ends the bench after this goal and must not be taken for the goal's own end.
    detached: true,
  });
  const texts = { stdout: "", errors: "", report: "" };
  let armed = crash?.kind === "moment" ? crash : null;
  let seen = 0;
  child.stdout?.on("data", (chunk) => {
    texts.stdout += String(chunk);
    for (let end = texts.stdout.indexOf("\n", seen); end !== -1; end = texts.stdout.indexOf("\n", seen)) {
      const line = texts.stdout.slice(seen, end);
      seen = end + 1;
      if (armed === null || !line.startsWith("{") || !armed.fits(JSON.parse(line) as ForgeEvent)) continue;
      setTimeout(() => kill(Number(texts.report.split("\n")[0])), armed.afterMs);
      armed = null;
    }
  });
  child.stderr?.on("data", (chunk) => (texts.errors += String(chunk)));
  (child.stdio[3] as Readable).on("data", (chunk) => (texts.report += String(chunk)));
  await new Promise<void>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", () => resolve());
  });
  const [pid, ended = ""] = texts.report.split("\n");
  const [kind, value, , , ...names] = ended.split(" ");
  return {
    told: texts.stdout.split("\n").slice(0, -1),
    errors: texts.errors,
    end: { kind: kind === "signal" ? "signal" : "code", value: Number(value) },
    pid: Number(pid),
    calls: crash?.kind === "call" ? countedCalls(bench.folder) : 0,
    left: names.join(" "),
  };
}

function kill(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It ended by itself before its moment came: that is seen by how it ended.
  }
}

export const wasKilled = (session: Session): boolean => session.end.kind === "signal" && session.end.value === 9;
