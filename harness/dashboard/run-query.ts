import { runStateText } from "../report/run-table.js";
import { type RunPage, type RunQuery, type RunRow, type RunSortKey, runSortKeys } from "./page-data.js";

export const mostRowsOfAPage = 500;

/** Reads a query from an address; what makes no sense in it falls back to the newest runs first. */
export function parseRunQuery(parameters: URLSearchParams): RunQuery {
  const sort = runSortKeys.find((key) => key === parameters.get("sort")) ?? "started";
  const outcome = (["surpassed", "passed", "failed", "errored", "none"] as const).find((known) => known === parameters.get("outcome"));
  return {
    text: parameters.get("text") ?? "",
    spec: parameters.get("spec") || null,
    target: parameters.get("target") || null,
    outcome: outcome ?? null,
    sort,
    descending: parameters.get("order") !== "ascending",
  };
}

/** The other way: only what differs from the default, so that an address is short. */
export function runQueryParameters(query: RunQuery): URLSearchParams {
  const parameters = new URLSearchParams();
  if (query.text !== "") parameters.set("text", query.text);
  for (const key of ["spec", "target", "outcome"] as const) {
    const value = query[key];
    if (value !== null) parameters.set(key, value);
  }
  if (query.sort !== "started") parameters.set("sort", query.sort);
  if (!query.descending) parameters.set("order", "ascending");
  return parameters;
}

export function findRuns(rows: readonly RunRow[], query: RunQuery, offset: number, limit: number): Omit<RunPage, "unreadable"> {
  const words = query.text.toLowerCase().split(/\s+/).filter(Boolean);
  const found = rows.filter((row) => {
    if (query.spec !== null && row.spec !== query.spec) return false;
    if (query.target !== null && row.target !== query.target) return false;
    if (query.outcome !== null && (row.bestOutcome ?? "none") !== query.outcome) return false;
    if (words.length === 0) return true;
    const text = `${row.run} ${row.variant} ${row.agent} ${row.target} ${rowStateText(row)}`.toLowerCase();
    return words.every((word) => text.includes(word));
  });
  const sign = query.descending ? -1 : 1;
  const sortValue = sortValues[query.sort];
  const sorted = found
    .map((row) => ({ row, value: sortValue(row) }))
    .sort((a, b) => compare(a.value, b.value, sign) || compare(a.row.startedAt, b.row.startedAt, -1));
  return {
    rows: sorted.slice(offset, offset + Math.min(limit, mostRowsOfAPage)).map(({ row }) => row),
    offset,
    found: found.length,
    all: rows.length,
    specs: [...new Set(rows.map((row) => row.spec))].sort(),
    targets: [...new Set(rows.map((row) => row.target))].sort(),
  };
}

/** How a run stands, in the words of `forge runs`. */
export function rowStateText(row: RunRow): string {
  return row.place.kind === "record" ? "accepted; this is its record" : runStateText(row);
}

const sortValues: Record<RunSortKey, (row: RunRow) => string | number | null> = {
  started: (row) => row.startedAt,
  run: (row) => row.run,
  agent: (row) => row.agent,
  attempts: (row) => row.attempts,
  "speed-up": (row) => row.bestRatio,
  state: rowStateText,
};

/** What is unknown stands last, whichever way round. */
function compare(a: string | number | null, b: string | number | null, sign: number): number {
  if (a === null || b === null) return a === b ? 0 : a === null ? 1 : -1;
  return a === b ? 0 : a < b ? -sign : sign;
}
