import { randomBytes } from "node:crypto";
import type { Duplex } from "node:stream";

/** A reply of a runner: `code` is its status word. */
export interface Frame {
  code: number;
  payload: Buffer;
}

/**
 * The runner protocol's framing, the same for every runtime: u32 payload length, u32 operation or status, u64 nonce, payload; little-endian.
 * Every request carries a fresh nonce and its reply must echo it, so that a reply written ahead of time is not taken for one.
 */
export class FrameChannel {
  private readonly chunks: Buffer[] = [];
  private buffered = 0;
  private waiting: { nonce: bigint; resolve: (frame: Frame) => void; reject: (error: Error) => void } | null = null;
  private ended: Error | null = null;

  constructor(
    private readonly stream: Duplex,
    private readonly maximumPayload: number,
  ) {
    stream.on("data", (chunk: Buffer) => {
      this.chunks.push(chunk);
      this.buffered += chunk.length;
      this.deliver();
    });
    const end = (reason: string) => {
      this.ended ??= new ChannelClosed(reason);
      this.waiting?.reject(this.ended);
      this.waiting = null;
    };
    stream.on("error", (error) => end(error.message));
    stream.on("close", () => end("the runner closed its channel"));
    stream.on("end", () => end("the runner closed its channel"));
  }

  /** Sends a request and waits for its reply. Throws ChannelClosed where the runner is gone. */
  request(operation: number, payload: Uint8Array): Promise<Frame> {
    const nonce = randomBytes(8).readBigUInt64LE();
    const head = Buffer.alloc(16);
    head.writeUInt32LE(payload.length, 0);
    head.writeUInt32LE(operation, 4);
    head.writeBigUInt64LE(nonce, 8);
    const reply = this.expect(nonce);
    this.stream.write(payload.length > 0 ? Buffer.concat([head, payload]) : head);
    return reply;
  }

  /** Waits for a frame that answers no request: the runner's greeting, nonce 0. */
  greeting(): Promise<Frame> {
    return this.expect(0n);
  }

  private expect(nonce: bigint): Promise<Frame> {
    if (this.ended) return Promise.reject(this.ended);
    return new Promise((resolve, reject) => {
      this.waiting = { nonce, resolve, reject };
      this.deliver();
    });
  }

  private deliver(): void {
    if (!this.waiting || this.buffered < 16) return;
    const first = this.chunks.length === 1 ? this.chunks[0]! : Buffer.concat(this.chunks);
    const length = first.readUInt32LE(0);
    if (length > this.maximumPayload) {
      this.fail(`a reply of ${length} bytes is larger than any that is expected`);
      return;
    }
    if (first.length < 16 + length) {
      this.chunks.splice(0, this.chunks.length, first);
      return;
    }
    const { nonce, resolve } = this.waiting;
    if (first.readBigUInt64LE(8) !== nonce) {
      this.fail("a reply carried a nonce that was not asked for");
      return;
    }
    const rest = first.subarray(16 + length);
    this.chunks.splice(0, this.chunks.length, ...(rest.length > 0 ? [rest] : []));
    this.buffered = rest.length;
    this.waiting = null;
    resolve({ code: first.readUInt32LE(4), payload: Buffer.from(first.subarray(16, 16 + length)) });
  }

  private fail(reason: string): void {
    this.ended = new ChannelClosed(reason);
    this.waiting?.reject(this.ended);
    this.waiting = null;
    this.stream.destroy();
  }
}

export class ChannelClosed extends Error {
  override name = "ChannelClosed";
}
