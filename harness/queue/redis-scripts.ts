import type { Redis } from "ioredis";

/** One more beat of the try that has the token: `held`, or `cancelled`, or `lost` where another has the job or nobody. */
const beatScript = `
if redis.call("GET", KEYS[1]) ~= ARGV[1] then return "lost" end
if redis.call("HGET", KEYS[2], "cancelled") then return "cancelled" end
redis.call("HINCRBY", KEYS[2], "beat", 1)
return "held"`;

/** Hands the lock of a try that was not heard of to whoever noticed, unless it was heard of after all. */
const stealScript = `
local holder = redis.call("GET", KEYS[1]) or ""
local beat = redis.call("HGET", KEYS[2], "beat") or "0"
if holder ~= ARGV[1] or beat ~= ARGV[2] then return 0 end
redis.call("SET", KEYS[1], ARGV[3], "PX", ARGV[4])
return 1`;

export type BeatAnswer = "held" | "cancelled" | "lost";

export async function beat(redis: Redis, lock: string, side: string, token: string): Promise<BeatAnswer> {
  return (await redis.eval(beatScript, 2, lock, side, token)) as BeatAnswer;
}

export async function steal(
  redis: Redis,
  lock: string,
  side: string,
  seen: { token: string; beat: string },
  thief: string,
  lockMs: number,
): Promise<boolean> {
  return (await redis.eval(stealScript, 2, lock, side, seen.token, seen.beat, thief, lockMs)) === 1;
}
