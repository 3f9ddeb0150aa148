import { existsSync, mkdirSync, renameSync, writeFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { gunzipSync } from "node:zlib";
import { cacheDirectory } from "../cache-directory.js";
import { hashOfNamedHashes, sha256Hex } from "../hash.js";
import { packageRoot } from "../package-root.js";
import { BytePairEncoder } from "./byte-pair-encoder.js";

/** The vocabularies that Forge brings along; `specs/models/text/SOURCES.md` says what they were trained on. */
export const vocabularies = [4096, 16384, 32768] as const;
export type Vocabulary = (typeof vocabularies)[number];

export const textFolder = (): string => join(packageRoot(), "specs", "models", "text");
const corpusPath = (): string => join(textFolder(), "corpus.txt.gz");
const tokenizerPath = (vocabulary: Vocabulary): string => join(textFolder(), `tokenizer-${vocabulary}.json.gz`);

export async function readCorpus(): Promise<string> {
  return gunzipSync(await readFile(corpusPath())).toString("utf8");
}

export async function readTokenizer(vocabulary: Vocabulary): Promise<BytePairEncoder> {
  const path = tokenizerPath(vocabulary);
  return new BytePairEncoder(gunzipSync(await readFile(path)).toString("utf8"), path);
}

/** The whole corpus as token ids, its documents separated by the end-of-text token. Encoded once, and kept in the cache folder. */
export async function corpusTokens(vocabulary: Vocabulary): Promise<Uint16Array> {
  const hashes = { corpus: sha256Hex(await readFile(corpusPath())), tokenizer: sha256Hex(await readFile(tokenizerPath(vocabulary))) };
  const path = join(cacheDirectory(), "text", `${vocabulary}-${hashOfNamedHashes(hashes)}.u16`);
  if (existsSync(path)) {
    // Copied, so that the numbers begin where numbers may begin.
    return new Uint16Array(Uint8Array.from(await readFile(path)).buffer);
  }
  const tokens = (await readTokenizer(vocabulary)).encode(await readCorpus());
  mkdirSync(dirname(path), { recursive: true });
  // Whole or not at all, whoever reads meanwhile.
  const partial = `${path}.${process.pid}`;
  writeFileSync(partial, tokens);
  renameSync(partial, path);
  return tokens;
}
