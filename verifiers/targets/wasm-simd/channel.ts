import { randomBytes } from "node:crypto";
import type { Duplex } from "node:stream";

/** A reply of the runner; which fields there are depends on the request. */
export type Reply = Record<string, unknown> & { insideNs: number };

interface Pending {
  nonce: string;
  payloadBytes: number;
  resolve(answer: { reply: Reply; payload: Buffer }): void;
  reject(error: Error): void;
}

/** The runner ended while a reply was awaited. */
export class ChannelClosed extends Error {
  override name = "ChannelClosed";
}

const maximumHeaderBytes = 1 << 16;
const noPayload = Buffer.alloc(0);

/**
 * The harness's end of the channel: one request at a time, each with a nonce that its reply must repeat.
 * Frames: u32 length of a JSON header, u32 length of a payload, both little-endian, then the two.
 */
export class Channel {
  #pending: Pending | null = null;
  #closed: Error | null = null;
  /** What of the current frame has come: its lengths and header in `head`, then the payload in place. */
  #head = Buffer.alloc(0);
  #reply: Reply | null = null;
  #payload = noPayload;
  #received = 0;

  constructor(private readonly stream: Duplex) {
    stream.on("data", (chunk: Buffer) => this.#take(chunk));
    for (const event of ["end", "close", "error"]) stream.on(event, () => this.#fail(new ChannelClosed("the runner has ended")));
  }

  /** `payloadBytes`: the exact length of the reply's payload, where it may have one. Throws what the runner calls a problem. */
  async request(
    header: Record<string, unknown>,
    payload: Uint8Array = noPayload,
    payloadBytes = 0,
  ): Promise<{ reply: Reply; payload: Buffer }> {
    if (this.#closed) throw this.#closed;
    if (this.#pending) throw new Error("the runner answers one request at a time: await the last one first");
    const nonce = randomBytes(16).toString("hex");
    const json = Buffer.from(JSON.stringify({ ...header, nonce }), "utf8");
    const lengths = Buffer.alloc(8);
    lengths.writeUInt32LE(json.length, 0);
    lengths.writeUInt32LE(payload.length, 4);
    const answer = new Promise<{ reply: Reply; payload: Buffer }>((resolve, reject) => {
      this.#pending = { nonce, payloadBytes, resolve, reject };
    });
    this.stream.write(Buffer.concat([lengths, json]));
    if (payload.length > 0) this.stream.write(payload);
    const { reply, payload: received } = await answer;
    if (typeof reply.problem === "string") throw new Error(`WASM runner: ${reply.problem}`);
    return { reply, payload: received };
  }

  #fail(error: Error): void {
    this.#closed ??= error;
    this.#pending?.reject(this.#closed);
    this.#pending = null;
  }

  #take(chunk: Buffer): void {
    let rest = chunk;
    if (this.#reply === null) {
      this.#head = Buffer.concat([this.#head, chunk]);
      if (this.#head.length < 8) return;
      const [headerBytes, payloadBytes] = [this.#head.readUInt32LE(0), this.#head.readUInt32LE(4)];
      const pending = this.#pending;
      if (pending === null || headerBytes > maximumHeaderBytes || (payloadBytes !== 0 && payloadBytes !== pending.payloadBytes)) {
        this.#fail(new Error("the runner sent something that was not asked for"));
        return;
      }
      if (this.#head.length < 8 + headerBytes) return;
      this.#reply = JSON.parse(this.#head.subarray(8, 8 + headerBytes).toString("utf8")) as Reply;
      rest = this.#head.subarray(8 + headerBytes);
      this.#head = noPayload;
      this.#payload = Buffer.allocUnsafeSlow(payloadBytes);
      this.#received = 0;
    }
    this.#received += rest.copy(this.#payload, this.#received);
    if (this.#received === this.#payload.length) this.#deliver(this.#reply);
  }

  #deliver(reply: Reply): void {
    const pending = this.#pending;
    this.#pending = null;
    this.#reply = null;
    if (pending !== null && reply.nonce === pending.nonce) pending.resolve({ reply, payload: this.#payload });
    else pending?.reject(new Error("the runner's reply carries another request's nonce"));
  }
}
