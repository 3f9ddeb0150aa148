import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ExamRoom } from "../../../harness/exam-room.js";
import { Budget } from "../../../harness/goal/budget.js";
import { GoalDesk } from "../../../harness/goal/goal-desk.js";
import { LaneTools } from "../../../harness/goal/lane-tools.js";
import { readJudged } from "../../../harness/resume-run.js";
import { briefingFor } from "../../../harness/run-goal.js";
import { openRunStore } from "../../../harness/store/run-store.js";
import { linear } from "../../../harness/strategies/linear.js";
import type { AgentBriefing } from "../../../specs/contracts/agent.js";
import type { OpenRun } from "../../../specs/contracts/store.js";
import type { Outcome } from "../../../specs/contracts/verdict.js";
import { rmsnormCandidate, smallRmsnorm } from "../../small-spec.js";
import { runStarted, sampleGoal, sampleVerdict } from "../sample-run.js";
import { temporaryFolder } from "../temporary-folder.js";

const signal = new AbortController().signal;
/** Does not compile, so that a verdict takes no time. */
const candidate = rmsnormCandidate("  this is no C;");
const summary = "as before";

describe("a submission of what was submitted before", () => {
  const loaded = smallRmsnorm();
  let room: ExamRoom;
  let briefing: AgentBriefing;

  beforeAll(async () => {
    const options = { loaded, variant: "f32", target: "x86-64", threads: 1, unsafe: false, signal };
    room = await ExamRoom.open(options);
    briefing = await briefingFor({ ...options, playbook: false, runsDirectory: "there/is/none" });
  });
  afterAll(() => room.close());

  /** A run that was stopped after its first attempt was judged so; `told`: the agent got the verdict. */
  async function resumed(outcome: Outcome, told: boolean): Promise<{ tools: LaneTools; run: OpenRun }> {
    const run = await openRunStore(temporaryFolder()).create(sampleGoal);
    run.append(runStarted());
    run.append({ type: "lane-opened", lane: 0, base: null, text: "" });
    const { commit, tree } = await run.commit(candidate, summary);
    run.append({ type: "attempt-submitted", attempt: 1, commit, tree, summary, lane: 0, base: null });
    run.append({ type: "attempt-judged", attempt: 1, verdict: sampleVerdict(outcome), bestRatio: null });
    if (told) run.append({ type: "submission-answered", attempt: 1, lane: 0, base: null, direction: null });
    const budget = new Budget({ attempts: 9, minutes: 9 }, () => run.events(), 0, performance.now());
    const desk = new GoalDesk(briefing, room, run, budget, linear, await readJudged(run), signal);
    desk.openLane(0);
    const tools = new LaneTools(desk, 0);
    tools.workspace.replace(candidate);
    return { tools, run };
  }

  const attemptsOf = (run: OpenRun) => run.events().filter(({ type }) => type === "attempt-submitted").length;

  it.each([
    ["failed", false],
    ["failed", true],
    ["errored", false],
  ] as const)("that was judged %s is answered from the log (told before: %s)", async (outcome, told) => {
    const { tools, run } = await resumed(outcome, told);
    expect(await tools.submit(summary)).toMatchObject({ attempt: 1, verdict: { outcome } });
    expect(attemptsOf(run)).toBe(1);
    run.close();
  });

  it("is judged anew where it got no verdict, and the agent knows it", async () => {
    const { tools, run } = await resumed("errored", true);
    expect(await tools.submit(summary)).toMatchObject({ attempt: 2, verdict: { outcome: "failed" } });
    expect(attemptsOf(run)).toBe(2);
    run.close();
  });

  it("is judged anew under another summary, and where the code is another", async () => {
    const { tools, run } = await resumed("failed", true);
    expect(await tools.submit("something else")).toMatchObject({ attempt: 2 });
    const notes = () => run.events().flatMap((event) => (event.type === "agent-noted" ? [event.text] : []));
    expect(notes()).toEqual(["attempt 2 has the very files of attempt 1 (failed): they are judged anew"]);
    tools.workspace.write("kernel.c", "neither is this;");
    expect(await tools.submit("something else")).toMatchObject({ attempt: 3 });
    expect(notes()).toHaveLength(1);
    run.close();
  });
});
