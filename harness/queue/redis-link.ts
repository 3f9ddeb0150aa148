import { Redis } from "ioredis";
import { QueueUnavailable } from "../../specs/contracts/queue.js";

export interface RedisAddress {
  /** redis://user:password@host:port/database, or rediss:// over TLS. */
  url: string;
  /** All keys begin with it. */
  prefix: string;
  /** How long a Redis that was there may be away, for a restart, before all that waits for it fails. */
  patienceMs: number;
}

export const usualPatienceMs = 60_000;
const connectTimeoutMs = 5_000;
const longestPauseMs = 1_000;

/** Where a Redis is, without user and password: for people and logs. */
export function redisPlace(url: string): string {
  const { protocol, host, pathname } = new URL(url);
  return `${protocol}//${host}${pathname === "/" ? "" : pathname}`;
}

/** Throws QueueUnavailable with what is wrong with the URL or the prefix. */
export function redisAddress(url: string, prefix: string, patienceMs: number = usualPatienceMs): RedisAddress {
  const example = "use redis://host:6379, or rediss://user:password@host:6380/0";
  const parsed = URL.canParse(url) ? new URL(url) : null;
  if (parsed === null || !["redis:", "rediss:"].includes(parsed.protocol) || parsed.hostname === "")
    throw new QueueUnavailable(`the address of the Redis is not one; ${example}`);
  if (!/^[A-Za-z0-9_.-]{1,64}$/.test(prefix))
    throw new QueueUnavailable(`'${prefix}' cannot begin keys; use letters, digits and _ . - only, 64 at most`);
  return { url, prefix, patienceMs };
}

/** A connection that is up, to a Redis that loses nothing by itself. Fails at once where there is none. */
export async function connectRedis({ url, patienceMs }: RedisAddress): Promise<Redis> {
  const place = redisPlace(url);
  let wasReady = false;
  let lastError: Error | null = null;
  const redis = new Redis(url, {
    lazyConnect: true,
    connectTimeout: connectTimeoutMs,
    // What is asked for while it is away waits; so long, and not longer.
    commandTimeout: patienceMs,
    maxRetriesPerRequest: null,
    retryStrategy: (times) => (wasReady ? Math.min(times * 50, longestPauseMs) : null),
  });
  redis.on("error", (error: Error) => {
    lastError = error;
  });
  try {
    await redis.connect();
    wasReady = true;
    await refuseEviction(redis, place);
    return redis;
  } catch (error) {
    redis.disconnect();
    if (error instanceof QueueUnavailable) throw error;
    const reason = (lastError ?? (error as Error)).message.replace(/\.$/, "");
    throw new QueueUnavailable(`no Redis can be used at ${place}: ${reason}. Start one there, or mend --redis (FORGE_REDIS)`, {
      cause: error,
    });
  }
}

/** A Redis that throws keys away when memory is short throws jobs and results away. */
async function refuseEviction(redis: Redis, place: string): Promise<void> {
  const policy = /^maxmemory_policy:(\S+)/m.exec(await redis.info("memory"))?.[1] ?? "unknown";
  if (policy !== "noeviction")
    throw new QueueUnavailable(
      `the Redis at ${place} has maxmemory-policy ${policy} and may throw jobs away. ` +
        "Set it with `redis-cli CONFIG SET maxmemory-policy noeviction`, and in its redis.conf so that it stays",
    );
}

/** What failed in Redis, for people: `work` names what was to be done. */
export function redisFailure(error: unknown, place: string, work: string): QueueUnavailable {
  if (error instanceof QueueUnavailable) return error;
  const reason = error instanceof Error ? error.message : String(error);
  const told = reason === "Command timed out" || reason === "Connection is closed." ? "it went away and did not come back in time" : reason;
  return new QueueUnavailable(`the Redis at ${place} failed while ${work}: ${told}`, { cause: error });
}
