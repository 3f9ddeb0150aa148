// @ts-check
// Frames on file descriptor 3: u32 length of a JSON header, u32 length of a payload, both little-endian, then the two.
import { readSync, writeSync } from "node:fs";

const channel = 3;
const napBuffer = new Int32Array(new SharedArrayBuffer(4));

/** Between short calls, sleeping and waking would be most of the time, and thousands of naps a second look like somebody else's load. */
const spinMs = 0.2;
const longestNapMs = 1;

/**
 * Blocking, whether or not the descriptor was handed over as non-blocking.
 * @param {() => number} transfer
 * @returns {number}
 */
function insist(transfer) {
  const spinUntil = performance.now() + spinMs;
  let napMs = 0.05;
  for (;;) {
    try {
      return transfer();
    } catch (error) {
      if (/** @type {NodeJS.ErrnoException} */ (error).code !== "EAGAIN") throw error;
      if (performance.now() < spinUntil) continue;
      Atomics.wait(napBuffer, 0, 0, napMs);
      napMs = Math.min(2 * napMs, longestNapMs);
    }
  }
}

/**
 * Fills `target`; ends the process where the harness has gone.
 * @param {Uint8Array} target
 */
export function readFully(target) {
  for (let done = 0; done < target.length; ) {
    const received = insist(() => readSync(channel, target, done, Math.min(target.length - done, 1 << 20), null));
    if (received === 0) process.exit(0);
    done += received;
  }
}

/** @param {Uint8Array} bytes */
function writeFully(bytes) {
  for (let done = 0; done < bytes.length; ) {
    done += insist(() => writeSync(channel, bytes, done, Math.min(bytes.length - done, 1 << 20), null));
  }
}

/**
 * The next request's header; its payload must be read with `readFully` before anything else.
 * @returns {{ header: any, payloadLength: number, arrivedNs: bigint }}
 */
export function readRequest() {
  const lengths = Buffer.alloc(8);
  readFully(lengths);
  const arrivedNs = process.hrtime.bigint();
  const json = Buffer.alloc(lengths.readUInt32LE(0));
  readFully(json);
  return { header: JSON.parse(json.toString("utf8")), payloadLength: lengths.readUInt32LE(4), arrivedNs };
}

/**
 * @param {object} header
 * @param {Uint8Array} [payload]
 */
export function writeReply(header, payload = new Uint8Array(0)) {
  const json = Buffer.from(JSON.stringify(header), "utf8");
  const lengths = Buffer.alloc(8);
  lengths.writeUInt32LE(json.length, 0);
  lengths.writeUInt32LE(payload.length, 4);
  writeFully(Buffer.concat([lengths, json]));
  writeFully(payload);
}
