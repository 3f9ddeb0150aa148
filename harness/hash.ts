import { createHash } from "node:crypto";

/** SHA-256 in hex, the hash of everything that a certificate names. */
export function sha256Hex(content: string | Uint8Array): string {
  return createHash("sha256").update(content).digest("hex");
}

/** One hash for a set of named contents: over sorted (name, hash) pairs, so that neither order nor concatenation matters. */
export function hashOfNamedHashes(hashes: Readonly<Record<string, string>>): string {
  const pairs = Object.keys(hashes)
    .sort()
    .map((name) => [name, hashes[name]]);
  return sha256Hex(JSON.stringify(pairs));
}
