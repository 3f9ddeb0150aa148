import { type Command, Option } from "commander";
import type { SharedQueueOptions } from "../queue/open-queue.js";
import { UsageError } from "./usage-error.js";

/** As commander gives them. */
export interface QueueCommandOptions {
  redis?: string;
  redisPrefix: string;
  secretFile?: string;
  blobs?: string;
}

/** `--redis` and what belongs to it; the environment is the better place for an address with a password in it. */
export function addQueueOptions(command: Command, what: string): Command {
  return command
    .addOption(new Option("--redis <url>", `${what}: redis://host:6379, rediss:// over TLS`).env("FORGE_REDIS"))
    .addOption(new Option("--redis-prefix <text>", "with what all keys in Redis begin").env("FORGE_REDIS_PREFIX").default("forge"))
    .addOption(
      new Option("--secret-file <file>", "the secret that signs jobs and verdicts (default: FORGE_QUEUE_SECRET)").env(
        "FORGE_QUEUE_SECRET_FILE",
      ),
    )
    .addOption(new Option("--blobs <folder>", "a folder that all machines see, for files above 1 MiB").env("FORGE_BLOBS"));
}

export function requireRedis(options: QueueCommandOptions): SharedQueueOptions {
  const { redis } = options;
  if (redis === undefined || redis === "") throw new UsageError("name the Redis: --redis redis://host:6379, or FORGE_REDIS");
  return { ...options, redis };
}
