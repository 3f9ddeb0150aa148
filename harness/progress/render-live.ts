import { escapeText } from "../report/escape-text.js";
import { durationText } from "./duration-text.js";
import { evidenceText } from "./evidence-text.js";
import type { Line, LineStyle } from "./line.js";
import type { AttemptProgress, ProgressState, Rung } from "./progress-state.js";
import { ratioText } from "./ratio-text.js";

const attemptsShown = 5;

const marks: Record<Rung["state"], { mark: string; style: LineStyle }> = {
  waiting: { mark: "·", style: "dim" },
  running: { mark: "▸", style: "cyan" },
  passed: { mark: "✓", style: "green" },
  failed: { mark: "✗", style: "red" },
  undecided: { mark: "?", style: "yellow" },
  skipped: { mark: "-", style: "dim" },
  errored: { mark: "!", style: "red" },
};

const outcomeStyles: Record<AttemptProgress["state"], LineStyle> = {
  judging: "cyan",
  failed: "red",
  errored: "red",
  passed: "green",
  surpassed: "green",
};

/** The block that the live view redraws, line by line; not yet cut to a width. */
export function renderLive(state: ProgressState, nowMs: number): Line[] {
  return [
    goalLine(state),
    ...state.ladder.map((rung) => rungLine(rung, nowMs)),
    ...tuningLines(state),
    ...attemptLines(state),
    ...bestLines(state),
    spendLine(state, nowMs),
    ...(state.note === null ? [] : [labelled("note", [{ text: escapeText(state.note), style: "dim" }])]),
  ];
}

function labelled(label: string, rest: Line): Line {
  return [{ text: label.padEnd(10), style: "dim" }, ...rest];
}

function goalLine(state: ProgressState): Line {
  const goal = state.goal;
  if (goal === null) return labelled("check", [{ text: "judging" }]);
  return labelled("goal", [
    { text: `${goal.spec} ${goal.variant}`, style: "bold" },
    { text: ` on ${goal.target}, ${goal.threads} thread(s), by ${goal.agent}` },
    { text: state.run === null ? "" : `  ${state.run}`, style: "dim" },
  ]);
}

function rungLine(rung: Rung, nowMs: number): Line {
  const { mark, style } = marks[rung.state];
  const name = rung.check.padEnd(13);
  switch (rung.state) {
    case "waiting":
      return [{ text: `  ${mark} ${name}`, style }];
    case "running":
      return [{ text: `  ${mark} ${name}`, style }, { text: durationText(nowMs - rung.startedAtMs).padStart(12) }];
    default:
      return [
        { text: `  ${mark} `, style },
        { text: name },
        { text: durationText(rung.durationMs).padStart(12) },
        { text: `  ${escapeText(rung.summary)}`, style: "dim" },
      ];
  }
}

function tuningLines(state: ProgressState): Line[] {
  const tuning = state.tuning;
  if (tuning === null) return [];
  const rejected = tuning.rejected > 0 ? `, ${tuning.rejected} rejected` : "";
  const best = tuning.best === null ? "" : `; best ${durationText(tuning.best.seconds * 1000)} ${escapeText(tuning.best.label)}`;
  return [labelled("tuning", [{ text: `${tuning.finished} of ${tuning.planned} trials${rejected}${best}` }])];
}

function attemptLines(state: ProgressState): Line[] {
  const shown = state.attempts.slice(-attemptsShown).map((attempt, index) => labelled(index === 0 ? "attempts" : "", attemptLine(attempt)));
  const hidden = state.attempts.length - shown.length;
  return hidden > 0 ? [...shown, labelled("", [{ text: `and ${hidden} earlier`, style: "dim" }])] : shown;
}

function attemptLine(attempt: AttemptProgress): Line {
  const head: Line = [
    { text: `${String(attempt.attempt).padStart(2)} ` },
    { text: attempt.state.padEnd(10), style: outcomeStyles[attempt.state] },
  ];
  if (attempt.state === "judging") return [...head, { text: escapeText(attempt.summary), style: "dim" }];
  const ratio: Line = attempt.ratio === null ? [] : [{ text: `${ratioText(attempt.ratio)}  ` }];
  const stopped = attempt.stoppedBy;
  if (stopped === null) return [...head, ...ratio, { text: escapeText(attempt.summary), style: "dim" }];
  const first = stopped.status === "failed" ? stopped.evidence[0] : undefined;
  const why = first ? evidenceText(first) : escapeText("reason" in stopped ? stopped.reason : stopped.summary);
  return [...head, ...ratio, { text: `${stopped.check}: ${why}` }];
}

function bestLines(state: ProgressState): Line[] {
  if (state.best === null) return [];
  const what = state.accepted === null ? "best so far" : state.accepted.outcome;
  return [
    labelled("best", [
      { text: ratioText(state.best.ratio), style: "bold" },
      { text: ` the baseline's speed (attempt ${state.best.attempt}, ${what})` },
    ]),
  ];
}

function spendLine(state: ProgressState, nowMs: number): Line {
  const elapsedMs = state.end?.elapsedMs ?? (state.startedAtMs === null ? 0 : Math.max(0, nowMs - state.startedAtMs));
  const elapsed = durationText(elapsedMs);
  if (state.goal === null) return labelled("spend", [{ text: elapsed }]);
  const { attempts, minutes } = state.goal.budget;
  return labelled("spend", [
    { text: `${state.attempts.length + state.attemptsBefore} of ${attempts} attempts, ${elapsed} of ${minutes} min` },
  ]);
}
