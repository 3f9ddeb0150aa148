import { setTimeout as sleep } from "node:timers/promises";
import { redisAddress } from "../../../harness/queue/redis-link.js";
import { RedisQueue } from "../../../harness/queue/redis-queue.js";
import { card } from "./conformance-parts.js";

// A worker in a process of its own, to be killed, stopped and set to other times. It says what it does, a line each.
const [url, prefix, name, manner] = process.argv.slice(2) as [string, string, string, "hold" | "die" | "work"];
const queue = await RedisQueue.open(redisAddress(url, prefix), { beatMs: 100, missedBeats: 10 });
const seat = await queue.join(card(name));
const say = (text: string) => process.stdout.write(`${text}\n`);
say("ready");
for (;;) {
  const job = await seat.take(new AbortController().signal);
  if (job === null) break;
  say(`took ${job.request.id} try ${job.tries}`);
  if (manner === "die") process.kill(process.pid, "SIGKILL");
  // Until it is told to go on; `work` is at it for a moment.
  if (manner === "hold") await new Promise((resolve) => process.stdin.once("data", resolve));
  else await sleep(30);
  say(`${(await seat.complete(job, `by ${name}`)) ? "completed" : "fenced off"} ${job.request.id}`);
}
