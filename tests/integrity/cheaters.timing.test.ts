import { describe, expect, it } from "vitest";
import { readCheaters } from "./cheater-file.js";
import { judgeCheater, judgeTwin } from "./examine.js";

/** What fails before anything is timed takes a second or two; its twin is judged by a quick check. The whole is `npm run test:integrity`. */
describe.each(readCheaters().map((cheater) => [cheater.name, cheater] as const))("%s", (_, cheater) => {
  const target = cheater.targets[0]!;
  const isTimed = "harmless" in cheater.caught || cheater.caught.check === "speed";

  it(`is caught on ${target}: ${cheater.law}`, { timeout: 300_000 }, async () => {
    const twin = "harmless" in cheater.caught ? await judgeTwin(cheater, target) : null;
    const { right, seen } = await judgeCheater(cheater, target, twin);
    expect({ right, seen }).toEqual({ right: true, seen });
  });

  it.runIf(!isTimed)(`has a twin that passes a quick check on ${target}`, async () => {
    const { right, seen } = await judgeTwin(cheater, target, true);
    expect({ right, seen }).toEqual({ right: true, seen });
  });
});
