import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync } from "node:fs";
import { join } from "node:path";

/** So long a wait is worth a word. */
const patienceMs = 3_000;

/**
 * Runs `work` while no other Forge process with this cache times anything. The lock is the kernel's on an empty file, held by a `flock`
 * (util-linux, so on every Linux; no native module) that ends when its standard input does, as it does when this process dies. Waits as
 * long as it takes; the signal ends the waiting.
 */
export async function withDevice<T>(cacheDirectory: string, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
  signal.throwIfAborted();
  mkdirSync(cacheDirectory, { recursive: true });
  const release = await holdLock(join(cacheDirectory, "device.lock"), signal);
  try {
    signal.throwIfAborted();
    return await work();
  } finally {
    await release();
  }
}

/** Resolves once the lock is held, with what releases it. */
async function holdLock(path: string, signal: AbortSignal): Promise<() => Promise<void>> {
  const holder = spawn("flock", ["-x", path, "sh", "-c", "echo held; exec cat"], {
    stdio: ["pipe", "pipe", "pipe"],
    // It lives beside the candidates: whoever looks around there finds no keys.
    env: { PATH: process.env.PATH ?? "/usr/bin:/bin" },
    // Ctrl-C is for us: the device stays ours until we are done.
    detached: true,
  });
  const ended = new Promise<string>((resolve) => {
    holder.once("exit", (code) => resolve(`it ended with ${code}`));
    holder.once("error", (error) => resolve(error.message));
  });
  let errors = "";
  holder.stderr.on("data", (text: Buffer) => {
    errors += text.toString("utf8");
  });
  // It may be gone already.
  holder.stdin.on("error", () => {});
  const stop = () => {
    // Should it have the lock this moment, its child does too, and lives as long as its input.
    holder.stdin.destroy();
    holder.kill("SIGKILL");
  };
  signal.addEventListener("abort", stop, { once: true });
  const impatience = setTimeout(
    () => process.stderr.write("another Forge process is timing on this machine; waiting for it (Ctrl-C ends this)\n"),
    patienceMs,
  );
  try {
    const held = once(holder.stdout, "data").then(() => null);
    // Never settled where it ends without a word.
    held.catch(() => {});
    const failure = await Promise.race([held, ended]);
    signal.throwIfAborted();
    if (failure !== null)
      throw new Error(
        `the lock ${path} cannot be taken: ${failure}${errors === "" ? "" : `: ${errors.trim()}`}; it needs flock (util-linux)`,
      );
  } finally {
    clearTimeout(impatience);
    signal.removeEventListener("abort", stop);
  }
  return async () => {
    holder.stdin.end();
    await ended;
  };
}
