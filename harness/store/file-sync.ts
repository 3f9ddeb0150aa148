import { closeSync, fsyncSync, openSync } from "node:fs";

/** Makes the entries of a folder durable: a new file survives a power failure only after its folder is synced too. */
export function syncFolder(folder: string): void {
  const descriptor = openSync(folder, "r");
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}
