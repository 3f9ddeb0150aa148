import { figuresOf } from "../../../specs/verdict-speed.js";
import { durationText } from "../../progress/duration-text.js";
import { spendingText } from "../../report/spending-text.js";
import type { RunData } from "../page-data.js";
import { type AttemptFacts, type RunFacts, runFacts } from "../run-facts.js";
import { addressText, type Compared } from "./address.js";
import { ladder } from "./attempt-panel.js";
import { attemptsChart } from "./attempts-chart.js";
import { diffView } from "./diff-view.js";
import { type Child, element } from "./element.js";
import { badge, emptyState, figuresTable, fillLater, ratio, section } from "./run-parts.js";
import { instantText } from "./units.js";
import type { View, ViewContext } from "./view.js";

interface Side {
  asked: Compared;
  data: RunData;
  known: RunFacts;
  attempt: AttemptFacts | null;
}

/** Two runs, or two attempts, side by side; of attempts also what is different in their code. */
export async function compareView(context: ViewContext, a: Compared, b: Compared): Promise<View> {
  const sides = await Promise.all([a, b].map((asked) => readSide(context, asked)));
  const [left, right] = sides as [Side, Side];
  const codes = element("div", {}, element("p", { class: "quiet" }, "reading the code …"));
  const both = left.attempt !== null && right.attempt !== null;
  if (both)
    fillLater(
      codes,
      context.source.change(b.run, right.attempt!.attempt, { run: a.run, attempt: left.attempt!.attempt }).then(diffView),
      () => !context.signal.aborted,
    );
  const charted = (a.run === b.run ? [left] : sides).map((side) => ({
    run: side.asked.run,
    startedAtMs: Date.parse(side.known.started?.at ?? side.data.row.startedAt),
    attempts: side.known.attempts,
    selected: sides.flatMap(({ asked }) => (asked.run === side.asked.run && asked.attempt !== null ? [asked.attempt] : [])),
  }));
  const root = element(
    "main",
    { class: "compare-view" },
    element("h1", {}, "Side by side"),
    charted.every(({ attempts }) => attempts.length === 0) ? emptyState("Neither has submitted an attempt.") : attemptsChart(charted),
    element("div", { class: "sides" }, ...sides.map((side, index) => sideView(side, index))),
    both ? section(`From ${nameOf(left)} to ${nameOf(right)}`, { class: "codes" }, codes) : null,
  );
  return { title: "Side by side", root };
}

async function readSide(context: ViewContext, asked: Compared): Promise<Side> {
  const data = await context.source.run(asked.run);
  const known = runFacts(data.events);
  const attempt = known.attempts.find((candidate) => candidate.attempt === asked.attempt) ?? null;
  if (asked.attempt !== null && attempt === null) throw new Error(`run ${asked.run} has no attempt ${asked.attempt}`);
  return { asked, data, known, attempt };
}

const nameOf = ({ asked, attempt }: Side): string => (attempt === null ? asked.run : `attempt ${attempt.attempt} of ${asked.run}`);

function sideView(side: Side, index: number): HTMLElement {
  const { asked, data, known, attempt } = side;
  const { row } = data;
  const goal = known.started?.goal;
  const shown =
    attempt ?? known.attempts.find((candidate) => candidate.attempt === (known.progress.accepted ?? known.progress.best)?.attempt) ?? null;
  const figures = shown?.verdict ? figuresOf(shown.verdict) : [];
  const pairs: [string, Child][] = [
    ["goal", `${row.spec} ${row.variant} on ${row.target}, ${goal?.threads ?? "?"} thread(s)`],
    ["agent", row.agent],
    ["machine", known.started?.machine.cpuModel ?? "unknown"],
    ["started", instantText(row.startedAt)],
    ["took", durationText(known.elapsedMs)],
    ["attempts", String(row.attempts)],
    ["spend", spendingText(data.events) ?? "no model was asked"],
    ["outcome", badge(attempt ? (attempt.verdict?.outcome ?? "judging") : (row.bestOutcome ?? "none"))],
    ["speed-up", ratio(attempt ? attempt.ratio : (known.progress.best?.ratio ?? null))],
    ...(attempt ? [["summary", attempt.submitted.summary] as [string, Child]] : []),
  ];
  return element(
    "section",
    { class: `side series-${index}` },
    element("h2", {}, element("a", { href: addressText({ view: "run", run: asked.run, attempt: asked.attempt }) }, nameOf(side))),
    element("dl", { class: "pairs" }, ...pairs.flatMap(([label, value]) => [element("dt", {}, label), element("dd", {}, value)])),
    shown ? element("h3", {}, attempt ? "Checks" : `Checks of attempt ${shown.attempt}`) : null,
    shown ? ladder(shown) : emptyState("No attempt passed."),
    figures.length > 0 ? figuresTable(figures) : null,
  );
}
