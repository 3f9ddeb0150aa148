import { type Context, Hono } from "hono";
import type { QueueOverview } from "../../specs/contracts/queue-overview.js";
import { StoreError } from "../../specs/contracts/store.js";
import { exactJson } from "../exact-json.js";
import { type AccessRules, guardAccess } from "./access.js";
import { attemptChange } from "./attempt-change.js";
import { leanEvent } from "./lean-event.js";
import { streamLive } from "./live-stream.js";
import { readMatrix } from "./matrix.js";
import type { MatrixData, RunData, RunPage } from "./page-data.js";
import type { PageFiles } from "./page-files.js";
import { RooflineReader } from "./roofline.js";
import type { RunFeed } from "./run-feed.js";
import { findRuns, mostRowsOfAPage, parseRunQuery } from "./run-query.js";
import { readTraining, readTrainings } from "./trainings.js";

export interface DashboardParts {
  directories: { runs: string; generated: string };
  feed: RunFeed;
  page: PageFiles;
  access: AccessRules;
  /** Null where there is no queue to look into. */
  queue: (() => Promise<QueueOverview>) | null;
  ended: AbortSignal;
}

/** Looking at all certificates means hashing all that judges. */
const matrixKeptMs = 5000;

/** Everything that the dashboard answers; nothing here changes anything. */
export function dashboardRoutes(parts: DashboardParts): Hono {
  const { feed, page } = parts;
  const roofline = new RooflineReader(feed);
  let matrix: { at: number; data: MatrixData } | null = null;
  feed.watch(({ accepted }) => {
    if (accepted) matrix = null;
  });
  const app = new Hono();
  app.use(guardAccess(parts.access));

  app.get("/", (context) => context.html(page.html));
  app.get("/page.js", (context) => context.body(page.script, 200, { "Content-Type": "text/javascript; charset=utf-8" }));
  app.get("/page.css", (context) => context.body(page.style, 200, { "Content-Type": "text/css; charset=utf-8" }));

  app.get("/api/matrix", (context) => {
    if (matrix === null || performance.now() - matrix.at > matrixKeptMs)
      matrix = { data: readMatrix(parts.directories), at: performance.now() };
    return context.json(matrix.data);
  });
  app.get("/api/runs", (context) => {
    const parameters = new URL(context.req.url).searchParams;
    const offset = wholeNumber(parameters.get("offset"), 0);
    const limit = wholeNumber(parameters.get("limit"), mostRowsOfAPage);
    const found: RunPage = { ...findRuns(feed.rows(), parseRunQuery(parameters), offset, limit), unreadable: feed.unreadable() };
    return context.json(found);
  });
  app.get("/api/runs/:run", (context) => {
    const run = context.req.param("run");
    const data: RunData = { row: feed.row(run), events: feed.events(run).map(leanEvent) };
    return exactAnswer(context, data);
  });
  app.get("/api/runs/:run/events/:sequence", (context) => {
    const { run, sequence } = context.req.param();
    const event = feed.events(run)[wholeNumber(sequence, -1)];
    return event ? exactAnswer(context, event) : context.json({ error: `run ${run} has no event ${sequence}` }, 404);
  });
  app.get("/api/runs/:run/attempts/:attempt/change", async (context) => {
    const { run, attempt } = context.req.param();
    const placed = (name: string, number: string | number) => ({
      run: name,
      events: feed.events(name),
      places: feed.places(name),
      attempt: wholeNumber(String(number), -1),
    });
    const against = /^(.+):(\d+)$/.exec(context.req.query("against") ?? "");
    const other = against ? placed(against[1]!, against[2]!) : null;
    return exactAnswer(context, await attemptChange(placed(run, attempt), other));
  });
  app.get("/api/roofline", (context) => {
    const query = (name: string) => context.req.query(name) || null;
    return context.json(roofline.read({ spec: query("spec"), variant: query("variant"), target: query("target"), run: query("run") }));
  });
  app.get("/api/trainings", (context) => exactAnswer(context, readTrainings(parts.directories.runs)));
  app.get("/api/trainings/:name", (context) => exactAnswer(context, readTraining(parts.directories.runs, context.req.param("name"))));
  app.get("/api/queue", async (context) => context.json(parts.queue === null ? null : await parts.queue()));
  app.get("/api/live", (context) => streamLive(context, feed, parts.ended));

  app.notFound((context) => context.json({ error: `there is nothing at ${context.req.path}` }, 404));
  app.onError((error, context) => context.json({ error: error.message }, error instanceof StoreError ? 404 : 500));
  return app;
}

function wholeNumber(text: string | null, otherwise: number): number {
  return text !== null && /^\d{1,9}$/.test(text) ? Number(text) : otherwise;
}

/** Events hold verdicts, and verdicts numbers that are not finite. */
function exactAnswer(context: Context, value: unknown): Response {
  return context.body(exactJson(value), 200, { "Content-Type": "application/json; charset=utf-8" });
}
