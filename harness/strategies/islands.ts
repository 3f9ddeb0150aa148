import { createHash } from "node:crypto";
import { isAccepted } from "../../specs/verdict-speed.js";
import { attemptText, bestOf, ratioOf } from "../goal/judged.js";
import type { Placement, Strategy, StrategyView } from "./strategy.js";

type Attempt = StrategyView["attempts"][number];

/** Attempts of an island between two looks at its neighbour. */
const migrationInterval = 3;
/** Of an island's population this many may become parents. */
const parents = 3;

/** Different ways of going about it, so that islands do not all find the same. */
const leanings = [
  "memory traffic: blocking, streaming stores, prefetching, fewer passes over the data",
  "arithmetic: wider vectors, more independent accumulators, cheaper mathematics within the gates",
  "the compiler: flags, restrict, alignment, unrolling, simpler loops that vectorise",
  "the threads: how work is split, balance, false sharing, one parallel region instead of several",
];

/**
 * Populations that seldom meet (the island model: Cohoon et al. 1987; used on programs by FunSearch, Romera-Paredes et al. 2023).
 * Each island goes on from one of its own few best, the better the likelier; every few attempts it takes its neighbour's best
 * where that is better, and where two islands hold the same code one of them is told to leave it.
 */
export function islands(lanes: number): Strategy {
  return {
    name: `islands-${lanes}`,
    lanes,
    opening: (lane, view) => ({
      base: bestOf(view.attempts)?.attempt ?? null,
      text: `You are island ${lane + 1} of ${lanes}. Look first at ${leanings[lane % leanings.length]}.`,
    }),
    next(lane, view): Placement {
      const population = populationOf(lane, view);
      if (population.length === 0) return { base: null, text: null };
      const own = view.attempts.filter((attempt) => attempt.lane === lane);
      const newest = own.at(-1)!;
      const best = bestOf(population)!;
      if (lanes > 1 && own.length % migrationInterval === 0) {
        const neighbour = (lane + lanes - 1) % lanes;
        const migrant = bestOf(populationOf(neighbour, view));
        if (migrant && sourceOf(migrant) === sourceOf(best) && migrant.attempt !== newest.attempt)
          return place(secondBest(population, best), newest, "Your neighbour has the same code as your best: go another way from here.");
        if (migrant && (ratioOf(migrant.verdict) ?? 0) > (ratioOf(best.verdict) ?? 0))
          return place(migrant, newest, `It comes from island ${neighbour + 1}, which got further than yours.`);
      }
      return place(choose(population, `${lane}/${own.length}`), newest, "");
    },
  };
}

/** What passed on the island, and what it took over from others; each source once. */
function populationOf(lane: number, view: StrategyView): Attempt[] {
  const taken = new Set(view.attempts.flatMap((attempt) => (attempt.lane === lane && attempt.base !== null ? [attempt.base] : [])));
  const members = view.attempts.filter((attempt) => (attempt.lane === lane || taken.has(attempt.attempt)) && isAccepted(attempt));
  const seen = new Set<string>();
  return members.filter((attempt) => !seen.has(sourceOf(attempt)) && seen.add(sourceOf(attempt)));
}

function place(attempt: Attempt, newest: Attempt, remark: string): Placement {
  if (attempt.attempt === newest.attempt) return { base: null, text: remark === "" ? null : remark };
  return { base: attempt.attempt, text: `The workspace is now ${attemptText(attempt)}. ${remark}`.trim() };
}

/** By rank, each half as likely as the one before it; drawn from what is in the log, so that a resumed run draws the same. */
function choose(population: Attempt[], seed: string): Attempt {
  const ranked = rank(population).slice(0, parents);
  const draw = createHash("sha256").update(`${seed}/${population[0]!.attempt}`).digest().readUInt32LE(0) / 2 ** 32;
  let left = draw * (2 - 2 ** (1 - ranked.length));
  for (const [index, attempt] of ranked.entries()) {
    left -= 2 ** -index;
    if (left < 0) return attempt;
  }
  return ranked[0]!;
}

const rank = (population: Attempt[]): Attempt[] =>
  [...population].sort((a, b) => (ratioOf(b.verdict) ?? 0) - (ratioOf(a.verdict) ?? 0) || a.attempt - b.attempt);

const secondBest = (population: Attempt[], best: Attempt): Attempt => rank(population)[1] ?? best;

const sourceOf = (attempt: Attempt): string => JSON.stringify([attempt.candidate.manifest, Object.entries(attempt.candidate.files).sort()]);
