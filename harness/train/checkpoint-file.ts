import { createHash } from "node:crypto";
import { closeSync, existsSync, fsyncSync, openSync, readFileSync, renameSync, writeSync } from "node:fs";

/** A checkpoint that cannot be gone on from; the message names the file and what to do. */
export class CheckpointError extends Error {
  override name = "CheckpointError";
}

/** What a checkpoint is of: it is good for exactly this. */
export interface CheckpointOf {
  specHash: string;
  variant: string;
  /** Git tree of the trainer's code: an image is known to the code that wrote it alone. */
  source: string;
  /** Of weights and batches. */
  seed: string;
}

export interface Checkpoint extends CheckpointOf {
  format: "forge-checkpoint/1";
  step: number;
  words: number;
  /** Of the image. */
  sha256: string;
}

/** A line of JSON, then the image's 32-bit words. Under its name there is always a whole one: the old or the new. */
export function writeCheckpoint(path: string, of: CheckpointOf, step: number, image: Int32Array): Checkpoint {
  const bytes = new Uint8Array(image.buffer, image.byteOffset, image.byteLength);
  const sha256 = createHash("sha256").update(bytes).digest("hex");
  const checkpoint: Checkpoint = { format: "forge-checkpoint/1", ...of, step, words: image.length, sha256 };
  const fresh = `${path}.new`;
  const descriptor = openSync(fresh, "w");
  try {
    writeSync(descriptor, `${JSON.stringify(checkpoint)}\n`);
    for (let at = 0; at < bytes.length; ) at += writeSync(descriptor, bytes, at);
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
  renameSync(fresh, path);
  return checkpoint;
}

/** Null where there is none. Throws CheckpointError where it is damaged or of something else. */
export function readCheckpoint(path: string, of: CheckpointOf): { checkpoint: Checkpoint; image: Int32Array } | null {
  if (!existsSync(path)) return null;
  const bytes = readFileSync(path);
  const end = bytes.indexOf(10);
  const checkpoint = parseHead(bytes.subarray(0, Math.max(0, end)).toString("utf8"), path);
  const image = bytes.subarray(end + 1);
  const got = createHash("sha256").update(image).digest("hex");
  if (image.length !== 4 * checkpoint.words || got !== checkpoint.sha256)
    throw new CheckpointError(`${path} is damaged: its image is not the one that was written; begin anew in another folder`);
  for (const [key, wanted] of Object.entries(of))
    if (checkpoint[key as keyof CheckpointOf] !== wanted)
      throw new CheckpointError(
        `${path} is of another ${whatIs[key as keyof CheckpointOf]}: go on with what it was made by, or begin anew in another folder`,
      );
  // A copy: words must lie at multiples of four.
  return { checkpoint, image: new Int32Array(new Uint8Array(image).buffer) };
}

const whatIs: Record<keyof CheckpointOf, string> = { specHash: "spec", variant: "variant", source: "trainer", seed: "--seed" };

function parseHead(text: string, path: string): Checkpoint {
  try {
    const head = JSON.parse(text) as Checkpoint;
    if (head.format === "forge-checkpoint/1" && Number.isInteger(head.step) && Number.isInteger(head.words)) return head;
  } catch {
    // Told below.
  }
  throw new CheckpointError(`${path} is no checkpoint of forge train`);
}
