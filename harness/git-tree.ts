import { createHash } from "node:crypto";

/** Git's id of a blob: SHA-1 over "blob <length>\0" and the bytes. */
export function gitBlobHash(bytes: Uint8Array): string {
  return objectHash("blob", bytes);
}

/**
 * Git's id of the tree of plain files (mode 100644) by path, as `git write-tree` gives it, without needing git: whoever
 * holds an accepted folder can tie it to the commit in the run's record.
 */
export function gitTreeHash(files: ReadonlyMap<string, Uint8Array>): string {
  const blobs = new Map<string, Uint8Array>();
  const folders = new Map<string, Map<string, Uint8Array>>();
  for (const [path, bytes] of files) {
    const slash = path.indexOf("/");
    if (slash === -1) {
      blobs.set(path, bytes);
      continue;
    }
    const folder = path.slice(0, slash);
    const inside = folders.get(folder) ?? new Map<string, Uint8Array>();
    folders.set(folder, inside.set(path.slice(slash + 1), bytes));
  }
  const entries = [
    ...[...blobs].map(([name, bytes]) => ({ mode: "100644", name, sortKey: name, hash: gitBlobHash(bytes) })),
    // Git sorts a folder as if its name ended in '/'.
    ...[...folders].map(([name, inside]) => ({ mode: "40000", name, sortKey: `${name}/`, hash: gitTreeHash(inside) })),
  ].sort((a, b) => Buffer.compare(Buffer.from(a.sortKey), Buffer.from(b.sortKey)));
  return objectHash(
    "tree",
    Buffer.concat(entries.flatMap((entry) => [Buffer.from(`${entry.mode} ${entry.name}\0`), Buffer.from(entry.hash, "hex")])),
  );
}

function objectHash(kind: "blob" | "tree", content: Uint8Array): string {
  return createHash("sha1").update(`${kind} ${content.length}\0`).update(content).digest("hex");
}
