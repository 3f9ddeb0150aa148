import { type ChildProcessByStdio, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import type { Readable, Writable } from "node:stream";
import type { ElementType } from "../../../specs/contracts/spec.js";
import { cpuSecondsUnder, freezeUnder, thawUnder } from "../../sandbox/process-tree.js";

/** A tensor as raw little-endian bytes in a file. */
export interface TensorFile {
  path: string;
  type: ElementType;
  shape: number[];
}

export interface LoadRequest {
  entry: string;
  threads: number;
  scalars: Record<string, number>;
  sets: Record<string, TensorFile>[];
}

export type PeerAnswer<T> = ({ status: "done" } & T) | { status: "skipped"; reason: string } | { status: "failed"; reason: string };

export interface PreparedPeer {
  /** Outputs of the first set of inputs, by the spec's names. */
  outputs: Record<string, TensorFile>;
  graphBreaks: number | null;
}

const stderrCharacters = 2000;
/** Compiling takes a minute, the slowest block some seconds. */
const requestTimeoutMs = 600_000;

/** A peer's process, which answers one JSON line with one. It is a trusted program of the user's own, and not sandboxed. */
export class PeerProcess {
  private readonly answers: AsyncIterator<string>;
  private stderr = "";
  private readonly killNow = () => this.child.kill("SIGKILL");

  private constructor(
    private readonly child: ChildProcessByStdio<Writable, Readable, Readable>,
    readonly name: string,
  ) {
    this.answers = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      this.stderr = (this.stderr + text).slice(-stderrCharacters);
    });
    // Writing to a process that has ended is answered by the end of its output.
    child.stdin.on("error", () => {});
    // A frozen process would outlive us.
    process.once("exit", this.killNow);
  }

  /** Starts it and waits for its greeting; a text says why it is not there. */
  static async start(
    name: string,
    command: string[],
    environment: Record<string, string>,
  ): Promise<{ process: PeerProcess; version: string } | string> {
    const child = spawn(command[0]!, command.slice(1), { stdio: ["pipe", "pipe", "pipe"], env: { ...process.env, ...environment } });
    const started = await Promise.race([once(child, "spawn").then(() => null), once(child, "error").then(([error]) => String(error))]);
    if (started !== null) return started;
    const peer = new PeerProcess(child, name);
    const greeting = await peer.answer<{ version: string }>();
    if (greeting.status === "done") return { process: peer, version: greeting.version };
    await peer.close();
    return greeting.reason;
  }

  load(request: LoadRequest): Promise<PeerAnswer<object>> {
    return this.ask({ command: "load", ...request });
  }

  prepare(mode: string, results: string): Promise<PeerAnswer<PreparedPeer>> {
    return this.ask({ command: "prepare", mode, results });
  }

  /** Seconds that one call on each of these sets took together, without what lies between the calls. */
  async time(mode: string, sets: number[]): Promise<number> {
    const answer = await this.ask<{ seconds: number }>({ command: "time", mode, sets });
    if (answer.status !== "done") throw new Error(`${this.name} ${mode} broke while it was timed: ${answer.reason}`);
    return answer.seconds;
  }

  async release(): Promise<void> {
    this.thaw();
    await this.ask({ command: "release" });
  }

  freeze(): Promise<void> {
    return freezeUnder(this.child.pid!);
  }

  thaw(): void {
    thawUnder(this.child.pid!);
  }

  cpuSeconds(): number {
    return cpuSecondsUnder(this.child.pid!);
  }

  async close(): Promise<void> {
    process.off("exit", this.killNow);
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    const ended = once(this.child, "exit");
    this.child.kill("SIGKILL");
    await ended;
  }

  /** One request, one answer. */
  ask<T>(body: object): Promise<PeerAnswer<T>> {
    this.child.stdin.write(`${JSON.stringify(body)}\n`);
    return this.answer<T>();
  }

  private async answer<T>(): Promise<PeerAnswer<T>> {
    const timeout = setTimeout(this.killNow, requestTimeoutMs);
    try {
      const line = await this.answers.next();
      if (!line.done) return JSON.parse(line.value) as PeerAnswer<T>;
      const lastWords = this.stderr.trim().split("\n").slice(-3).join(" ");
      return { status: "failed", reason: `its process ended: ${lastWords || "it said nothing"}` };
    } finally {
      clearTimeout(timeout);
    }
  }
}
