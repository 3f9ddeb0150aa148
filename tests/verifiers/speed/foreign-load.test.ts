import { type ChildProcess, spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, describe, expect, it } from "vitest";
import { ForeignLoad, foreignOf, isDisturbed, isOursWithStolen, meanLoad } from "../../../verifiers/speed/foreign-load.js";
import { thresholds } from "../../../verifiers/thresholds.js";

const children: ChildProcess[] = [];
afterEach(() => {
  for (const child of children.splice(0)) child.kill("SIGKILL");
});

async function burningChild(): Promise<number> {
  const child = spawn(process.execPath, ["-e", "process.stdout.write('.'); for (;;) {}"], { stdio: ["ignore", "pipe", "ignore"] });
  children.push(child);
  await new Promise((resolve) => child.stdout.once("data", resolve));
  return child.pid!;
}

/** User and system time of a process, from /proc. */
function cpuSecondsOf(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]!.split(" ");
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

function burnHere(milliseconds: number): void {
  const end = performance.now() + milliseconds;
  while (performance.now() < end);
}

describe("foreign load", () => {
  it("sees a process that is not ours, by as much as it uses", async () => {
    const pid = await burningChild();
    const untold = new ForeignLoad(() => 0);
    const told = new ForeignLoad(() => cpuSecondsOf(pid));
    const before = cpuSecondsOf(pid);
    await sleep(1500);
    const windowMs = untold.windowMs();
    const seen = untold.closeWindow().foreign;
    const rest = told.closeWindow().foreign;
    const used = (cpuSecondsOf(pid) - before) / (windowMs / 1000);
    expect(used).toBeGreaterThan(0.3);
    expect(seen).toBeGreaterThan(used - 0.1);
    // Whoever else is busy counts in both alike.
    expect(Math.abs(seen - rest - used)).toBeLessThan(0.1);
  });

  it("does not see our own work", () => {
    const ownSeconds = () => {
      const { user, system } = process.cpuUsage();
      return (user + system) / 1e6;
    };
    const load = new ForeignLoad(() => 0);
    // What it would see if our own work were not taken off; whoever else is busy counts in both alike.
    const blind = new ForeignLoad(() => -ownSeconds());
    const before = ownSeconds();
    burnHere(1500);
    const used = (ownSeconds() - before) / (load.windowMs() / 1000);
    const seen = load.closeWindow().foreign;
    expect(used).toBeGreaterThan(0.3);
    expect(Math.abs(blind.closeWindow().foreign - used - seen)).toBeLessThan(0.1);
  });

  it("starts a new window where the last one ended", async () => {
    const load = new ForeignLoad(() => 0);
    await sleep(120);
    expect(load.windowMs()).toBeGreaterThan(100);
    load.closeWindow();
    expect(load.windowMs()).toBeLessThan(100);
  });

  it("does not see what happens in a pause, and goes on with the window that it had", async () => {
    const load = new ForeignLoad(() => 0);
    await sleep(300);
    load.pause();
    const pid = await burningChild();
    await sleep(1000);
    const burnt = cpuSecondsOf(pid);
    children.pop()!.kill("SIGKILL");
    await sleep(100);
    load.resume();
    await sleep(300);
    expect(burnt).toBeGreaterThan(0.3);
    const windowMs = load.windowMs();
    expect(windowMs).toBeGreaterThan(590);
    expect(windowMs).toBeLessThan(900);
    // Were the pause in it, it would be more than half of a core.
    expect(load.closeWindow().foreign).toBeLessThan(burnt / (windowMs / 1000) / 2);
  });

  it("forgives a hypervisor what it forgives no process of this machine, and neither everything", () => {
    expect(isDisturbed({ foreign: 0.04, stolen: 0.12 })).toBe(false);
    expect(isDisturbed({ foreign: 0.06, stolen: 0 })).toBe(true);
    expect(isDisturbed({ foreign: 0, stolen: 0.16 })).toBe(true);
    expect(isDisturbed({ foreign: 0.09, stolen: 0.25 }, 2)).toBe(false);
  });

  it("takes stolen time off once, however the kernel counts the time of processes", () => {
    // A second in which we ran throughout and a fifth was stolen, beside a neighbour with a tenth of a core.
    const apart = { busy: 1.1, stolen: 0.2, ours: 0.8 };
    expect(isOursWithStolen(apart)).toBe(false);
    expect(foreignOf(apart, false)).toBeCloseTo(0.1);
    const within = { busy: 1.1, stolen: 0.2, ours: 1 };
    expect(foreignOf(within, true)).toBeCloseTo(0.1);
    // Such a kernel shows itself as soon as no neighbour is there.
    expect(isOursWithStolen({ busy: 1, stolen: 0.2, ours: 1 })).toBe(true);
    expect(isOursWithStolen({ busy: 1, stolen: 0.02, ours: 1 })).toBe(false);
  });

  it("is told of all windows together, each by its length", () => {
    const load = meanLoad([
      { seconds: 1, foreign: 0.04, stolen: 0.1 },
      { seconds: 3, foreign: 0, stolen: 0.02 },
    ]);
    expect(load.foreign).toBeCloseTo(0.01);
    expect(load.stolen).toBeCloseTo(0.04);
    expect(meanLoad([])).toEqual({ foreign: 0, stolen: 0 });
  });

  it("is judged over at least half a second", () => {
    expect(Math.min(thresholds.leastWindowMs, thresholds.foreignWindowMs)).toBeGreaterThanOrEqual(500);
  });
});
