import type { ForgeEvent } from "../../../specs/contracts/event.js";
import type { QueueOverview } from "../../../specs/contracts/queue-overview.js";
import { parseExactJson } from "../../exact-json.js";
import type {
  AttemptChange,
  LiveMessage,
  MatrixData,
  ReportData,
  RooflineData,
  RunData,
  RunPage,
  RunQuery,
  TrainingCurves,
  TrainingLine,
} from "../page-data.js";
import { runQueryParameters } from "../run-query.js";
import { type Compared, comparedText, type RooflineAddress } from "./address.js";

/** Where the page's data come from: the server, or the report that the page itself is. */
export interface DataSource {
  matrix(): Promise<MatrixData>;
  runs(query: RunQuery, offset: number, limit: number): Promise<RunPage>;
  run(run: string): Promise<RunData>;
  event(run: string, sequence: number): Promise<ForgeEvent>;
  change(run: string, attempt: number, against: Compared | null): Promise<AttemptChange>;
  roofline(filter: RooflineAddress): Promise<RooflineData>;
  queue(): Promise<QueueOverview | null>;
  trainings(): Promise<TrainingLine[]>;
  training(name: string): Promise<TrainingCurves>;
  /** Calls back until it is stopped; `run` is followed from behind `after`. */
  live(run: string | null, after: number, told: (message: LiveMessage) => void, state: (isLive: boolean) => void): () => void;
}

/** The report that this page was written as; null where it is served. */
export function embeddedReport(): ReportData | null {
  const holder = document.getElementById("forge-report");
  return holder === null ? null : (parseExactJson(holder.textContent ?? "null") as ReportData);
}

export const serverSource: DataSource = {
  matrix: () => ask("/api/matrix"),
  runs: (query, offset, limit) => ask(`/api/runs?${runQueryParameters(query)}&offset=${offset}&limit=${limit}`),
  run: (run) => ask(`/api/runs/${encodeURIComponent(run)}`),
  event: (run, sequence) => ask(`/api/runs/${encodeURIComponent(run)}/events/${sequence}`),
  change: (run, attempt, against) => {
    const other = against === null ? "" : `?against=${encodeURIComponent(comparedText(against))}`;
    return ask(`/api/runs/${encodeURIComponent(run)}/attempts/${attempt}/change${other}`);
  },
  roofline: (filter) =>
    ask(`/api/roofline?${new URLSearchParams(Object.entries(filter).flatMap(([name, value]) => (value === null ? [] : [[name, value]])))}`),
  queue: () => ask("/api/queue"),
  trainings: () => ask("/api/trainings"),
  training: (name) => ask(`/api/trainings/${encodeURIComponent(name)}`),
  live(run, after, told, state) {
    const stream = new EventSource(run === null ? "/api/live" : `/api/live?run=${encodeURIComponent(run)}&after=${after}`);
    stream.onopen = () => state(true);
    stream.onerror = () => state(false);
    stream.onmessage = (message) => told(parseExactJson(String(message.data)) as LiveMessage);
    return () => stream.close();
  },
};

async function ask<Answer>(path: string): Promise<Answer> {
  const response = await fetch(path, { headers: { Accept: "application/json" } });
  if (!response.ok) throw new Error(await problemOf(response));
  return parseExactJson(await response.text()) as Answer;
}

async function problemOf(response: Response): Promise<string> {
  const text = await response.text();
  try {
    return (JSON.parse(text) as { error: string }).error;
  } catch {
    return text.trim() || `the dashboard answered ${response.status}`;
  }
}

export function reportSource(report: ReportData): DataSource {
  const absent = () => Promise.reject(new Error("A report holds one run; `forge dashboard` shows the rest."));
  return {
    matrix: absent,
    runs: absent,
    roofline: absent,
    queue: absent,
    trainings: absent,
    training: absent,
    run: (run) => (run === report.run.row.run ? Promise.resolve(report.run) : absent()),
    event: (_run, sequence) => {
      const event = report.run.events[sequence];
      return event ? Promise.resolve(event) : absent();
    },
    change: (_run, attempt, against) => {
      const change = report.changes[String(attempt)];
      return change && against === null ? Promise.resolve(change) : absent();
    },
    live: () => () => {},
  };
}
