import { findMistuned } from "../peers/known-shares.js";
import type { KernelRow } from "./row.js";

/** Takes the ratio from every peer that reached too little of what is known of it. The rows are all entries of one spec, variant and size. */
export function withoutMistuned(rows: KernelRow[]): KernelRow[] {
  const measured = rows.filter((row) => row.status === "measured");
  // Shares are known of quiet machines.
  if (measured.some((row) => row.underLoad)) return rows;
  const rivals = new Set(measured.flatMap((row) => Object.keys(row.peers)));
  const reasons = new Map<string, Map<string, string>>();
  for (const rival of rivals) {
    const timed = measured.flatMap((row) => {
      const figure = row.peers[rival];
      if (figure?.status !== "measured") return [];
      return [{ entry: row.entry, floorSeconds: row.limitFraction * row.forgedSeconds, seconds: figure.seconds }];
    });
    reasons.set(rival, findMistuned(rival, measured[0]!.spec, measured[0]!.variant, timed));
  }
  return rows.map((row) => {
    if (row.status !== "measured") return row;
    const peers = Object.fromEntries(
      Object.entries(row.peers).map(([rival, figure]) => {
        const reason = reasons.get(rival)?.get(row.entry);
        if (reason === undefined || figure.status !== "measured") return [rival, figure];
        const { seconds, limitFraction, graphBreaks } = figure;
        return [rival, { status: "mis-tuned" as const, reason, seconds, limitFraction, graphBreaks }];
      }),
    );
    return { ...row, peers };
  });
}
