import { lstatSync, readdirSync, readFileSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Sandbox, SandboxCommand, SandboxOutput, SandboxProcess } from "../../../specs/contracts/sandbox.js";
import type { Attack, Look, Profile } from "./attack.js";
import { type AttackPrograms, limits, type ProgramName } from "./attack-programs.js";
import type { Stage } from "./stage.js";

/** Bubblewrap outside and its first process inside, whose command lines name the program too. */
const GUARDS = 2;
/** Nothing takes as long where it is stopped. */
const PATIENCE_MS = 15_000;

interface Trial {
  attack: Attack;
  /** Null where the sandbox itself was brought down. */
  output: SandboxOutput | null;
  outputFolder: string;
  programs: AttackPrograms;
  /** Most processes seen at once. */
  crowd: number;
}

/** Host processes that run one of our attack programs, or were started by a command line that names one. */
export function attackersLeft(programs: AttackPrograms): number[] {
  return readdirSync("/proc")
    .map(Number)
    .filter((pid) => {
      if (!(pid > 0)) return false;
      try {
        return `${readlinkSync(`/proc/${pid}/exe`)} ${readFileSync(`/proc/${pid}/cmdline`, "utf8")}`.includes(`${programs.inside}/`);
      } catch {
        return false; // it ended, or is no process
      }
    });
}

function killAttackers(programs: AttackPrograms): void {
  for (let left = attackersLeft(programs); left.length > 0; left = attackersLeft(programs))
    for (const pid of left) {
      try {
        process.kill(pid, "SIGKILL");
      } catch {
        // It ended by itself.
      }
    }
}

function commandOf(attack: Attack, profile: Profile, stage: Stage, programs: AttackPrograms): { command: SandboxCommand; output: string } {
  const { number, input, output, socket } = stage.nextTry();
  const words: Record<string, string> = { ...stage.words, $try: number };
  const filled = (text: string): string => text.replace(/\$[a-z]+/g, (word) => words[word] ?? word);
  const [program = "", ...argv] = filled(attack.program).split(" ");
  const more: Partial<SandboxCommand> = {
    profile,
    limits: { ...limits, ...attack.limits },
    mounts: [
      { host: input, inside: "/in", writable: false },
      { host: output, inside: "/out", writable: true },
      { host: socket, inside: "/socket", writable: false },
    ],
    ...(attack.source === undefined ? {} : { stdin: Buffer.from(filled(attack.source)) }),
  };
  const command = programs.command(program as ProgramName, argv, more);
  return { command: program.startsWith("/") ? { ...command, command: [program, ...argv] } : command, output };
}

/** What one try of an attack showed: see `works` and `fails` of the table. */
export async function tryAttack(
  attack: Attack,
  profile: Profile,
  sandbox: Sandbox,
  stage: Stage,
  programs: AttackPrograms,
  watchedMs = PATIENCE_MS,
): Promise<string> {
  const { command, output: outputFolder } = commandOf(attack, profile, stage, programs);
  const running = sandbox.start(command);
  let wasWatched = false;
  let crowd = 0;
  const counting = setInterval(() => {
    if (attack.look === "crowd") crowd = Math.max(crowd, attackersLeft(programs).length);
  }, 100);
  const watch = setTimeout(() => {
    wasWatched = true;
    running.kill();
    // Who left the sandbox is not killed with it, and may hold its output.
    killAttackers(programs);
  }, watchedMs);
  try {
    const output = await endOf(running);
    if (wasWatched) return "still running";
    return await looks[attack.look ?? "said"]({ attack, output, outputFolder, programs, crowd });
  } finally {
    clearInterval(counting);
    clearTimeout(watch);
    killAttackers(programs);
  }
}

async function endOf(running: SandboxProcess): Promise<SandboxOutput | null> {
  try {
    return await running.done;
  } catch (error) {
    if ((error as Error).name === "SandboxUnavailable" && /before the program did/.test((error as Error).message)) return null;
    throw error;
  }
}

const limitsOf = (trial: Trial) => ({ ...limits, ...trial.attack.limits });

const looks: Record<Look | "said", (trial: Trial) => string | Promise<string>> = {
  said: ({ output }) => {
    if (output === null) return "guard gone";
    const said = output.stdout.toString().trim();
    if (output.end.kind !== "exited") return output.end.kind === "signalled" ? output.end.signal : output.end.kind;
    return said === "" ? `exit code ${output.end.code}: ${output.stderr.toString().trim()}` : said;
  },
  guard: ({ output }) => (output === null ? "guard gone" : "guard alive"),
  "left-over": ({ programs }) => (attackersLeft(programs).length > 0 ? "left behind" : "gone"),
  "late-output": async ({ outputFolder }) => {
    const result = () => readFileSync(join(outputFolder, "result"), "utf8");
    const early = result();
    await sleep(400);
    return `${early}, then ${result()}`;
  },
  "file-kind": (trial) => {
    const kind = kindOf(join(trial.outputFolder, "result"));
    const said = trial.output?.stdout.toString().trim();
    return said === "done" ? kind : `${kind}: ${said}`;
  },
  swamped: (trial) => {
    const { stdout, truncated } = trial.output!;
    if (stdout.length > limitsOf(trial).outputBytes) return "swamped";
    return truncated ? "cut off and flagged" : "cut off";
  },
  compiled: ({ output }) => {
    if (output?.end.kind === "exited" && output.end.code === 0) return "compiled";
    return /No such file|file not found/.test(String(output?.stderr)) ? "no such file" : String(output?.stderr);
  },
  crowd: (trial) => (trial.crowd > limitsOf(trial).processes + GUARDS ? "more than the limit" : "at most the limit"),
};

function kindOf(path: string): string {
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (found === undefined) return "nothing";
  if (found.isCharacterDevice()) return "a device";
  return (found.mode & 0o6000) !== 0 ? "a set-user-id file" : "a plain file";
}
