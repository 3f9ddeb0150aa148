import { readFileSync, statSync } from "node:fs";
import { QueueUnavailable } from "../../specs/contracts/queue.js";

const shortestSecret = 32;
const howToMake = "make one with `openssl rand -hex 32 > queue.secret && chmod 600 queue.secret` and give every machine the same";

/**
 * The secret that controllers and workers share: from the file, else from FORGE_QUEUE_SECRET, which is taken out of the environment, so
 * that no program started from here inherits it. Without one nobody trusts a Redis.
 */
export function takeQueueSecret(file: string | undefined, environment: NodeJS.ProcessEnv = process.env): string {
  const fromEnvironment = environment.FORGE_QUEUE_SECRET;
  delete environment.FORGE_QUEUE_SECRET;
  const secret = file === undefined ? fromEnvironment : readSecretFile(file);
  if (secret === undefined || secret.trim() === "")
    throw new QueueUnavailable(`a Redis is used with a shared secret only: give --secret-file or FORGE_QUEUE_SECRET; ${howToMake}`);
  if (secret.trim().length < shortestSecret)
    throw new QueueUnavailable(`the queue's secret has fewer than ${shortestSecret} characters; ${howToMake}`);
  return secret.trim();
}

function readSecretFile(path: string): string {
  try {
    if ((statSync(path).mode & 0o077) !== 0) throw new QueueUnavailable(`${path} can be read by others than you; run: chmod 600 ${path}`);
    return readFileSync(path, "utf8");
  } catch (error) {
    if (error instanceof QueueUnavailable) throw error;
    throw new QueueUnavailable(`the secret cannot be read: ${error instanceof Error ? error.message : String(error)}; ${howToMake}`, {
      cause: error,
    });
  }
}
