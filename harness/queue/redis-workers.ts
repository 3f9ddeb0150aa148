import type { WorkerCard } from "../../specs/contracts/queue.js";
import type { RedisBase } from "./redis-base.js";

/** What a worker writes of itself with every beat. Nothing is decided by it but what people are told: anybody at Redis could write it. */
export interface WorkerEntry {
  card: WorkerCard;
  startedAtMs: number;
  /** By Redis' clock. */
  lastSeenAtMs: number;
  jobs: string[];
  finishedJobs: number;
}

const forgottenMs = 600_000;

export async function writeWorker(base: RedisBase, entry: Omit<WorkerEntry, "lastSeenAtMs">): Promise<void> {
  const complete: WorkerEntry = { ...entry, lastSeenAtMs: await base.nowMs() };
  await base.redis.hset(base.keys.workers, entry.card.id, JSON.stringify(complete));
}

/** Workers that were heard of lately. Those that have been silent for long are forgotten. */
export async function readWorkers(base: RedisBase): Promise<WorkerEntry[]> {
  const [entries, now] = await Promise.all([base.redis.hgetall(base.keys.workers), base.nowMs()]);
  const limitMs = base.beats.beatMs * base.beats.missedBeats;
  const present: WorkerEntry[] = [];
  for (const [id, text] of Object.entries(entries)) {
    const entry = parseEntry(text);
    // Redis' clock may have been set since: a worker that lives writes the new time with its next beat.
    const silentMs = entry === null ? Number.POSITIVE_INFINITY : Math.abs(now - entry.lastSeenAtMs);
    if (silentMs > forgottenMs) await base.redis.hdel(base.keys.workers, id);
    else if (entry !== null && silentMs <= limitMs) present.push(entry);
  }
  return present;
}

function parseEntry(text: string): WorkerEntry | null {
  try {
    return JSON.parse(text) as WorkerEntry;
  } catch {
    return null;
  }
}
