import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";

export interface WorkerTally {
  /** Tries that workers began. */
  begun: number;
  /** Results that came too late to count. */
  fencedOff: number;
  /** Seconds of builds and alignments that were done, each. */
  buildSeconds: number[];
}

/** `forge worker`, several times; any of them can be killed, and another takes its place. */
export class StressWorkers {
  private readonly children: ChildProcess[] = [];
  private readonly labels = new Map<string, string>();
  private isEnding = false;
  readonly tally: WorkerTally = { begun: 0, fencedOff: 0, buildSeconds: [] };

  constructor(
    private readonly program: string[],
    private readonly environment: NodeJS.ProcessEnv,
    count: number,
    signal: AbortSignal,
  ) {
    // Ctrl-C reaches the workers too: none is to be replaced then.
    signal.addEventListener("abort", () => {
      this.isEnding = true;
    });
    for (let worker = 0; worker < count; worker++) this.children.push(this.start());
  }

  /** Without a warning, in the middle of whatever it does. */
  killOne(): void {
    const index = Math.floor(Math.random() * this.children.length);
    this.children[index]!.kill("SIGKILL");
    this.children[index] = this.start();
  }

  async end(): Promise<void> {
    this.isEnding = true;
    const alive = this.children.filter((child) => child.exitCode === null && child.signalCode === null);
    const gone = alive.map((child) => new Promise((resolve) => child.once("exit", resolve)));
    for (const child of alive) child.kill("SIGTERM");
    await Promise.all(gone);
  }

  private start(): ChildProcess {
    const [command, ...words] = this.program;
    const child = spawn(command!, [...words, "worker", "--target", "x86-64"], {
      env: this.environment,
      stdio: ["ignore", "pipe", "inherit"],
    });
    createInterface({ input: child.stdout }).on("line", (line) => this.read(line));
    child.once("exit", (code) => {
      const index = this.children.indexOf(child);
      if (index < 0 || this.isEnding || child.signalCode !== null) return;
      // One that ended by itself, as one does that begins while Redis is away, is told and replaced.
      process.stderr.write(`a worker ended with exit code ${code}\n`);
      setTimeout(() => {
        if (!this.isEnding && this.children[index] === child) this.children[index] = this.start();
      }, 500);
    });
    return child;
  }

  private read(line: string): void {
    const [, id = "", word, rest = ""] = /^([0-9a-f]{12}) (begun|done)(.*)$/.exec(line) ?? [];
    if (word === "begun") {
      this.tally.begun += 1;
      this.labels.set(id, rest);
    }
    if (word !== "done") return;
    if (rest.includes("another worker")) this.tally.fencedOff += 1;
    const seconds = Number(/after ([\d.]+) s/.exec(rest)?.[1]);
    if (this.labels.get(id)?.includes("judgement")) this.tally.buildSeconds.push(seconds);
  }
}
