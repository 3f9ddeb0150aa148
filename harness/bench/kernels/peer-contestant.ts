import type { PeerProcess } from "../peers/peer-process.js";
import type { Contestant } from "./contestant.js";

/** One mode of a peer (eager, compiled) on inputs that its process has loaded. */
export class PeerContestant implements Contestant {
  constructor(
    readonly name: string,
    private readonly process: PeerProcess,
    private readonly mode: string,
    /** Drawn as for the sandboxed contestants, so that nobody finds warmer caches than its rival. */
    private readonly chooseSet: () => number,
  ) {}

  async time(calls: number): Promise<number> {
    return this.process.time(
      this.mode,
      Array.from({ length: calls }, () => this.chooseSet()),
    );
  }

  freeze(): Promise<void> {
    return this.process.freeze();
  }

  async thaw(): Promise<void> {
    this.process.thaw();
  }
}
