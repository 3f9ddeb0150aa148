import { afterEach, beforeEach, describe, expect, it } from "vitest";
import {
  JobEnded,
  JobFailed,
  type JobRequest,
  type JobResult,
  type JobWatcher,
  maximumFailures,
  type Queue,
  type TakenJob,
  usualPriority,
  type WorkerSeat,
} from "../../../specs/contracts/queue.js";
import { card, never, request, until, Watching } from "./conformance-parts.js";

/** A place where queues lie: `open` again and again opens the same one, as another process would. */
export interface QueuePlace {
  open(): Promise<Queue>;
  /** Whether two may have it open at once. */
  isShared: boolean;
  end(): Promise<void>;
}

/** What every queue does, one body for all. */
export function queueConformance(name: string, place: () => Promise<QueuePlace>): void {
  describe(`the queue: ${name}`, { timeout: 25_000 }, () => {
    let here: QueuePlace;
    let queue: Queue;
    beforeEach(async () => {
      here = await place();
      queue = await here.open();
    });
    afterEach(async () => {
      await queue.close();
      await here.end();
    });

    const put = (job: JobRequest, watcher: JobWatcher = new Watching(), signal = never()): Promise<JobResult> => {
      const end = queue.submit(job, watcher, signal);
      end.catch(() => {});
      return end;
    };
    const stands = (job: JobRequest) =>
      until(`${job.id} stands in the queue`, async () => (await queue.overview()).jobs.some(({ id }) => id === job.id));
    const next = async (seat: WorkerSeat): Promise<TakenJob> => {
      const taken = await seat.take(AbortSignal.timeout(20_000));
      if (taken === null) throw new Error("there was nothing to take");
      return taken;
    };

    it("brings a job to a worker as it was put in, its events and its result back", async () => {
      const watcher = new Watching();
      const job = request();
      const end = put(job, watcher);
      const seat = await queue.join(card("w"));
      const taken = await next(seat);
      expect(taken.request).toEqual(job);
      expect(taken.tries).toBe(1);
      await seat.tell(taken, "one");
      await seat.tell(taken, "two");
      await until("both events are there", () => watcher.events.length === 2);
      expect(await seat.complete(taken, "the verdict")).toBe(true);
      expect(await end).toEqual({ envelope: "the verdict", token: taken.token });
      expect(watcher.events).toEqual(["one", "two"]);
      expect(watcher.provided).toBe(1);
    });

    it("gives a worker only what its routes say", async () => {
      const wasm = request({ route: "wasm-simd", target: "wasm-simd" });
      const classed = request({ route: "x86-64@0123abcd" });
      const ends = [put(wasm), put(classed)];
      const [plain, both] = [await queue.join(card("plain")), await queue.join(card("both", ["wasm-simd", "x86-64@0123abcd"]))];
      for (let job = 0; job < 2; job++) {
        const taken = await next(both);
        await both.complete(taken, taken.request.id);
      }
      expect((await Promise.all(ends)).map(({ envelope }) => envelope)).toEqual([wasm.id, classed.id]);
      expect(await plain.take(AbortSignal.timeout(500))).toBeNull();
    });

    it("hands out the urgent first, and lets runs take turns", async () => {
      const many = [1, 2, 3].map(() => request({ run: "many" }));
      const few = request({ run: "few" });
      const urgent = request({ run: "urgent", priority: 9 });
      for (const job of [...many, few, urgent]) {
        void put(job);
        await stands(job);
      }
      const seat = await queue.join(card("w"));
      const order: string[] = [];
      for (let job = 0; job < 5; job++) {
        const taken = await next(seat);
        order.push(taken.request.id);
        await seat.complete(taken, "done");
      }
      expect(order).toEqual([urgent.id, many[0]!.id, few.id, many[1]!.id, many[2]!.id]);
    });

    it("forgets a waiting job that is cancelled", async () => {
      const stop = new AbortController();
      const job = request();
      const end = put(job, new Watching(), stop.signal);
      await stands(job);
      stop.abort();
      await expect(end).rejects.toThrow(/abort/i);
      await until("it is gone", async () => (await queue.overview()).jobs.length === 0);
      const seat = await queue.join(card("w"));
      expect(await seat.take(AbortSignal.timeout(500))).toBeNull();
    });

    it("has a running job ended that is cancelled, tells all who wait, and takes no result of it", async () => {
      const seat = await queue.join(card("w"));
      const job = request();
      const [first, second] = [put(job), put(job)];
      const taken = await next(seat);
      await queue.cancel(job.id);
      await until("the worker hears of it", () => taken.signal.aborted);
      expect(taken.signal.reason).toMatchObject({ name: "JobEnded", why: "cancelled" });
      await seat.fail(taken, "cancelled", false);
      await expect(first).rejects.toThrow(JobEnded);
      await expect(second).rejects.toThrow(JobEnded);
      expect(await seat.complete(taken, "too late")).toBe(false);
      // It may be asked for again.
      const again = put(job);
      const anew = await next(seat);
      expect(anew.request.id).toBe(job.id);
      await seat.complete(anew, "this time");
      expect((await again).envelope).toBe("this time");
    });

    it("takes one result: what a worker brings after its job went to another is fenced off", async () => {
      const job = request();
      const watcher = new Watching();
      const end = put(job, watcher);
      const [zombie, other] = [await queue.join(card("zombie")), await queue.join(card("other"))];
      const first = await next(zombie);
      await zombie.leave();
      const second = await next(other);
      expect(second.request.id).toBe(job.id);
      expect(second.token).not.toBe(first.token);
      expect(await zombie.complete(first, "late")).toBe(false);
      expect(await other.complete(second, "right")).toBe(true);
      expect(await other.complete(second, "twice")).toBe(false);
      expect(await end).toEqual({ envelope: "right", token: second.token });
    });

    it("tries a job so often and no more, while others go on; giving it back counts as no try", async () => {
      const seat = await queue.join(card("w"));
      const job = request();
      const end = put(job);
      const back = await next(seat);
      await seat.giveBack(back);
      for (let tries = 1; tries <= maximumFailures; tries++) {
        const taken = await next(seat);
        expect(taken.tries).toBe(tries);
        await seat.fail(taken, "a broken compiler", true);
      }
      await expect(end).rejects.toThrow(JobFailed);
      await expect(end).rejects.toThrow(/tried 3 times.*a broken compiler/);
      const good = request();
      const goodEnd = put(good);
      await seat.complete(await next(seat), "good");
      expect((await goodEnd).envelope).toBe("good");
      expect(await queue.overview()).toMatchObject({ finishedJobs: 1, failedJobs: 1, jobs: [] });
    });

    it("has whoever waits provide again what a worker misses", async () => {
      const watcher = new Watching();
      const end = put(request(), watcher);
      const seat = await queue.join(card("w"));
      const taken = await next(seat);
      expect(watcher.provided).toBe(1);
      await seat.miss(taken);
      await until("it is provided", () => watcher.provided === 2);
      await seat.complete(taken, "done");
      await end;
      expect(watcher.provided).toBe(2);
    });

    it("fails a job for good where another try cannot help", async () => {
      const seat = await queue.join(card("w"));
      const end = put(request());
      await seat.fail(await next(seat), "the spec does not parse", false);
      await expect(end).rejects.toThrow("the spec does not parse");
    });

    it("does a job once, however many ask, and gives its result to who asks later", async () => {
      const seat = await queue.join(card("w"));
      const job = request();
      const [first, second] = [put(job), put(job)];
      await seat.complete(await next(seat), "once");
      expect(await Promise.all([first, second])).toMatchObject([{ envelope: "once" }, { envelope: "once" }]);
      const watcher = new Watching();
      expect(await put(job, watcher)).toMatchObject({ envelope: "once" });
      expect(watcher.provided).toBe(0);
      expect(await seat.take(AbortSignal.timeout(500))).toBeNull();
    });

    it("forgets a result that is not to be given again, and does the job anew", async () => {
      const seat = await queue.join(card("w"));
      const job = request();
      const first = put(job);
      await seat.complete(await next(seat), "wrong");
      expect((await first).envelope).toBe("wrong");
      await queue.forget(job.id);
      const second = put(job);
      await seat.complete(await next(seat), "right");
      expect((await second).envelope).toBe("right");
    });

    it("is found again with its jobs and results by the next who opens it", async () => {
      const [done, open] = [request({ run: "a" }), request({ run: "b" })];
      const seat = await queue.join(card("w"));
      const end = put(done);
      await seat.complete(await next(seat), "kept");
      await end;
      await seat.leave();
      void put(open);
      await stands(open);
      await queue.close();
      queue = await here.open();
      expect((await queue.overview()).jobs).toMatchObject([{ id: open.id, state: "unschedulable", tries: 0 }]);
      expect((await put(done)).envelope).toBe("kept");
      const another = await queue.join(card("another"));
      const end2 = put(open);
      await another.complete(await next(another), "after all");
      expect((await end2).envelope).toBe("after all");
    });

    it("shows who works on what, what waits and what nobody can take, and tells whoever waits for that", async () => {
      const [running, waiting] = [request(), request({ run: "run-2" })];
      const seat = await queue.join(card("w"));
      void put(running);
      await stands(running);
      const taken = await next(seat);
      void put(waiting);
      await stands(waiting);
      const watcher = new Watching();
      const stranded = request({ route: "wasm-simd", target: "wasm-simd", run: "run-3" });
      void put(stranded, watcher);
      await stands(stranded);
      await until("it is told", () => watcher.reasons.length > 0);
      expect(watcher.reasons[0]).toContain("forge worker --target wasm-simd");
      await until("the worker shows its job", async () => (await queue.overview()).workers.some(({ jobs }) => jobs.length === 1));
      const overview = await queue.overview();
      expect(overview.workers).toMatchObject([{ id: "w", host: "a-host", jobs: [running.id], finishedJobs: 0 }]);
      expect(overview.jobs).toMatchObject([
        { id: running.id, state: "running", worker: "w", tries: 1, label: running.label, target: "x86-64", priority: usualPriority },
        { id: waiting.id, state: "waiting", worker: null, tries: 0 },
        { id: stranded.id, state: "unschedulable", worker: null, tries: 0 },
      ]);
      const wasm = await queue.join(card("v", ["wasm-simd"]));
      await until("it is told that there is one now", () => watcher.reasons.at(-1) === null);
      await seat.complete(taken, "done");
      await wasm.complete(await next(wasm), "done");
    });
  });
}
