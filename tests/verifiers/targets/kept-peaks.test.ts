import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import type { Peaks } from "../../../specs/contracts/target.js";
import { keptPeaks } from "../../../verifiers/targets/kept-peaks.js";

const folder = mkdtempSync(join(tmpdir(), "forge-peaks-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const peaksOf = (f32: number, dramRead: number): Peaks => ({
  threads: 2,
  flopsPerSecond: { f32, bf16: 2 * f32 },
  bytesPerSecond: { l1: 900, l2: 400, l3: 200, dramRead, dramCopy: 70 },
});

describe("peaks that are kept", () => {
  it("are measured once, again when asked for anew, and never lowered", async () => {
    const path = join(folder, "deep", "peaks.json");
    const measured = [peaksOf(100, 60), peaksOf(200, 40), peaksOf(50, 50)];
    let measurements = 0;
    const ask = (anew: boolean) => keptPeaks(path, anew, async () => measured[measurements++]!);
    expect(await ask(false)).toEqual(peaksOf(100, 60));
    expect(await ask(false)).toEqual(peaksOf(100, 60));
    expect(measurements).toBe(1);
    expect(await ask(true)).toEqual(peaksOf(200, 60));
    expect(await ask(true)).toEqual(peaksOf(200, 60));
    expect(JSON.parse(readFileSync(path, "utf8"))).toEqual(peaksOf(200, 60));
    expect(measurements).toBe(3);
  });

  it("are measured again where their file is damaged", async () => {
    const path = join(folder, "damaged.json");
    writeFileSync(path, '{"threads": 2, "flo');
    expect(await keptPeaks(path, false, async () => peaksOf(1, 1))).toEqual(peaksOf(1, 1));
    expect(JSON.parse(readFileSync(path, "utf8"))).toEqual(peaksOf(1, 1));
  });
});
