import { beforeAll, describe, expect, it } from "vitest";
import type { KillResult } from "../../harness/bench/crash-points/phases.js";
import { sample } from "../../harness/bench/crash-points/plan.js";
import { survive } from "../../harness/bench/crash-points/survive.js";
import { isSound, killTable } from "../../harness/bench/crash-points/table.js";
import { mainPath } from "../harness/cli/run-forge.js";

const minutes = 60_000;

describe("a goal that is killed twenty times, and meets four full disks", () => {
  const results: KillResult[] = [];

  beforeAll(async () => {
    await survive({
      program: [process.execPath, mainPath],
      extent: sample,
      done: new Set(),
      onResults: (more) => results.push(...more),
      mayGoOn: () => true,
    });
    process.stdout.write(`${killTable(results)}\n`);
  }, 10 * minutes);

  const kills = (phase: string) => results.filter((result) => result.killed && result.phase === phase);

  it("loses no acknowledged event, counts none twice, leaves nothing behind, and goes on", () => {
    expect(results.filter((result) => !isSound(result))).toEqual([]);
    expect(results.reduce((sum, { told }) => sum + told, 0)).toBeGreaterThan(100);
  });

  it("was hit inside each of its writes, and while it built, aligned and timed", () => {
    expect(kills("log write")).toHaveLength(4);
    expect(kills("index write")).toHaveLength(3);
    expect(kills("acceptance")).toHaveLength(5);
    expect(kills("submission")).toHaveLength(1);
    // Random moments: one may come when the check is over.
    for (const phase of ["build", "align", "speed"]) expect(kills(phase).length, phase).toBeGreaterThan(0);
  });

  it("was stopped by a full disk under its log, workspace and output folder, and not by one under its index", () => {
    expect(kills("full disk")).toHaveLength(4);
  });
});
