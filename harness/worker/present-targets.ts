import { cacheDirectory } from "../cache-directory.js";
import { createSandbox } from "../sandbox/create-sandbox.js";
import { createTarget, TargetUnavailable, targetNames } from "../targets.js";

/** Names of the targets that this machine has. Throws where there is none, with what the first one lacks. */
export async function presentTargets(): Promise<string[]> {
  const sandbox = createSandbox({ unsafe: false });
  const present: string[] = [];
  let lacking: TargetUnavailable | null = null;
  for (const name of targetNames) {
    const probe = await createTarget(name, { sandbox, cacheDirectory: cacheDirectory() }).probe();
    if (probe.status === "available") present.push(name);
    else lacking ??= new TargetUnavailable(name, probe);
  }
  if (present.length === 0 && lacking !== null) throw lacking;
  return present;
}
