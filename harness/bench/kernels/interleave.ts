import { setTimeout as sleep } from "node:timers/promises";
import type { Random } from "../../../verifiers/numerics/random.js";
import { disturbance, ForeignLoad, isDisturbed } from "../../../verifiers/speed/foreign-load.js";
import { thresholds } from "../../../verifiers/thresholds.js";
import type { Contestant } from "./contestant.js";

/** Rounds thrown away because others used the machine, as a multiple of those wanted, before it is called busy. */
const repeatsPerRound = 3;
/** Rounds shorter than this are cheap: a few more make the interval narrower. */
const quickRoundMs = 2000;
const extraRounds = 4;
const maximumCalls = 20_000;

export interface Measurement {
  /** Seconds a call, one per round, by contestant's name; rounds are paired across contestants. */
  secondsPerCall: Map<string, number[]>;
  rounds: number;
  underLoad: boolean;
}

export interface InterleaveOptions {
  contestants: Contestant[];
  rounds: number;
  random: Random;
  /** CPU seconds of all our processes so far. */
  ourCpuSeconds: () => number;
  acceptLoad: boolean;
  /** Runs between rounds, when no clock does; throws where something is wrong. */
  betweenRounds: () => Promise<void>;
  signal: AbortSignal;
}

/**
 * All contestants in every round, in random order, one block each; whoever waits is frozen. Rounds are independent of each other as far as
 * contestants have a process for each, since where a process's memory comes to lie moves all that it does. Throws MachineBusy.
 */
export async function interleave(options: InterleaveOptions): Promise<Measurement> {
  const { contestants, random, signal } = options;
  await renew(contestants, random);
  const calls = await warmUp(contestants);
  const secondsPerCall = new Map<string, number[]>(contestants.map(({ name }) => [name, []]));
  const load = new ForeignLoad(options.ourCpuSeconds);
  let wanted = options.rounds;
  let kept = 0;
  let repeats = 0;
  let underLoad = false;
  const startedAt = performance.now();
  while (kept < wanted) {
    signal.throwIfAborted();
    load.closeWindow();
    const window: Map<Contestant, number>[] = [];
    do {
      load.pause();
      await renew(contestants, random);
      load.resume();
      window.push(await runRound(contestants, calls, random));
    } while (load.windowMs() < thresholds.foreignWindowMs && kept + window.length < wanted);
    // A load that is read over less than half a second means nothing; the rest of the window passes idle.
    if (load.windowMs() < thresholds.leastWindowMs) await sleep(thresholds.leastWindowMs - load.windowMs());
    const isBusy = isDisturbed(load.closeWindow());
    await options.betweenRounds();
    if (isBusy && !options.acceptLoad) {
      repeats += window.length;
      if (repeats > repeatsPerRound * wanted) throw new MachineBusy(repeats, kept);
      continue;
    }
    underLoad ||= isBusy;
    for (const round of window) for (const [contestant, seconds] of round) secondsPerCall.get(contestant.name)!.push(seconds);
    kept += window.length;
    const roundMs = (performance.now() - startedAt) / (kept + repeats);
    if (kept >= options.rounds && wanted === options.rounds && options.rounds >= 12 && roundMs < quickRoundMs) wanted += extraRounds;
  }
  return { secondsPerCall, rounds: kept, underLoad };
}

/** Two calls each: caches, page tables, thread pools and compiled code are there, and the length of a block is known. */
async function warmUp(contestants: Contestant[]): Promise<Map<Contestant, number>> {
  const calls = new Map<Contestant, number>();
  for (const contestant of contestants) {
    await activate(contestant, contestants);
    const seconds = Math.min(await contestant.time(1), await contestant.time(1));
    await contestant.freeze();
    const forBlock = Math.ceil(thresholds.blockMs / 1000 / Math.max(seconds, 1e-7));
    calls.set(contestant, Math.max(thresholds.blockCalls, Math.min(maximumCalls, forBlock)));
  }
  return calls;
}

/** All that have a new process are frozen afterwards; the others have to be before. */
async function renew(contestants: Contestant[], random: Random): Promise<void> {
  for (const contestant of shuffled(contestants, random)) await contestant.renew?.();
}

async function runRound(contestants: Contestant[], calls: Map<Contestant, number>, random: Random): Promise<Map<Contestant, number>> {
  const times = new Map<Contestant, number>();
  for (const contestant of shuffled(contestants, random)) {
    await activate(contestant, contestants);
    times.set(contestant, (await contestant.time(calls.get(contestant)!)) / calls.get(contestant)!);
    await contestant.freeze();
  }
  return times;
}

async function activate(active: Contestant, contestants: Contestant[]): Promise<void> {
  for (const contestant of contestants) if (contestant !== active) await contestant.freeze();
  await active.thaw();
}

/** Fisher and Yates. */
function shuffled<T>(list: readonly T[], random: Random): T[] {
  const result = [...list];
  for (let last = result.length - 1; last > 0; last--) {
    const other = random.integer(0, last);
    [result[last], result[other]] = [result[other]!, result[last]!];
  }
  return result;
}

/** Others used the machine all the time; no figure can be given. */
export class MachineBusy extends Error {
  override name = "MachineBusy";

  constructor(repeats: number, kept: number) {
    super(`machine busy: ${disturbance()} in ${repeats} rounds (${kept} were quiet); run it again when it is quiet, or see --under-load`);
  }
}
