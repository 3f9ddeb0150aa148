import type { Session } from "../../specs/contracts/target.js";
import type { TimedInputs } from "./timed-inputs.js";

export type Side = "candidate" | "baseline";

/** One side of a duel: a library, in one process after the other. */
export class Contestant {
  private current: Session | null = null;

  /** `open`: a process with the library loaded, and nothing else. */
  constructor(
    private readonly open: () => Promise<Session>,
    private readonly timed: TimedInputs,
    private readonly entry: string,
  ) {}

  get session(): Session {
    if (this.current === null) throw new Error("a side of a duel was asked for its process before it began");
    return this.current;
  }

  /** CPU seconds of the process that it has now. */
  cpuSeconds(): number {
    return this.current?.cpuSeconds() ?? 0;
  }

  /** A process of its own, with the inputs as they are now. */
  async begin(): Promise<void> {
    this.current = await this.open();
    await this.timed.fill(this.current, this.entry);
  }

  async end(): Promise<void> {
    const session = this.current;
    this.current = null;
    if (session === null) return;
    this.timed.forget(session);
    await session.close();
  }
}
