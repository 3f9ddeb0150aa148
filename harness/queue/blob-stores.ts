import { mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Redis } from "ioredis";
import { type BlobStore, QueueUnavailable } from "../../specs/contracts/queue.js";
import { sha256Hex } from "../hash.js";
import type { RedisKeys } from "./redis-keys.js";

/** Sources and specs are far below; what is above belongs on a shared folder. */
export const largestRedisBlobBytes = 1 << 20;

const keptSeconds = 30 * 24 * 3600;

/**
 * Small contents in Redis itself, for a month by its clock from when they were put in last. Should it be set meanwhile, a worker misses
 * something, and whoever waits for the job puts it in again.
 */
export class RedisBlobs implements BlobStore {
  constructor(
    private readonly redis: Redis,
    private readonly keys: RedisKeys,
  ) {}

  async put(content: Buffer): Promise<string> {
    const hash = sha256Hex(content);
    // Always written: what stands there may have been spoiled.
    await this.redis.set(this.keys.blob(hash), content, "EX", keptSeconds);
    return hash;
  }

  get(hash: string): Promise<Buffer | null> {
    return this.redis.getBuffer(this.keys.blob(hash));
  }
}

/** A folder that all machines see, for what is large. */
export class FolderBlobs implements BlobStore {
  constructor(private readonly folder: string) {}

  async put(content: Buffer): Promise<string> {
    const hash = sha256Hex(content);
    const path = this.path(hash);
    mkdirSync(join(path, ".."), { recursive: true });
    const written = `${path}.${process.pid}.${Math.random().toString(36).slice(2)}`;
    writeFileSync(written, content, { flush: true });
    renameSync(written, path);
    return hash;
  }

  async get(hash: string): Promise<Buffer | null> {
    try {
      return readFileSync(this.path(hash));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
      throw error;
    }
  }

  private path(hash: string): string {
    return join(this.folder, hash.slice(0, 2), hash);
  }
}

/** Small contents go to one store, large ones to the other; without the other they are refused. */
export class BlobsBySize implements BlobStore {
  constructor(
    private readonly small: BlobStore,
    private readonly large: BlobStore | null,
    private readonly largestSmallBytes: number = largestRedisBlobBytes,
  ) {}

  put(content: Buffer): Promise<string> {
    if (content.length <= this.largestSmallBytes) return this.small.put(content);
    if (this.large !== null) return this.large.put(content);
    throw new QueueUnavailable(
      `a file of ${content.length} bytes is too large for Redis (${this.largestSmallBytes} at most): name a folder that all machines see, with --blobs`,
    );
  }

  async get(hash: string): Promise<Buffer | null> {
    return (await this.small.get(hash)) ?? (await this.large?.get(hash)) ?? null;
  }
}

/** The content with that hash; null where it is not there, or what is there is another content. */
export async function getTrueBlob(blobs: BlobStore, hash: string): Promise<Buffer | null> {
  const content = await blobs.get(hash);
  return content !== null && sha256Hex(content) === hash ? content : null;
}
