import { afterAll, describe, expect, it } from "vitest";
import { readCheaters } from "./cheater-file.js";
import { judgeCheater, judgeTwin } from "./examine.js";
import { closeRooms } from "./judgements.js";

afterAll(closeRooms);

/** No faster than the baseline, which takes a duel all its time to find out; units and their decisions have tests of their own. */
const longest = ["reference-resubmitted", "slow-every-fifth", "slow-warm-up"];
const whole = process.env.FORGE_WHOLE === "1";
const cheaters = readCheaters().filter(({ name }) => whole || !longest.includes(name));

/**
 * Every cheater once but for the longest, and by a quick check the twins of those that are caught before anything is timed. The whole is
 * `npm run bench:integrity`.
 */
describe.each(cheaters.map((cheater) => [cheater.name, cheater] as const))("%s", (_, cheater) => {
  const target = cheater.targets[0]!;
  const isTimed = "harmless" in cheater.caught || cheater.caught.check === "speed";
  const verb = "harmless" in cheater.caught ? "gains nothing" : "is caught";

  it(`${verb} on ${target}: ${cheater.law}`, { timeout: 300_000 }, async () => {
    const { right, seen } = await judgeCheater(cheater, target, null);
    expect({ right, seen }).toEqual({ right: true, seen });
  });

  // Of the others only timing would say more.
  if (!isTimed)
    it(`has a twin that passes a quick check on ${target}`, async () => {
      const { right, seen } = await judgeTwin(cheater, target, true);
      expect({ right, seen }).toEqual({ right: true, seen });
    });
});
