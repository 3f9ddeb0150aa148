import type { JobOverview, QueueOverview, WorkerOverview } from "../../../specs/contracts/queue-overview.js";
import { type Child, element } from "./element.js";
import { emptyState, facts, problem, section } from "./run-parts.js";
import { ageText, countText } from "./units.js";
import type { View, ViewContext } from "./view.js";

const askEveryMs = 2000;
/** A worker says that it lives more often than this. */
const silentAfterMs = 60_000;

/** Who works, on which chips, and what waits for them. */
export async function queueView(context: ViewContext): Promise<View> {
  const root = element("main", { class: "queue-view" });
  const show = async () => {
    try {
      const overview = await context.source.queue();
      if (!context.signal.aborted) root.replaceChildren(element("h1", {}, "Workers and queue"), ...content(overview));
    } catch (error) {
      if (!context.signal.aborted) root.replaceChildren(element("h1", {}, "Workers and queue"), problem(error));
    }
  };
  await show();
  if (!context.signal.aborted) {
    const timer = setInterval(() => void show(), askEveryMs);
    context.signal.addEventListener("abort", () => clearInterval(timer));
  }
  return { title: "Queue", root };
}

function content(overview: QueueOverview | null): Node[] {
  if (overview === null)
    return [
      emptyState(
        "This dashboard looks into no queue: goals on this machine judge in their own process, one attempt at a time. How to show a queue that workers share: ",
        "forge dashboard --help",
      ),
    ];
  const count = (state: JobOverview["state"]) => String(overview.jobs.filter((job) => job.state === state).length);
  return [
    facts([
      ["queue", overview.queue],
      ["workers", String(overview.workers.length)],
      ["running", count("running")],
      ["waiting", count("waiting")],
      ["unschedulable", count("unschedulable")],
      ["finished", overview.finishedJobs.toLocaleString("en-US")],
      ["failed", overview.failedJobs.toLocaleString("en-US")],
    ]),
    section(
      "Workers",
      {},
      overview.workers.length === 0 ? emptyState("No worker is at work. ", "forge worker --target x86-64") : workers(overview.workers),
    ),
    section("Jobs", {}, overview.jobs.length === 0 ? emptyState("Nothing waits and nothing runs.") : jobs(overview.jobs)),
  ];
}

function workers(list: readonly WorkerOverview[]): HTMLElement {
  return table(
    "workers",
    ["worker", "host", "chips", "at work on", "finished", "up since", "last seen"],
    list.map((worker) => {
      const silent = Date.now() - worker.lastSeenAtMs > silentAfterMs;
      return {
        class: silent ? "silent" : worker.jobs.length > 0 ? "busy" : "idle",
        cells: [
          worker.id,
          worker.host,
          worker.targets.map(({ target, cpuModel, cores }) => `${target} (${cpuModel}, ${countText(cores, "core")})`).join("; "),
          worker.jobs.length === 0 ? "idle" : worker.jobs.join(", "),
          worker.finishedJobs.toLocaleString("en-US"),
          ageText(worker.startedAtMs, Date.now()),
          `${ageText(worker.lastSeenAtMs, Date.now())}${silent ? ", silent" : ""}`,
        ],
      };
    }),
  );
}

function jobs(list: readonly JobOverview[]): HTMLElement {
  return table(
    "jobs",
    ["job", "state", "target", "priority", "submitted", "worker", "tries"],
    list.map((job) => ({
      class: job.state,
      cells: [
        element("span", { title: job.id }, job.label),
        job.state === "unschedulable" ? `unschedulable: no worker has ${job.target}` : job.state,
        job.target,
        String(job.priority),
        ageText(job.submittedAtMs, Date.now()),
        job.worker ?? "–",
        String(job.tries),
      ],
    })),
  );
}

function table(kind: string, head: string[], rows: { class: string; cells: Child[] }[]): HTMLElement {
  return element(
    "div",
    { class: "scroll" },
    element(
      "table",
      { class: kind },
      element("thead", {}, element("tr", {}, ...head.map((name) => element("th", { scope: "col" }, name)))),
      element("tbody", {}, ...rows.map((row) => element("tr", { class: row.class }, ...row.cells.map((cell) => element("td", {}, cell))))),
    ),
  );
}
