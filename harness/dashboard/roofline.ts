import type { ForgeEvent } from "../../specs/contracts/event.js";
import { figuresOf } from "../../specs/verdict-speed.js";
import type { RooflineData, RooflinePoint, RunRow } from "./page-data.js";
import type { RunFeed } from "./run-feed.js";

/** So long one answer may read logs; what is missing comes with the next. */
const readingMs = 120;

export interface RooflineFilter {
  spec: string | null;
  variant: string | null;
  target: string | null;
  run: string | null;
}

/** The timed entries of all attempts. Logs are read once, and again when they have grown. */
export class RooflineReader {
  private readonly known = new Map<string, { lastEventAt: string; points: RooflinePoint[] }>();

  constructor(private readonly feed: RunFeed) {}

  read(filter: RooflineFilter): RooflineData {
    const wanted = this.feed
      .rows()
      .filter(
        (row) =>
          (filter.spec === null || row.spec === filter.spec) &&
          (filter.variant === null || row.variant === filter.variant) &&
          (filter.target === null || row.target === filter.target) &&
          (filter.run === null || row.run === filter.run),
      )
      .sort((a, b) => (a.startedAt < b.startedAt ? 1 : -1));
    const until = performance.now() + readingMs;
    const points: RooflinePoint[] = [];
    let runsRead = 0;
    for (const row of wanted) {
      const read = this.pointsOf(row, performance.now() < until);
      if (read === null) continue;
      runsRead++;
      for (const point of read) points.push(point);
    }
    return { points, runsRead, runsInAll: wanted.length };
  }

  private pointsOf(row: RunRow, mayRead: boolean): RooflinePoint[] | null {
    const known = this.known.get(row.run);
    if (known?.lastEventAt === row.lastEventAt) return known.points;
    if (!mayRead) return null;
    let points: RooflinePoint[] = [];
    try {
      points = rooflinePoints(this.feed.events(row.run));
    } catch {
      // A log that cannot be read is told in the list of runs; here it has no points.
    }
    this.known.set(row.run, { lastEventAt: row.lastEventAt, points });
    return points;
  }
}

/** One point for each entry and size that an attempt was timed at, by its last measurement. */
export function rooflinePoints(events: readonly ForgeEvent[]): RooflinePoint[] {
  const [started] = events;
  if (started?.type !== "run-started") return [];
  const { spec, variant, target, threads } = started.goal;
  return events.flatMap((event) =>
    event.type !== "attempt-judged"
      ? []
      : figuresOf(event.verdict).map((figure) => ({
          run: started.run,
          attempt: event.attempt,
          outcome: event.verdict.outcome,
          spec,
          variant,
          target,
          threads,
          cpuModel: started.machine.cpuModel,
          figure,
        })),
  );
}
