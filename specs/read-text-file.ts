import { closeSync, constants, fstatSync, openSync, readSync } from "node:fs";

/** Specs and references are written by hand; anything larger is a mistake or an attack. */
export const maximumFileBytes = 1_000_000;

export type TextFile = { status: "read"; text: string } | { status: "unreadable"; problem: string };

/** Reads a regular file of at most 1 MB of UTF-8; never hangs on a pipe or device, never reads more than the limit. */
export function readTextFile(path: string): TextFile {
  let descriptor: number;
  try {
    // Without O_NONBLOCK, opening a pipe that nobody writes to would wait for ever.
    descriptor = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    return { status: "unreadable", problem: code === "ENOENT" ? "there is no such file" : `it cannot be opened (${code})` };
  }
  try {
    const stat = fstatSync(descriptor);
    if (!stat.isFile()) return { status: "unreadable", problem: "it is not a regular file" };
    if (stat.size > maximumFileBytes)
      return { status: "unreadable", problem: `it has ${stat.size} bytes, the limit is ${maximumFileBytes}` };
    const buffer = Buffer.alloc(stat.size);
    let length = 0;
    for (let got = -1; got !== 0 && length < buffer.length; length += got)
      got = readSync(descriptor, buffer, length, buffer.length - length, null);
    return { status: "read", text: new TextDecoder("utf-8", { fatal: true, ignoreBOM: false }).decode(buffer.subarray(0, length)) };
  } catch (error) {
    return {
      status: "unreadable",
      problem: error instanceof TypeError ? "it is not UTF-8 text" : `it cannot be read (${(error as Error).message})`,
    };
  } finally {
    closeSync(descriptor);
  }
}
