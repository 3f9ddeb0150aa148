import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ReferenceBench } from "../../../verifiers/align/reference-bench.js";
import type { TimedInputs } from "../../../verifiers/speed/timed-inputs.js";
import type { RunningPeer } from "../peers/catalogue.js";
import { compareWithOracle } from "../peers/compare-with-oracle.js";
import { readTensorFile, writeSets } from "../peers/peer-files.js";
import type { PeerAnswer, PeerProcess } from "../peers/peer-process.js";
import { PeerContestant } from "./peer-contestant.js";
import type { RivalFigure } from "./row.js";

/** A peer's modes for one row: those that compete, and why the others do not. */
export interface PeerEntrants {
  contestants: PeerContestant[];
  graphBreaks: Map<string, number | null>;
  out: Record<string, RivalFigure>;
}

/** Hands the inputs to the peer and lets in what computes what the entry asks for. */
export async function admitPeer(peer: RunningPeer, bench: ReferenceBench, timed: TimedInputs, threads: number): Promise<PeerEntrants> {
  const entrants: PeerEntrants = { contestants: [], graphBreaks: new Map(), out: {} };
  const { kind, running } = peer;
  const refuseAll = (figure: RivalFigure) => {
    for (const name of Object.values(kind.modes)) entrants.out[name] = figure;
    return entrants;
  };
  if ("absent" in running) return refuseAll({ status: "skipped", reason: running.absent });
  const folder = mkdtempSync(join(tmpdir(), "forge-peer-"));
  try {
    const { entry, scalars } = timed.kernelCase;
    const loaded = await running.process.load({ entry, threads, scalars, sets: writeSets(folder, timed.sets) });
    if (loaded.status !== "done") return refuseAll(refusal(loaded));
    for (const [mode, name] of Object.entries(kind.modes)) {
      const results = join(folder, mode);
      mkdirSync(results);
      const admitted = await admitMode(running.process, mode, results, bench, timed);
      if ("status" in admitted) entrants.out[name] = admitted;
      else {
        entrants.graphBreaks.set(name, admitted.graphBreaks);
        entrants.contestants.push(new PeerContestant(name, running.process, mode, () => timed.chooseSet()));
      }
    }
    return entrants;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function admitMode(
  process: PeerProcess,
  mode: string,
  results: string,
  bench: ReferenceBench,
  timed: TimedInputs,
): Promise<RivalFigure | { graphBreaks: number | null }> {
  const prepared = await process.prepare(mode, results);
  if (prepared.status !== "done") return refusal(prepared);
  const outputs = Object.fromEntries(Object.entries(prepared.outputs).map(([name, file]) => [name, readTensorFile(file)]));
  const wrong = await compareWithOracle(bench, timed.kernelCase, timed.sets[0]!, outputs);
  return wrong === null ? { graphBreaks: prepared.graphBreaks } : { status: "broken", reason: wrong };
}

function refusal(answer: Exclude<PeerAnswer<object>, { status: "done" }>): RivalFigure {
  return { status: answer.status === "skipped" ? "skipped" : "broken", reason: answer.reason };
}
