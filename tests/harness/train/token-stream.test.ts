import { readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test, vi } from "vitest";
import { corpusTokens } from "../../../harness/train/token-stream.js";
import { temporaryFolder } from "../temporary-folder.js";

test("the text is encoded once; later calls read what the first kept", async () => {
  const cache = temporaryFolder();
  vi.stubEnv("FORGE_CACHE", cache);
  try {
    const tokens = await corpusTokens(4096);
    expect(tokens.length).toBeGreaterThan(1_000_000);
    expect(tokens.every((token) => token < 4096)).toBe(true);
    expect(Buffer.from((await corpusTokens(4096)).buffer).equals(Buffer.from(tokens.buffer))).toBe(true);
    const [kept, ...others] = readdirSync(join(cache, "text"));
    expect(others).toEqual([]);
    writeFileSync(join(cache, "text", kept!), Uint16Array.of(1, 2, 3));
    expect(await corpusTokens(4096)).toEqual(Uint16Array.of(1, 2, 3));
  } finally {
    vi.unstubAllEnvs();
  }
});
