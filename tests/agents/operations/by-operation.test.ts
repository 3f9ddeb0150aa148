import { describe, expect, it } from "vitest";
import { createByOperation } from "../../../agents/operations/by-operation.js";
import { folderOf } from "../../../agents/operations/compose.js";
import type { AgentTools, JudgedAttempt } from "../../../specs/contracts/agent.js";
import type { MergeDecision, OperationBench, OperationKernel, Race } from "../../../specs/contracts/operations.js";
import type { Candidate } from "../../../specs/contracts/target.js";
import { generateKernelHeader } from "../../../specs/kernel-header.js";
import { loadSpec } from "../../../specs/load-spec.js";
import { sampleVerdict } from "../../harness/sample-run.js";

const f32 = { store: "f32", accumulate: "f32" } as const;
const operations = ["linear", "rope"].map((name) => {
  const loaded = loadSpec(`specs/kernels/${name}.yaml`);
  return { name, loaded, header: generateKernelHeader(loaded.spec, f32) };
});

const kernelOf = (name: string): OperationKernel => ({
  label: name,
  candidate: {
    files: { "kernel.c": `/* ${name} */\n` },
    manifest: { language: "c", compiler: "gcc", units: [{ source: "kernel.c", flags: [] }], linkFlags: [] },
  },
});
const holds = (whole: Candidate, operation: string, kernel: string) =>
  whole.files[`${folderOf(operation)}kernel.c`] === `/* ${kernel} */\n`;

const interval = (ratio: number) => ({ ratio, low: ratio - 0.01, high: ratio + 0.01 });
const faster: Race = { status: "measured", outcome: "faster", interval: interval(1.5) };
const slower: Race = { status: "measured", outcome: "slower", interval: interval(0.8) };
const within: Race = { status: "measured", outcome: "within", interval: interval(1.005) };
const busy: Race = { status: "errored", reason: "machine busy" };

interface Script {
  kernels: Record<string, string[]>;
  race: (whole: Candidate, rival: Candidate) => Race;
  verdict?: (whole: Candidate) => "surpassed" | "failed" | "errored";
  /** Kernels with which no trial is right. */
  wrong?: string[];
  open?: string[];
  /** Trials, races and submissions together. */
  budget?: number;
  history?: JudgedAttempt[];
  decisions?: MergeDecision[];
}

/** A run of the agent against a bench and a judge that answer by script; what the log would hold of it. */
async function play(script: Script) {
  const decisions: MergeDecision[] = [...(script.decisions ?? [])];
  const history: JudgedAttempt[] = [...(script.history ?? [])];
  const notes: string[] = [];
  const plans: string[][] = [];
  let spent = 0;
  let whole: Candidate | null = null;
  const holdsWrong = ({ files }: Candidate) => (script.wrong ?? []).some((name) => Object.values(files).includes(`/* ${name} */\n`));
  const bench: OperationBench = {
    operations,
    only: null,
    fileShares: async () => ({ [`${folderOf("linear")}kernel.c`]: 0.7, [`${folderOf("rope")}kernel.c`]: 0.2 }),
    forge: async (name) => ({
      kernels: (script.kernels[name] ?? []).map(kernelOf),
      remarks: [],
      isOpen: script.open?.includes(name) ?? false,
    }),
    kernelsAtHand: (name) => (script.kernels[name] ?? []).map(kernelOf),
    race: async (candidate, rival) => {
      spent++;
      return script.race(candidate, rival);
    },
    decisions: () => decisions,
    planned: (planned) => plans.push(planned.filter(({ isPlanned }) => isPlanned).map(({ operation }) => operation)),
    decided: (decision) => decisions.push(decision),
  };
  const compilers = ["gcc"];
  const openmp = { compile: [], link: [] };
  const tools = {
    run: "run-1",
    briefing: {
      ...{ variant: f32, toolchains: [{ name: "gcc", version: "12", path: "/usr/bin/gcc" }] },
      tuningSpace: { compilers, optimisation: ["-O3"], mathematics: [[]], vectors: [[]], unrolling: [[]], machine: [], openmp },
    },
    workspace: {
      replace: (candidate: Candidate) => {
        whole = candidate;
      },
    },
    announceTrials: () => {},
    measure: async ({ label, candidate }: { label: string; candidate: Candidate }) => {
      spent++;
      // The first kernel of an operation seems the fastest.
      const seconds =
        1 +
        Object.values(script.kernels)
          .flat()
          .findIndex((name) => label.includes(`: ${name},`));
      const trial = holdsWrong(candidate) ? { status: "rejected", reason: "align: it is wrong" } : { status: "measured", seconds };
      return { label, entries: { trainer_step: trial } };
    },
    submit: async (summary: string) => {
      spent++;
      const candidate = whole!;
      const verdict = sampleVerdict(script.verdict?.(candidate) ?? "surpassed");
      history.push({ attempt: history.length + 1, lane: 0, summary, candidate, verdict });
      return { attempt: history.length, verdict, direction: null };
    },
    note: (text: string) => notes.push(text),
    budgetLeft: () => spent < (script.budget ?? 1000),
    history: () => history,
  } as unknown as AgentTools;
  await createByOperation("autotune", bench).work(tools);
  const last = history.findLast(({ verdict }) => verdict.outcome === "surpassed")?.candidate ?? null;
  return { decisions, notes, plans, last, submissions: history.map(({ summary }) => summary) };
}

