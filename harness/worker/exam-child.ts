import { type ChildProcess, fork } from "node:child_process";
import type { ExamEvent } from "../../specs/contracts/queue.js";
import type { ExamOrder, ExamWord } from "./exam-protocol.js";

/** The hidden command that `fork` starts this program with. */
export const examCommand = "exam-process";

/** Of the task, not of the machine: another try cannot help. */
export class ExamInputError extends Error {
  override name = "ExamInputError";
}

/** An exam process, from the worker's side: one order at a time. */
export class ExamChild {
  private readonly child: ChildProcess;
  private readonly ended: Promise<string>;
  private readonly ready: Promise<void>;
  private lastWords = "";
  isGone = false;

  constructor() {
    this.child = fork(process.argv[1]!, [examCommand], {
      execArgv: process.execArgv,
      env: withoutQueue(process.env),
      stdio: ["ignore", "ignore", "pipe", "ipc"],
      // Numbers of evidence need not be finite, and plain JSON would make null of them.
      serialization: "advanced",
      // A process group of its own: Ctrl-C reaches the worker alone, which ends it in order.
      detached: true,
    });
    this.child.stderr?.on("data", (text: Buffer) => {
      this.lastWords = `${this.lastWords}${text.toString("utf8")}`.slice(-2_000);
    });
    this.ready = new Promise((resolve) => {
      this.child.once("message", () => resolve());
    });
    this.ended = new Promise((resolve) => {
      const end = (how: string) => {
        this.isGone = true;
        resolve(how);
      };
      this.child.once("exit", (code, signal) => end(signal === null ? `exit code ${code}` : signal));
      this.child.once("error", (error) => end(error.message));
    });
  }

  /** Rejects where the process ends instead of answering; ExamInputError where the order itself cannot be carried out. */
  async examine(order: ExamOrder, onEvent: (event: ExamEvent) => void): Promise<unknown> {
    const died = this.ended.then((how) => {
      throw new Error(`the process that examined ended with ${how}${this.lastWords === "" ? "" : `: ${this.lastWords.trim()}`}`);
    });
    died.catch(() => {});
    await Promise.race([this.ready, died]);
    const answered = new Promise<unknown>((resolve, reject) => {
      const onMessage = (word: ExamWord) => {
        if (word.type === "ready") return;
        if (word.type === "event") return onEvent(word.event);
        this.child.off("message", onMessage);
        if (word.type === "answer") resolve(word.answer);
        else reject(word.isInput ? new ExamInputError(word.reason) : new Error(word.reason));
      };
      this.child.on("message", onMessage);
      this.child.send(order, (error) => error !== null && reject(error));
    });
    return Promise.race([answered, died]);
  }

  /** Ends it where it stands; the kernel ends its sandboxes with it. */
  async kill(): Promise<void> {
    if (!this.isGone) this.child.kill("SIGKILL");
    await this.ended;
  }
}

/** Whoever examines needs neither the way to the queue nor its secret. */
function withoutQueue(environment: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(environment).filter(([name]) => !/^FORGE_(?:REDIS|QUEUE|BLOBS)/.test(name)));
}
