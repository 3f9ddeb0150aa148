import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import type { TrainingStep } from "./train-run.js";

/** Bytes before the place that was reached, by which a log is known that was cut and written on from there. */
const tailBytes = 256;

/** Follows the log of a training: every look reads what came since the last one. */
export class TrainingLog {
  private known: TrainingStep[] = [];
  /** Up to the end of the last whole line. */
  private reached = 0;
  private tail = Buffer.alloc(0);

  constructor(private readonly path: string) {}

  /** All steps so far; none where there is no log. What is being written just now, half a line, waits for the next look. */
  read(): readonly TrainingStep[] {
    let file: number;
    try {
      file = openSync(this.path, "r");
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
      this.forget();
      return this.known;
    }
    try {
      if (!this.isContinued(file)) this.forget();
      const added = bytesAt(file, this.reached, fstatSync(file).size - this.reached);
      const whole = added.subarray(0, added.lastIndexOf("\n") + 1);
      if (whole.length > 0) {
        this.known = [...this.known, ...stepsOf(whole)];
        this.reached += whole.length;
        this.tail = Buffer.concat([this.tail, whole]).subarray(-tailBytes);
      }
      return this.known;
    } finally {
      closeSync(file);
    }
  }

  /** A training that is resumed cuts its log back to its checkpoint; a new one begins it anew. */
  private isContinued(file: number): boolean {
    return bytesAt(file, this.reached - this.tail.length, this.tail.length).equals(this.tail);
  }

  private forget(): void {
    this.known = [];
    this.reached = 0;
    this.tail = Buffer.alloc(0);
  }
}

function bytesAt(file: number, from: number, length: number): Buffer {
  const bytes = Buffer.alloc(Math.max(0, length));
  let read = 0;
  while (read < bytes.length) {
    const more = readSync(file, bytes, read, bytes.length - read, from + read);
    if (more === 0) break;
    read += more;
  }
  return bytes.subarray(0, read);
}

const stepsOf = (lines: Buffer): TrainingStep[] =>
  lines
    .toString("utf8")
    .split("\n")
    .flatMap((line) => {
      try {
        return line === "" ? [] : [JSON.parse(line) as TrainingStep];
      } catch {
        return []; // a line that a crash left half
      }
    });