describe("a trainer made of operations", () => {
  it("has what was merged in its last accepted whole, and nothing else; it plans anew after each", async () => {
    const { decisions, last, plans } = await play({
      kernels: { linear: ["good"], rope: ["bad"] },
      race: (whole) => (holds(whole, "rope", "bad") ? slower : faster),
    });
    expect(decisions).toMatchObject([
      { operation: "linear", merged: true, interval: { ratio: 1.5 } },
      { operation: "rope", merged: false, reason: "it slows the whole", interval: { ratio: 0.8 } },
    ]);
    expect(holds(last!, "linear", "good")).toBe(true);
    expect(holds(last!, "rope", "bad")).toBe(false);
    expect(plans).toEqual([["linear", "rope"], ["rope"]]);
  });

  it("gives the next kernel its turn where the first slows the whole or is wrong after all", async () => {
    const slow = await play({ kernels: { linear: ["slow", "good"] }, race: (whole) => (holds(whole, "linear", "slow") ? slower : faster) });
    expect(slow.decisions[0]).toMatchObject({ operation: "linear", label: "linear: good, gcc", merged: true });
    const wrong = await play({
      kernels: { linear: ["late", "good"] },
      race: () => faster,
      verdict: (whole) => (holds(whole, "linear", "late") ? "failed" : "surpassed"),
    });
    expect(wrong.decisions[0]).toMatchObject({ label: "linear: good, gcc", merged: true });
    expect(holds(wrong.last!, "linear", "good")).toBe(true);
    const refused = await play({ kernels: { linear: ["odd"] }, race: () => faster, wrong: ["odd"] });
    expect(refused.decisions[0]).toMatchObject({ merged: false, reason: expect.stringContaining("align: it is wrong") });
  });

  it("decides nothing that it does not know: a busy machine, a verdict without outcome, a goal without end, a budget that is spent", async () => {
    const races: Script["race"] = () => busy;
    const unraced = await play({ kernels: { linear: ["good"] }, race: races });
    expect(unraced.decisions.filter(({ operation }) => operation === "linear")).toEqual([]);
    expect(unraced.notes.join("\n")).toMatch(/linear: good, gcc was not raced: machine busy/);
    expect(unraced.notes.at(-1)).toContain("not decided: linear; --resume run-1");
    const errored = await play({
      kernels: { linear: ["good"] },
      race: () => faster,
      verdict: (whole) => (holds(whole, "linear", "good") ? "errored" : "surpassed"),
    });
    expect(errored.decisions.filter(({ operation }) => operation === "linear")).toEqual([]);
    expect(errored.submissions.filter((summary) => summary.startsWith("linear")).length).toBe(3);
    const endless = await play({ kernels: {}, open: ["linear"], race: () => faster });
    expect(endless.decisions.map(({ operation }) => operation)).toEqual(["rope"]);
    for (let budget = 1; budget < 12; budget++) {
      const spent = await play({ kernels: { linear: ["good", "better"], rope: ["good"] }, race: () => faster, budget });
      for (const { merged, reason } of spent.decisions)
        expect([merged, reason], `${budget}`).toEqual([true, "the whole is right and faster"]);
      for (const { operation } of spent.decisions) expect(holds(spent.last!, operation, "good")).toBe(true);
    }
  });

  it("goes on where it was killed between a verdict and its decision, and does nothing twice", async () => {
    const before = await play({ kernels: { linear: ["good"], rope: ["good"] }, race: () => faster });
    expect(before.submissions).toHaveLength(3);
    const killed = before.submissions.slice(0, 2).map((summary, index) => {
      const files = { "trainer.c": "", ...(index === 1 ? { [`${folderOf("linear")}kernel.c`]: "/* good */\n" } : {}) };
      const candidate = { files, manifest: { language: "c", compiler: "gcc", units: [], linkFlags: [] } } as Candidate;
      return { attempt: index + 1, lane: 0, summary, candidate, verdict: sampleVerdict("surpassed") };
    });
    const resumed = await play({ kernels: { linear: ["good"], rope: ["good"] }, race: () => faster, history: killed });
    expect(resumed.decisions.map(({ operation, merged }) => [operation, merged])).toEqual([
      ["linear", true],
      ["rope", true],
    ]);
    expect(resumed.submissions).toHaveLength(3);
    expect(holds(resumed.last!, "linear", "good") && holds(resumed.last!, "rope", "good")).toBe(true);
  });

  it("puts those in together that only leant towards faster", async () => {
    const isBoth = (whole: Candidate) => holds(whole, "linear", "good") && holds(whole, "rope", "good");
    const { decisions, last } = await play({
      kernels: { linear: ["good"], rope: ["good"] },
      race: (whole) => (isBoth(whole) ? faster : within),
    });
    expect(decisions.map(({ operation, merged }) => [operation, merged])).toEqual([
      ["linear", false],
      ["rope", false],
      ["together", true],
    ]);
    expect(isBoth(last!)).toBe(true);
  });

  it("submits nothing more where the frame itself is not right", async () => {
    const { decisions, submissions } = await play({ kernels: { linear: ["good"] }, race: () => faster, verdict: () => "failed" });
    expect(decisions).toEqual([]);
    expect(submissions).toHaveLength(1);
  });
});
