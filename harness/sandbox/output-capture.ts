import type { Readable } from "node:stream";

/** Keeps the first `limitBytes` of a stream and drains the rest, so that the writer never blocks. */
export class OutputCapture {
  readonly closed: Promise<void>;
  truncated = false;
  private readonly chunks: Buffer[] = [];
  private bytes = 0;

  constructor(
    stream: Readable,
    private readonly limitBytes: number,
  ) {
    stream.on("data", (chunk: Buffer) => this.keep(chunk));
    this.closed = new Promise((resolve) => {
      stream.once("close", resolve);
      // A broken pipe ends the output like any other end; "close" follows.
      stream.once("error", () => {});
    });
  }

  contents(): Buffer {
    return Buffer.concat(this.chunks);
  }

  private keep(chunk: Buffer): void {
    const room = this.limitBytes - this.bytes;
    if (chunk.length > room) this.truncated = true;
    if (room <= 0) return;
    // A copy: the chunk is a window of a larger pool that would stay alive with it.
    const kept = Buffer.from(chunk.subarray(0, room));
    this.chunks.push(kept);
    this.bytes += kept.length;
  }
}
