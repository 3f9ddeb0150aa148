import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { writeManyRuns } from "../many-runs.js";
import { measureOpening } from "./measure-opening.js";
import { openBrowser } from "./open-browser.js";

// `npm run bench:dashboard [runs] [tries]`: how long the dashboard takes with many runs, in headless Chromium.

const count = Number(process.argv[2] ?? 10_000);
const tries = Number(process.argv[3] ?? 7);
const limits = { listMs: 1000, runMs: 300 };

const folder = mkdtempSync(join(tmpdir(), "forge-bench-"));
const browser = await openBrowser();
try {
  const began = performance.now();
  writeManyRuns(folder, count);
  console.log(`wrote ${count} runs of 50 events in ${((performance.now() - began) / 1000).toFixed(1)} s`);
  const first = await measureOpening(browser, folder, resolve("generated"), 1);
  console.log(`server start, index made anew   ${(first.serverStartMs / 1000).toFixed(2)} s`);
  const times = await measureOpening(browser, folder, resolve("generated"), tries);
  console.log(`server start, index there       ${(times.serverStartMs / 1000).toFixed(2)} s`);
  const line = (name: string, all: number[], limit: number | null) => {
    const sorted = [...all].sort((a, b) => a - b);
    const [median, worst] = [sorted[Math.floor(sorted.length / 2)]!, sorted.at(-1)!];
    console.log(
      `${name.padEnd(31)} median ${median.toFixed(0)} ms, worst of ${all.length} ${worst.toFixed(0)} ms${limit === null ? "" : `; limit ${limit} ms`}`,
    );
    return limit === null || median < limit;
  };
  const held = [
    line("first paint of the list", times.listMs, limits.listMs),
    line("a run opens", times.runMs, limits.runMs),
    line("a filter answers", times.filterMs, null),
  ];
  console.log(held.every(Boolean) ? "held" : "NOT held");
  process.exitCode = held.every(Boolean) ? 0 : 1;
} finally {
  await browser.close();
  rmSync(folder, { recursive: true, force: true });
}
