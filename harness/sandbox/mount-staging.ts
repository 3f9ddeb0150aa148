import { existsSync, realpathSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { type SandboxMount, SandboxUnavailable } from "../../specs/contracts/sandbox.js";
import { type HostUser, openMountTo } from "./host-users.js";

/** Mounts as bubblewrap is to make them, and the command line that prepares them and becomes the program after it. */
export interface PreparedMounts {
  mounts: SandboxMount[];
  launcher: string[];
}

/**
 * Runs as root in a mount namespace of its own: binds paths that the sandbox's user could not walk to under a folder where it can,
 * then becomes that user. Arguments: stage, uid, gid, count, the paths, the program.
 */
const STAGE_SCRIPT = `
set -e
stage=$1 uid=$2 gid=$3 count=$4
shift 4
mount -t tmpfs -o mode=755,size=64k forge "$stage"
index=0
while [ "$index" -lt "$count" ]; do
  if [ -d "$1" ]; then mkdir "$stage/$index"; else : > "$stage/$index"; fi
  mount --bind "$1" "$stage/$index"
  shift
  index=$((index + 1))
done
exec setpriv --reuid "$uid" --regid "$gid" --clear-groups -- "$@"`;

/** Covered in the sandbox's mount namespace only. */
const STAGES = ["/mnt", "/media", "/srv", "/opt"];

/** True where every folder on the way to `path` lets anybody pass. */
function canBeReached(path: string): boolean {
  for (let folder = dirname(path); ; folder = dirname(folder)) {
    if ((statSync(folder).mode & 0o001) === 0) return false;
    if (folder === "/") return true;
  }
}

function resolved(mount: SandboxMount, user: HostUser | null): SandboxMount {
  try {
    if (user !== null) openMountTo(user, mount);
    return { ...mount, host: realpathSync(mount.host) };
  } catch (cause) {
    throw new SandboxUnavailable(`Cannot mount ${mount.host} at ${mount.inside}: ${(cause as Error).message}`, { cause });
  }
}

/** Lets the sandbox's user use what is mounted. Folders like /root stay closed to it: it never sees more than the mounts. */
export function prepareMounts(requested: readonly SandboxMount[], user: HostUser | null): PreparedMounts {
  const mounts = requested.map((mount) => resolved(mount, user));
  if (user === null || mounts.every((mount) => canBeReached(mount.host))) return { mounts, launcher: [] };
  const stage = STAGES.find((folder) => existsSync(folder) && !mounts.some((mount) => `${mount.host}/`.startsWith(`${folder}/`)));
  if (stage === undefined) throw new SandboxUnavailable(`One of ${STAGES.join(", ")} must exist and hold none of the mounted folders.`);
  const paths = mounts.map((mount) => mount.host);
  return {
    mounts: mounts.map((mount, index) => ({ ...mount, host: `${stage}/${index}` })),
    launcher: [
      ...["/usr/bin/unshare", "--mount", "--propagation", "private", "/bin/sh", "-c", STAGE_SCRIPT, "forge"],
      ...[stage, String(user.uid), String(user.gid), String(paths.length), ...paths],
    ],
  };
}
