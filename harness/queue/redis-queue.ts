import {
  type BlobStore,
  ForgedMessage,
  type JobRequest,
  type JobResult,
  type JobWatcher,
  type Queue,
  QueueUnavailable,
  type WorkerCard,
  type WorkerSeat,
} from "../../specs/contracts/queue.js";
import type { QueueOverview } from "../../specs/contracts/queue-overview.js";
import { BlobsBySize, FolderBlobs, RedisBlobs } from "./blob-stores.js";
import { type BeatSettings, RedisBase, usualBeats } from "./redis-base.js";
import { type RedisAddress, redisFailure } from "./redis-link.js";
import { canTake, redisOverview } from "./redis-overview.js";
import { RedisReaper } from "./redis-reaper.js";
import { RedisSeat } from "./redis-seat.js";
import { cancelIn, forgetIn, RedisTicket } from "./redis-ticket.js";
import { readWorkers } from "./redis-workers.js";
import { noWorkerFor } from "./unschedulable-text.js";

const lookMs = 100;
/** Looking at many jobs takes Redis time: it is done more seldom then. */
const lookMsAJob = 2;
/** A worker that has just begun may not have said so: only what stays so is told. */
const looksBeforeTelling = 2;

/**
 * Many machines' queue: BullMQ on Redis, a BullMQ queue for each route. BullMQ keeps jobs in order, hands each to one worker and takes a
 * result only from whoever holds the job's lock; who is still at work is told by beats (RedisReaper), not by BullMQ's clocks.
 */
export class RedisQueue implements Queue {
  private readonly tickets = new Set<RedisTicket>();
  private readonly seats = new Set<RedisSeat>();
  private readonly reaper: RedisReaper;
  private readonly timers = new Set<NodeJS.Timeout>();
  private unschedulableLooks = new Map<RedisTicket, number>();
  private isClosed = false;
  private isLooking = false;
  private lastGoodLookMs = performance.now();

  private constructor(private readonly base: RedisBase) {
    this.reaper = new RedisReaper(base);
    this.every(base.beats.beatMs, () => this.beat());
  }

  /** Fails at once where the Redis is not there or would lose jobs. */
  static async open(address: RedisAddress, beats: BeatSettings = usualBeats): Promise<RedisQueue> {
    return new RedisQueue(await RedisBase.open(address, beats));
  }

  /** Small contents in this Redis, large ones in a folder that all machines see; null where there is none. */
  blobStore(folder: string | null): BlobStore {
    return new BlobsBySize(new RedisBlobs(this.base.redis, this.base.keys), folder === null ? null : new FolderBlobs(folder));
  }

  async submit(request: JobRequest, watcher: JobWatcher, signal: AbortSignal): Promise<JobResult> {
    signal.throwIfAborted();
    const ofRun = [...this.tickets].filter((ticket) => ticket.request.run === request.run).length;
    const ticket = new RedisTicket(this.base, request, watcher, ofRun);
    this.tickets.add(ticket);
    this.startLooking();
    const onAbort = () => ticket.fail(signal.reason);
    signal.addEventListener("abort", onAbort, { once: true });
    try {
      return await ticket.end;
    } catch (error) {
      this.tickets.delete(ticket);
      // A stop must not wait for a Redis that has gone.
      if (signal.aborted) await Promise.race([ticket.cancel().catch(() => {}), timeout(2_000)]);
      throw error;
    } finally {
      this.tickets.delete(ticket);
      this.unschedulableLooks.delete(ticket);
      signal.removeEventListener("abort", onAbort);
    }
  }

  async cancel(id: string): Promise<void> {
    try {
      for (const route of await this.base.routes()) await cancelIn(this.base, route, id);
    } catch (error) {
      throw redisFailure(error, this.base.place, "cancelling a job");
    }
  }

  async forget(id: string): Promise<void> {
    try {
      for (const route of await this.base.routes()) await forgetIn(this.base, route, id);
    } catch (error) {
      throw redisFailure(error, this.base.place, "forgetting a job");
    }
  }

  async join(card: WorkerCard): Promise<WorkerSeat> {
    const seat = new RedisSeat(this.base, card);
    try {
      await seat.register();
    } catch (error) {
      throw redisFailure(error, this.base.place, "announcing a worker");
    }
    this.seats.add(seat);
    return seat;
  }

  async overview(): Promise<QueueOverview> {
    try {
      return await redisOverview(this.base);
    } catch (error) {
      throw redisFailure(error, this.base.place, "looking at the queue");
    }
  }

  async close(): Promise<void> {
    if (this.isClosed) return;
    this.isClosed = true;
    for (const timer of this.timers) clearTimeout(timer);
    for (const ticket of this.tickets) ticket.fail(new QueueUnavailable("the queue was closed while the job was waited for"));
    await Promise.race([Promise.all([...this.seats].map((seat) => seat.leave().catch(() => {}))), timeout(2_000)]);
    await this.base.close();
  }

  private async beat(): Promise<void> {
    // What fails now is tried with the next beat; whoever waits for a job hears of a Redis that stays away.
    for (const seat of this.seats) await seat.beat().catch(() => {});
    if (this.seats.size + this.tickets.size > 0) await this.reaper.look();
    if (this.tickets.size > 0) await this.findUnschedulable().catch(() => {});
  }

  /** One loop for all that are waited for, while there are any. */
  private startLooking(): void {
    if (this.isLooking) return;
    this.isLooking = true;
    this.lastGoodLookMs = performance.now();
    void (async () => {
      while (this.tickets.size > 0 && !this.isClosed) {
        await this.lookAtAll();
        await timeout(lookMs + lookMsAJob * this.tickets.size);
      }
      this.isLooking = false;
    })();
  }

  private async lookAtAll(): Promise<void> {
    const outcomes = await Promise.all(
      [...this.tickets].map(async (ticket) => {
        try {
          if (await ticket.look()) this.tickets.delete(ticket);
          return null;
        } catch (error) {
          return { ticket, error };
        }
      }),
    );
    const failures = outcomes.filter((outcome) => outcome !== null);
    if (failures.length === 0) this.lastGoodLookMs = performance.now();
    const isPatient = performance.now() - this.lastGoodLookMs < this.base.patienceMs;
    for (const { ticket, error } of failures) {
      // What Redis fails at may succeed once it is back; what we found wrong ourselves will not.
      if (error instanceof QueueUnavailable || error instanceof ForgedMessage) ticket.fail(error);
      else if (!isPatient) ticket.fail(redisFailure(error, this.base.place, "waiting for a job's result"));
    }
  }

  private async findUnschedulable(): Promise<void> {
    const workers = await readWorkers(this.base);
    for (const ticket of this.tickets) {
      const { request } = ticket;
      const looks = canTake(workers, request.route) ? 0 : (this.unschedulableLooks.get(ticket) ?? 0) + 1;
      this.unschedulableLooks.set(ticket, looks);
      if (looks === 0) ticket.tellUnschedulable(null);
      if (looks < looksBeforeTelling) continue;
      const others = workers.filter(({ card }) => card.targets.some(({ target }) => target === request.target));
      ticket.tellUnschedulable(
        noWorkerFor(
          request,
          others.map(({ card }) => card.id),
        ),
      );
    }
  }

  /** Again and again, never two at once. */
  private every(intervalMs: number, work: () => Promise<void>): void {
    const schedule = () => {
      if (this.isClosed) return;
      const timer = setTimeout(() => {
        this.timers.delete(timer);
        void work().finally(schedule);
      }, intervalMs);
      this.timers.add(timer);
    };
    schedule();
  }
}

const timeout = (durationMs: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, durationMs));
