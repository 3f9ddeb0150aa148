import type { Readable } from "node:stream";

/** What bubblewrap says of itself on its JSON status descriptor, which nothing inside holds. */
export class BubblewrapStatus {
  /** Host pid of the sandbox's first process; null where bubblewrap ended before it had one. */
  readonly childPid: Promise<number | null>;
  readonly ended: Promise<void>;
  /** The program's exit code; stays null where the sandbox could not be set up. */
  exitCode: number | null = null;
  private text = "";

  constructor(stream: Readable) {
    let found: (pid: number | null) => void = () => {};
    this.childPid = new Promise((resolve) => {
      found = resolve;
    });
    stream.setEncoding("utf8");
    stream.on("data", (chunk: string) => {
      this.text += chunk;
      for (let end = this.text.indexOf("\n"); end >= 0; end = this.text.indexOf("\n")) {
        const status = JSON.parse(this.text.slice(0, end)) as { "child-pid"?: number; "exit-code"?: number };
        this.text = this.text.slice(end + 1);
        if (status["child-pid"] !== undefined) found(status["child-pid"]);
        if (status["exit-code"] !== undefined) this.exitCode = status["exit-code"];
      }
    });
    this.ended = new Promise((resolve) => {
      stream.once("error", () => {});
      stream.once("close", () => {
        found(null);
        resolve();
      });
    });
  }
}
