import type { ChildProcess } from "node:child_process";
import { constants } from "node:os";
import type { Duplex, Readable, Writable } from "node:stream";
import {
  type SandboxCommand,
  type SandboxEnd,
  type SandboxOutput,
  type SandboxProcess,
  SandboxUnavailable,
} from "../../specs/contracts/sandbox.js";
import { OutputCapture } from "./output-capture.js";
import { cpuSecondsUnder, freezeUnder, peakMemoryUnder, thawUnder } from "./process-tree.js";
import { watchResources } from "./resource-watch.js";

/** How the started process itself ended. */
export type ChildEnd = { code: number | null; signal: NodeJS.Signals | null };

/** How the program ended, or that the sandbox around it failed. */
export type Settled = SandboxEnd | { kind: "unavailable"; reason: string };

/** A started program with the ways in which its kind of sandbox is stopped and waited for. */
export interface Confined {
  child: ChildProcess;
  /** Host pid above all processes of the sandbox; null where it never came to life. */
  treeRoot: Promise<number | null>;
  kill(): void;
  /** True where all who can write to the output are waited for; only in tests. */
  waitsForWriters?: boolean;
  /** Returns once every process is gone. `stopped`: we killed it. */
  settle(end: ChildEnd, stopped: boolean): Promise<Settled>;
}

const LAST_OUTPUT_MS = 500;
const SIGNAL_BASE = 128;
/** Reversed, so that of two names of one number (SIGABRT, SIGIOT) the usual one stays. */
const signalNames = new Map(
  Object.entries(constants.signals)
    .reverse()
    .map(([name, number]) => [number, name]),
);

/** Shells and bubblewrap report a signal as 128 + its number; an exit with such a code reads as the signal. */
export function endOfCode(code: number): SandboxEnd {
  const signal = signalNames.get(code - SIGNAL_BASE);
  return signal === undefined ? { kind: "exited", code } : { kind: "signalled", signal };
}

function exitOf(child: ChildProcess): Promise<ChildEnd> {
  return new Promise((resolve, reject) => {
    child.once("error", (cause) => reject(new SandboxUnavailable(`Cannot start the sandbox: ${cause.message}`, { cause })));
    child.once("exit", (code, signal) => resolve({ code, signal }));
  });
}

/** A program may end without having read its input: that is its own affair. */
export function writeAndClose(stream: Writable, bytes: Uint8Array): void {
  stream.on("error", () => {});
  stream.end(bytes);
}

/** Watches over a started program: wall limit, output limit, what it uses in all, freezing and the end of all its processes. */
export function supervise(confined: Confined, command: SandboxCommand): SandboxProcess {
  const { child } = confined;
  const startedAt = performance.now();
  const elapsedMs = (): number => Math.round(performance.now() - startedAt);
  const stdout = new OutputCapture(child.stdout as Readable, command.limits.outputBytes);
  const stderr = new OutputCapture(child.stderr as Readable, command.limits.outputBytes);
  const channel = command.channel === true ? (child.stdio[3] as Duplex) : null;
  if (command.stdin !== undefined) writeAndClose(child.stdin as Writable, command.stdin);
  // Without a listener a reset by the other side would end the harness; readers see the stream end.
  channel?.on("error", () => {});

  let stopped: SandboxEnd | null = null;
  let root: number | null = null;
  let cpuSeconds = 0;
  void confined.treeRoot.then((pid) => {
    root = pid;
  });
  const stop = (end: () => SandboxEnd): void => {
    if (stopped !== null) return;
    stopped = end();
    confined.kill();
  };
  const timer = setTimeout(() => stop(() => ({ kind: "timeout", afterMs: elapsedMs() })), command.limits.wallMs);
  const stopWatching = watchResources(
    () => root,
    command,
    (end) => stop(() => end),
  );

  const finish = async (): Promise<SandboxOutput> => {
    try {
      const childEnd = await exitOf(child);
      const natural = await confined.settle(childEnd, stopped !== null);
      // Without namespaces somebody may live on and hold the pipes: what they write is not waited for.
      const abandon = (): void => {
        child.stdout?.destroy();
        child.stderr?.destroy();
      };
      const giveUp = confined.waitsForWriters === true ? undefined : setTimeout(abandon, LAST_OUTPUT_MS);
      await Promise.all([stdout.closed, stderr.closed]);
      clearTimeout(giveUp);
      if (natural.kind === "unavailable") throw new SandboxUnavailable(`${natural.reason}: ${stderr.contents().toString().trim()}`);
      // The CPU limit is a time limit too.
      const overCpu = natural.kind === "signalled" && natural.signal === "SIGXCPU";
      const end = stopped ?? (overCpu ? { kind: "timeout" as const, afterMs: elapsedMs() } : natural);
      return { end, stdout: stdout.contents(), stderr: stderr.contents(), truncated: stdout.truncated || stderr.truncated };
    } finally {
      clearTimeout(timer);
      stopWatching();
      root = null;
      // What is unread stays readable where somebody reads; else it would keep the harness alive.
      if (channel !== null && channel.readableFlowing === null) channel.destroy();
    }
  };
  const done = finish();
  // Whoever only uses the channel need not wait for the end.
  done.catch(() => {});

  return {
    channel,
    stdout: child.stdout as Readable,
    done,
    freeze: async () => {
      const pid = await confined.treeRoot;
      if (pid !== null && root !== null) await freezeUnder(pid);
    },
    thaw: async () => {
      const pid = await confined.treeRoot;
      if (pid !== null && root !== null) thawUnder(pid);
    },
    cpuSeconds: () => {
      // Never less than before: what was seen last stands once the processes are gone.
      if (root !== null) cpuSeconds = Math.max(cpuSeconds, cpuSecondsUnder(root));
      return cpuSeconds;
    },
    peakBytes: () => (root === null ? 0 : peakMemoryUnder(root)),
    kill: () => stop(() => ({ kind: "killed" })),
  };
}
