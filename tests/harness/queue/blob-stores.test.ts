import { chmodSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { RedisServer } from "../../../harness/bench/queue/redis-server.js";
import { sha256Hex } from "../../../harness/hash.js";
import { BlobsBySize, FolderBlobs, getTrueBlob, RedisBlobs } from "../../../harness/queue/blob-stores.js";
import { canonicalJson } from "../../../harness/queue/canonical-json.js";
import { takeQueueSecret } from "../../../harness/queue/queue-secret.js";
import { redisKeys } from "../../../harness/queue/redis-keys.js";
import { redisAddress } from "../../../harness/queue/redis-link.js";
import { RedisQueue } from "../../../harness/queue/redis-queue.js";
import { temporaryFolder } from "../temporary-folder.js";

test("small contents go to Redis and large ones to the folder, and both come back byte for byte", async () => {
  const server = await RedisServer.start();
  const redis = server.client();
  onTestFinished(async () => {
    redis.disconnect();
    await server.stop();
  });
  const folder = temporaryFolder();
  const small = new RedisBlobs(redis, redisKeys("blobs"));
  const blobs = new BlobsBySize(small, new FolderBlobs(folder), 1_000);
  const contents = [0, 1, 1_000, 1_001, 300_000].map((length) =>
    Buffer.from(Array.from({ length }, (_, index) => (index * 7 + length) % 256)),
  );
  for (const content of contents) {
    const hash = await blobs.put(content);
    expect(hash).toBe(sha256Hex(content));
    expect(await getTrueBlob(blobs, hash)).toEqual(content);
    expect(await redis.exists(`blobs:~blob:${hash}`)).toBe(content.length <= 1_000 ? 1 : 0);
  }
  expect(readdirSync(folder)).toHaveLength(2);
  expect(await getTrueBlob(blobs, "0".repeat(64))).toBeNull();
  // What lies under the hash of something else is as good as nothing.
  const spoiled = sha256Hex(contents[4]!);
  writeFileSync(join(folder, spoiled.slice(0, 2), spoiled), "another content");
  expect(await getTrueBlob(blobs, spoiled)).toBeNull();
  await blobs.put(contents[4]!);
  expect(await getTrueBlob(blobs, spoiled)).toEqual(contents[4]);
  expect(() => new BlobsBySize(small, null, 1_000).put(contents[4]!)).toThrow(/--blobs/);
});

test("equal values have one canonical text, whatever the order of their keys; lists keep theirs", () => {
  expect(canonicalJson({ b: [2, 1], a: { d: null, c: "x" } })).toBe('{"a":{"c":"x","d":null},"b":[2,1]}');
  expect(canonicalJson({ a: { c: "x", d: null }, b: [2, 1] })).toBe(canonicalJson({ b: [2, 1], a: { d: null, c: "x" } }));
  expect(canonicalJson({ b: [1, 2] })).not.toBe(canonicalJson({ b: [2, 1] }));
});

test("the secret is taken out of the environment, and refused where it is short, missing or open to others", () => {
  const environment = { FORGE_QUEUE_SECRET: "s".repeat(40), OTHER: "x" };
  expect(takeQueueSecret(undefined, environment)).toBe("s".repeat(40));
  expect(environment).toEqual({ OTHER: "x" });
  expect(() => takeQueueSecret(undefined, {})).toThrow(/openssl rand -hex 32/);
  expect(() => takeQueueSecret(undefined, { FORGE_QUEUE_SECRET: "short" })).toThrow(/fewer than 32/);
  const path = join(temporaryFolder(), "secret");
  writeFileSync(path, `${"f".repeat(64)}\n`, { mode: 0o600 });
  expect(takeQueueSecret(path, {})).toBe("f".repeat(64));
  chmodSync(path, 0o640);
  expect(() => takeQueueSecret(path, {})).toThrow(/chmod 600/);
  expect(() => takeQueueSecret(join(path, "nowhere"), {})).toThrow(/cannot be read/);
});

test("user and password are used, and told to nobody", async () => {
  const server = await RedisServer.start({ more: "--user forge on >right-password ~forge:* &* +@all --user default off".split(" ") });
  onTestFinished(() => server.stop());
  const at = (user: string) => redisAddress(server.url.replace("//", `//${user}@`), "forge");
  const queue = await RedisQueue.open(at("forge:right-password"));
  expect((await queue.overview()).queue).toBe(server.url);
  await queue.close();
  for (const user of ["forge:wrong-password", "nobody:right-password"]) {
    const error: unknown = await RedisQueue.open(at(user)).catch((reason: unknown) => reason);
    expect(String(error)).toMatch(/WRONGPASS/);
    expect(String(error)).not.toMatch(/(?:right|wrong)-password/);
  }
  await expect(RedisQueue.open(redisAddress(server.url, "forge"))).rejects.toThrow(/NOAUTH/);
});
