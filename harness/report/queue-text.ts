import type { QueueOverview } from "../../specs/contracts/queue-overview.js";
import { durationText } from "../progress/duration-text.js";
import { escapeText } from "./escape-text.js";
import { textTable } from "./text-table.js";

/** What `forge workers` prints. All of it comes from Redis, where anybody may have written it. */
export function queueText(overview: QueueOverview, nowMs: number): string {
  const { queue, workers, jobs, finishedJobs, failedJobs } = overview;
  const parts = [
    `${queue}: ${workers.length} workers, ${jobs.length} jobs waiting or running, ${finishedJobs} finished, ${failedJobs} failed`,
  ];
  if (workers.length > 0)
    parts.push(
      textTable([
        ["WORKER", "CHIPS", "AT WORK ON", "FINISHED", "UP FOR"],
        ...workers.map((worker) => [
          escapeText(worker.id),
          worker.targets.map(({ target, cpuModel, cores }) => escapeText(`${target} (${cpuModel}, ${cores} cores)`)).join(", "),
          worker.jobs.map((id) => escapeText(id.slice(0, 12))).join(", ") || "nothing",
          String(worker.finishedJobs),
          durationText(Math.max(0, nowMs - worker.startedAtMs)),
        ]),
      ]),
    );
  if (jobs.length > 0)
    parts.push(
      textTable([
        ["JOB", "STATE", "TARGET", "PRIORITY", "TRIES", "WORKER", "FOR"],
        ...jobs.map((job) =>
          [job.id.slice(0, 12), job.state, job.target, String(job.priority), String(job.tries), job.worker ?? "", job.label].map(
            escapeText,
          ),
        ),
      ]),
    );
  const stranded = [...new Set(jobs.filter(({ state }) => state === "unschedulable").map(({ target }) => target))];
  if (stranded.length > 0) parts.push(`No worker fits what waits for ${stranded.map(escapeText).join(", ")}: see docs/queue.md.`);
  return parts.join("\n\n");
}
