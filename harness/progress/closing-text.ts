import { relative } from "node:path";
import type { ForgeEvent, RunEnd } from "../../specs/contracts/event.js";
import { figuresOf } from "../../specs/verdict-speed.js";
import { figuresText } from "../report/figures-text.js";
import { spendingText } from "../report/spending-text.js";
import { unsafeRemark } from "../report/unsafe-text.js";
import { durationText } from "./duration-text.js";
import { advance, emptyProgress } from "./progress-state.js";
import { ratioText } from "./ratio-text.js";

export interface ClosedGoal {
  end: RunEnd;
  run: string;
  /** Where the accepted framework lies; null where nothing was accepted. */
  directory: string | null;
  events: ForgeEvent[];
  /** True where nothing held the code in. */
  unsafe?: boolean;
  /** What the user typed, for the commands that go on from here. */
  repeat: {
    program: string;
    command: "goal" | "mcp";
    specPath: string;
    variant: string;
    target: string;
    runs: string;
    /** Options that name the agent, each after a blank. */
    agent: string;
  };
}

const headlines: Record<RunEnd, string> = {
  surpassed: "Surpassed: right, and faster than the baseline beyond doubt.",
  passed: "Passed: right, though not shown to be faster than the baseline.",
  "nothing-passed": "Nothing passed: no attempt was right.",
  "budget-spent": "The budget is spent.",
  "agent-stopped": "The agent could not go on; nothing that was judged is lost.",
  interrupted: "Interrupted; nothing that was judged is lost.",
  errored: "The run ended on an error of the harness or the machine; it says nothing of the code.",
};

/** What stands below the progress when a goal ends: the outcome, what it is worth, where it lies, what to do next. */
export function closingText(goal: ClosedGoal): string {
  const state = goal.events.reduce((before, event) => advance(before, event, Date.parse(event.at), event.run), emptyProgress);
  const lines = [headlines[goal.end], ...(goal.unsafe === true ? [unsafeRemark] : [])];
  if (state.end && state.end.message !== "") lines.push(state.end.message);
  if (goal.directory !== null) {
    const folder = relative(process.cwd(), goal.directory) || ".";
    const ratio = state.best === null ? "" : `, ${ratioText(state.best.ratio)} the baseline's speed`;
    lines.push(
      `Accepted: ${state.accepted?.outcome ?? (goal.end === "surpassed" ? "surpassed" : "passed")}${ratio}${state.end ? `, after ${durationText(state.end.elapsedMs)}` : ""}`,
    );
    const figures = acceptedFigures(goal.events, state.accepted?.attempt ?? state.best?.attempt ?? null);
    if (figures.length > 0)
      lines.push(
        ...figuresText(figures)
          .split("\n")
          .map((line) => `  ${line}`),
      );
    lines.push(`  it lies in     ${folder}`, `  judge it again ${goal.repeat.program} check ${folder}`);
  }
  const spending = spendingText(goal.events);
  if (spending !== null) lines.push(`  it cost        ${spending}`);
  lines.push(`  its history    ${goal.repeat.program} show ${goal.run}${goal.repeat.runs === "runs" ? "" : ` --runs ${goal.repeat.runs}`}`);
  if (goal.end === "interrupted" || goal.end === "agent-stopped") lines.push(`  go on with it  ${resumeCommand(goal)}`);
  if (goal.end === "budget-spent")
    lines.push(`  go on with it  ${resumeCommand(goal)} and a larger budget (--attempts, --minutes, --tokens, --dollars)`);
  if (goal.end === "errored") lines.push(`  try again      ${resumeCommand(goal)}`);
  return lines.join("\n");
}

function resumeCommand({ run, repeat }: ClosedGoal): string {
  const runs = repeat.runs === "runs" ? "" : ` --runs ${repeat.runs}`;
  return `${repeat.program} ${repeat.command} ${repeat.specPath} --variant ${repeat.variant} --target ${repeat.target}${repeat.agent}${runs} --resume ${run}`;
}

function acceptedFigures(events: ForgeEvent[], attempt: number | null) {
  const judged = events.findLast((event) => event.type === "attempt-judged" && event.attempt === attempt);
  return judged?.type === "attempt-judged" ? figuresOf(judged.verdict) : [];
}
