import { beforeAll, describe, expect, it } from "vitest";
import { autotune } from "../../../agents/autotune/autotune.js";
import { briefingFor } from "../../../harness/run-goal.js";
import type { AgentBriefing, AgentTools, JudgedAttempt, Trial } from "../../../specs/contracts/agent.js";
import type { Candidate } from "../../../specs/contracts/target.js";
import type { Verdict } from "../../../specs/contracts/verdict.js";
import { loadSpec } from "../../../specs/load-spec.js";

type Flags = Record<string, string[]>;
const flagsOf = (candidate: Candidate): Flags =>
  Object.fromEntries(candidate.manifest.units.map(({ source, flags }) => [source.replace(".c", ""), flags]));

/** Trials are the faster the more they allow the compiler; a verdict blames the first entry that was allowed what `isWrong` says. */
function examinedBy(briefing: AgentBriefing, isWrong: (flags: string[], entry: string) => boolean) {
  const submitted: Flags[] = [];
  const history: JudgedAttempt[] = [];
  const seconds = (flags: string[]) => 1 / (1 + flags.length + (flags.includes("-ffast-math") ? 100 : 0));
  let workspace: Candidate | null = null;
  let isOver = false;
  const judge = (flags: Flags): Verdict["outcome"] =>
    Object.entries(flags).some(([entry, own]) => isWrong(own, entry)) ? "failed" : "passed";
  const tools = {
    briefing,
    workspace: { replace: (candidate: Candidate) => (workspace = candidate) },
    announceTrials: () => {},
    note: () => {},
    history: () => history,
    budgetLeft: () => !isOver && history.length < briefing.budget.attempts,
    measure: async ({ label, candidate }: Trial) => ({
      label,
      entries: Object.fromEntries(
        Object.entries(flagsOf(candidate)).map(([entry, flags]) => [entry, { status: "measured", seconds: seconds(flags) }]),
      ),
    }),
    submit: async (summary: string) => {
      const candidate = workspace!;
      const flags = flagsOf(candidate);
      submitted.push(flags);
      const outcome = judge(flags);
      const blamed = Object.entries(flags).find(([entry, own]) => isWrong(own, entry))?.[0];
      const failed = { check: "align", status: "failed", summary: "wrong", evidence: [{ kind: "crash", entry: blamed, detail: "" }] };
      const verdict = { outcome, checks: outcome === "failed" ? [failed] : [] } as unknown as Verdict;
      isOver = outcome === "passed";
      history.push({ attempt: history.length + 1, lane: 0, summary, candidate, verdict });
      return { attempt: history.length, verdict, direction: null };
    },
  } as unknown as AgentTools;
  return { tools, submitted };
}

describe("autotune, told that what it submitted is wrong", () => {
  let briefing: AgentBriefing;
  beforeAll(async () => {
    briefing = await briefingFor({
      loaded: loadSpec("specs/kernels/rmsnorm.yaml"),
      variant: "f32",
      target: "x86-64",
      budget: { attempts: 4 },
      playbook: true,
      runsDirectory: "there/is/none",
      unsafe: false,
      signal: new AbortController().signal,
    });
  });

  it("takes back what the blamed entry allowed, in every order of sums, and nothing of the others", async () => {
    const { tools, submitted } = examinedBy(briefing, (flags, entry) => entry === "rmsnorm_forward" && flags.includes("-ffast-math"));
    await autotune.work(tools);
    expect(submitted).toHaveLength(2);
    expect(submitted[0]!.rmsnorm_forward).toContain("-ffast-math");
    expect(submitted[1]!.rmsnorm_forward).not.toContain("-ffast-math");
    expect(submitted[1]!.rmsnorm_backward).toContain("-ffast-math");
  });

  it("keeps the last attempt for the reference's own arithmetic, so that a budget never ends with nothing right", async () => {
    const { tools, submitted } = examinedBy(briefing, (flags) =>
      flags.some((flag) => /fast-math|associative|trapping|contract/.test(flag)),
    );
    await autotune.work(tools);
    expect(submitted).toHaveLength(4);
    expect(Object.values(submitted[3]!).flat().join(" ")).not.toMatch(/fast-math|associative|trapping|contract/);
    expect(tools.history().at(-1)!.verdict.outcome).toBe("passed");
  });
});
