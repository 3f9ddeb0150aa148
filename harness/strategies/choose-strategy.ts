import { UsageError } from "../cli/usage-error.js";
import { bestOfN } from "./best-of-n.js";
import { islands } from "./islands.js";
import { linear } from "./linear.js";
import type { Strategy } from "./strategy.js";

const most = 16;

/** By name: `linear`, `best-of-N`, `islands-N` (`best-of-n` and `islands` mean four). */
export function chooseStrategy(name: string): Strategy {
  if (name === "linear") return linear;
  const match = /^(best-of|islands)(?:-(\d+|n))?$/.exec(name);
  const count = match?.[2] === undefined || match[2] === "n" ? 4 : Number(match[2]);
  if (!match || count < 2 || count > most)
    throw new UsageError(`there is no strategy ${name}; there are: linear, best-of-N and islands-N, N from 2 to ${most}`);
  return match[1] === "best-of" ? bestOfN(count) : islands(count);
}
