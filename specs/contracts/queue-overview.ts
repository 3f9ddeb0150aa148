/** What stands in a queue and who works on it, at one moment: what `forge workers` and the dashboard show. */
export interface QueueOverview {
  /** `embedded`, or where the Redis is, without user and password. */
  queue: string;
  workers: WorkerOverview[];
  /** Jobs that wait or run, the next one first. */
  jobs: JobOverview[];
  /** Since the queue was opened first. */
  finishedJobs: number;
  failedJobs: number;
}

export interface WorkerOverview {
  id: string;
  host: string;
  targets: { target: string; cpuModel: string; cores: number }[];
  /** Milliseconds since the epoch. */
  startedAtMs: number;
  lastSeenAtMs: number;
  /** Jobs that it is at work on. */
  jobs: string[];
  finishedJobs: number;
}

/** `unschedulable`: no worker has the target, and none may ever have. */
export type JobState = "waiting" | "running" | "unschedulable";

export interface JobOverview {
  id: string;
  state: JobState;
  /** What it is for: `rmsnorm f32, attempt 3 of 20261122-…`. */
  label: string;
  target: string;
  priority: number;
  submittedAtMs: number;
  worker: string | null;
  /** Times that it has been begun. */
  tries: number;
}
