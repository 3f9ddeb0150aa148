/** Whoever takes part in a row: the forged kernel, the baseline, a peer. All but one are frozen at any time. */
export interface Contestant {
  name: string;
  /** Seconds that `calls` calls took, by the clock of the contestant's own process; changed inputs and checks lie outside of it. */
  time(calls: number): Promise<number>;
  /** Begins a process of its own for the next round and warms it up; absent where a process takes too long to begin. */
  renew?(): Promise<void>;
  freeze(): Promise<void>;
  thaw(): Promise<void>;
}

/** A contestant did not do what it was asked to: wrong, crashed, or an input or a thread too many. */
export class ContestantFailure extends Error {
  override name = "ContestantFailure";

  constructor(
    readonly contestant: string,
    reason: string,
  ) {
    super(`${contestant}: ${reason}`);
  }
}
