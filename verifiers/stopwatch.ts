import type { TimeBreakdown } from "../specs/contracts/verdict.js";

type Activity = Exclude<keyof TimeBreakdown, "other">;

/** Books the time of a verdict under what it went into; nested activities count once, for the inner one. */
export class Stopwatch {
  private readonly startedAt = performance.now();
  private readonly spent: Record<Activity, number> = { building: 0, running: 0, sealing: 0, comparing: 0, timing: 0 };
  private readonly stack: Activity[] = [];
  private since = 0;

  async during<T>(activity: Activity, work: () => Promise<T>): Promise<T> {
    this.switchTo();
    this.stack.push(activity);
    try {
      return await work();
    } finally {
      this.switchTo();
      this.stack.pop();
    }
  }

  breakdown(): TimeBreakdown {
    const booked = Object.values(this.spent).reduce((sum, value) => sum + value, 0);
    return { ...this.spent, other: performance.now() - this.startedAt - booked };
  }

  private switchTo(): void {
    const now = performance.now();
    const current = this.stack.at(-1);
    if (current) this.spent[current] += now - this.since;
    this.since = now;
  }
}
