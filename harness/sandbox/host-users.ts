import { chmodSync, chownSync, statSync } from "node:fs";
import type { SandboxMount } from "../../specs/contracts/sandbox.js";

/** Above all ordinary users, below nobody (65534). */
const FIRST_UID = 64_000;
const UID_COUNT = 1_500;
/** All sandboxes share this group; through it a private folder is opened to them and to nobody else. */
const SANDBOX_GID = 64_000;
const GROUP_BITS_SHIFT = 3;

const taken = new Set<number>();

/** An unprivileged user of the host for one sandbox. */
export interface HostUser {
  uid: number;
  gid: number;
  release(): void;
}

/** When we are root: a uid that no other sandbox of this process uses now. Otherwise null: the sandbox runs as our own user. */
export function borrowHostUser(): HostUser | null {
  if (process.getuid?.() !== 0) return null;
  // Two harnesses on one machine start at different places.
  const start = (process.pid * 31) % UID_COUNT;
  for (let step = 0; step < UID_COUNT; step++) {
    const uid = FIRST_UID + ((start + step) % UID_COUNT);
    if (taken.has(uid)) continue;
    taken.add(uid);
    return { uid, gid: SANDBOX_GID, release: () => taken.delete(uid) };
  }
  throw new Error(`${UID_COUNT} sandboxes are running already: wait for some of them to end.`);
}

/**
 * Lets `user` use a mounted file or folder: a writable one becomes its own, a private one is opened to the sandboxes' group.
 * Does not look below the top: what lies in a mounted folder is readable where its own mode says so.
 */
export function openMountTo(user: HostUser, mount: SandboxMount): void {
  const { mode, uid, gid } = statSync(mount.host);
  if (mount.writable) {
    if (uid !== user.uid) chownSync(mount.host, user.uid, gid);
    return;
  }
  const ownerBits = mode & 0o500;
  const otherBits = (mode & 0o005) << (2 * GROUP_BITS_SHIFT);
  const missing = ownerBits & ~otherBits;
  if (missing === 0) return;
  if (gid !== SANDBOX_GID) chownSync(mount.host, uid, SANDBOX_GID);
  chmodSync(mount.host, (mode & 0o7777) | (ownerBits >> GROUP_BITS_SHIFT));
}
