import { textTable } from "../../report/text-table.js";
import { type KillResult, phases } from "./phases.js";

/** All columns but the first. */
const numbers = new Set([1, 2, 3, 4, 5, 6, 7]);

export const isSound = (result: KillResult): boolean =>
  result.resumed && result.lost === 0 && result.twice === 0 && result.indexEqual && result.problems.length === 0;

/** The histogram: a row a phase, and what was wrong below it. Only kills that came in time count. */
export function killTable(results: readonly KillResult[]): string {
  const kills = results.filter(({ killed }) => killed);
  const row = (name: string, of: readonly KillResult[]) => {
    const sum = (value: (result: KillResult) => number) => String(of.reduce((total, result) => total + value(result), 0));
    const count = (fits: (result: KillResult) => boolean) => String(of.filter(fits).length);
    return [
      name,
      String(of.length),
      count(({ resumed }) => resumed),
      sum(({ told }) => told),
      sum(({ lost }) => lost),
      sum(({ twice }) => twice),
      count(({ indexEqual }) => indexEqual),
      count(({ problems }) => problems.length > 0),
    ];
  };
  const rows = phases
    .map((phase) =>
      row(
        phase,
        kills.filter((result) => result.phase === phase),
      ),
    )
    .filter(([, count]) => count !== "0");
  const stopped = kills.filter(({ phase }) => phase === "full disk");
  const killed = kills.filter(({ phase }) => phase !== "full disk");
  const heads = ["phase", "crashes", "resumed", "events checked", "lost", "miscounted", "index equal", "other problems"];
  const wrong = results.filter((result) => !isSound(result)).map((result) => `${result.name}: ${complaintOf(result)}`);
  return [
    textTable([heads, ...rows, row("all", kills)], numbers),
    "",
    `${killed.length} kills and ${stopped.length} full disks, ${results.length - kills.length} came too late`,
    ...wrong,
  ].join("\n");
}

function complaintOf({ resumed, lost, twice, indexEqual, problems }: KillResult): string {
  return [
    ...(resumed ? [] : ["not resumed"]),
    ...(lost > 0 ? [`${lost} events lost`] : []),
    ...(twice > 0 ? ["miscounted"] : []),
    ...(indexEqual ? [] : ["the index differs"]),
    ...problems,
  ].join("; ");
}
