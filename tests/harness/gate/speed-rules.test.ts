import { describe, expect, it } from "vitest";
import {
  classDifferences,
  ratioRules,
  readAgainstBase,
  readAgainstBaseline,
  readAgainstCertificate,
} from "../../../harness/gate/speed-rules.js";
import type { Certificate } from "../../../specs/contracts/certificate.js";
import type { MachineClass } from "../../../specs/contracts/target.js";
import type { SpeedFigure } from "../../../specs/contracts/verdict.js";
import { sampleFigure } from "../sample-run.js";

const figure = (low: number, ratio: number, high: number, change: Partial<SpeedFigure> = {}): SpeedFigure => ({
  ...sampleFigure,
  ...{ low, ratio, high, limitFraction: 0.3 },
  outcome: low > 1.01 ? "faster" : high < 0.99 ? "slower" : "undecided",
  ...change,
});

describe("against the code at the base, which sits in the candidate's seat", () => {
  it("falls where the duel says that the old is faster by more than the tolerance", () => {
    expect(readAgainstBase(figure(1.05, 1.1, 1.15), "HEAD~1")).toMatchObject({
      outcome: "fell",
      ratio: 1 / 1.1,
      low: 1 / 1.15,
      high: 1 / 1.05,
    });
  });

  it("is unclear where the duel itself was not decided, for slow calls count too", () => {
    expect(readAgainstBase(figure(1.05, 1.1, 1.15, { outcome: "undecided" }), "HEAD~1")).toMatchObject({ outcome: "unclear" });
    expect(readAgainstBase(figure(1.0, 1.05, 1.1), "HEAD~1")).toMatchObject({ outcome: "unclear" });
  });

  it("holds where more than the tolerance is ruled out, whatever the duel calls it", () => {
    for (const [low, ratio, high] of [
      [0.9, 0.95, 1.0],
      [0.995, 1, 1.005],
      [1.015, 1.02, 1.035],
    ] as const)
      expect(readAgainstBase(figure(low, ratio, high), "HEAD~1")).toMatchObject({ outcome: "held" });
  });
});

describe("against the certificate", () => {
  it("needs both intervals and a tenth to fall", () => {
    const certified = figure(1.9, 2, 2.1);
    expect(readAgainstCertificate(figure(1.6, 1.65, 1.7), certified)).toMatchObject({ outcome: "fell", high: 1.7 / 1.9 });
    expect(readAgainstCertificate(figure(1.6, 1.7, 1.8), certified)).toMatchObject({ outcome: "unclear" });
    expect(readAgainstCertificate(figure(1.95, 2, 2.05), certified)).toMatchObject({ outcome: "held" });
    // A certificate that knows little holds to little.
    expect(readAgainstCertificate(figure(1.6, 1.65, 1.7), figure(1.5, 2, 2.5))).toMatchObject({ outcome: "unclear" });
  });
});

describe("against the baseline", () => {
  it("falls where it is no longer faster, unless nothing is left to win", () => {
    expect(readAgainstBaseline(figure(0.98, 1, 1.005), 1)).toMatchObject({ outcome: "fell" });
    expect(readAgainstBaseline(figure(0.98, 1, 1.005, { limitFraction: 0.97 }), 1)).toMatchObject({ outcome: "held" });
    expect(readAgainstBaseline(figure(0.98, 1.02, 1.06), 1)).toMatchObject({ outcome: "unclear" });
    expect(readAgainstBaseline(figure(1.1, 1.2, 1.3), 1.15)).toMatchObject({ outcome: "unclear" });
    expect(readAgainstBaseline(figure(1.02, 1.2, 1.3), 1)).toMatchObject({ outcome: "held" });
  });
});

describe("which rules apply", () => {
  const machine: MachineClass = {
    ...{ target: "x86-64", cpuModel: "A CPU", isa: ["avx2"], cores: 2, memoryBytes: 2 ** 33 },
    cacheBytes: { l1d: 2 ** 15, l2: 2 ** 20, l3: 2 ** 24 },
  };
  const toolchains = [
    { name: "gcc", version: "12.2", path: "/usr/bin/gcc" },
    { name: "clang", version: "16", path: "/usr/bin/clang" },
  ];
  const certificate = {
    outcome: "surpassed",
    machine,
    threads: 2,
    toolchains: [{ name: "gcc", version: "12.2" }],
  } as unknown as Certificate;
  const here = { machine, toolchains, threads: 2 };

  it("follows from what was certified", () => {
    const faster = figure(1.5, 1.6, 1.7);
    expect(ratioRules(certificate, faster, true)).toEqual(["still-surpasses", "as-certified"]);
    expect(ratioRules(certificate, faster, false)).toEqual(["still-surpasses"]);
    expect(ratioRules(certificate, figure(0.98, 1, 1.02), true)).toEqual(["as-certified"]);
    expect(ratioRules({ ...certificate, outcome: "passed" }, faster, false)).toEqual([]);
    expect(ratioRules(certificate, undefined, true)).toEqual([]);
  });

  it("names in what the machine is another", () => {
    expect(classDifferences(certificate, here)).toEqual([]);
    // Memory differs from boot to boot, and a compiler more says nothing of those that were used.
    expect(classDifferences(certificate, { ...here, machine: { ...machine, memoryBytes: 1 } })).toEqual([]);
    expect(classDifferences(certificate, { ...here, machine: { ...machine, cpuModel: "B" } })).toEqual([
      "the processor (A CPU then, B now)",
    ]);
    expect(classDifferences(certificate, { ...here, threads: 1 })).toEqual(["threads (2 then, 1 now)"]);
    const newer = [{ name: "gcc", version: "13", path: "/usr/bin/gcc" }];
    expect(classDifferences(certificate, { ...here, toolchains: newer })).toEqual(["gcc (12.2 then, 13 now)"]);
    expect(classDifferences(certificate, { ...here, toolchains: [] })).toEqual(["gcc (12.2 then, none now)"]);
  });
});
