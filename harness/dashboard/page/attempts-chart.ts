import { durationText } from "../../progress/duration-text.js";
import { ratioText } from "../../progress/ratio-text.js";
import type { AttemptFacts } from "../run-facts.js";
import { addressText } from "./address.js";
import { axes, drawing, type Frame, Hint } from "./drawing.js";
import { element, shape } from "./element.js";
import { linearScale, logScale, type Scale } from "./scale.js";

/** One run's attempts in a chart; two of them share one when runs are compared. */
export interface ChartedRun {
  run: string;
  /** Milliseconds since the epoch. */
  startedAtMs: number;
  attempts: readonly AttemptFacts[];
  selected: readonly number[];
}

const height = 280;
const stripHeight = 26;

/**
 * Speed-up of every attempt over the time since its run began, with its interval, on a logarithmic scale; what was not timed stands in
 * the strip below. Each mark is a link to its attempt.
 */
export function attemptsChart(runs: readonly ChartedRun[]): HTMLElement {
  const hint = new Hint();
  const holder = drawing("attempts: speed-up over the baseline by time", height, (svg, width) => drawChart(svg, width, runs, hint));
  holder.classList.add("attempts-chart");
  holder.append(hint.root);
  return holder;
}

function drawChart(svg: SVGSVGElement, width: number, runs: readonly ChartedRun[], hint: Hint): void {
  const frame: Frame = { left: 46, right: width - 14, top: 22, bottom: height - 36 - stripHeight };
  const all = runs.flatMap((charted) => charted.attempts.map((attempt) => ({ charted, attempt })));
  const minutesOf = (charted: ChartedRun, attempt: AttemptFacts) =>
    (Date.parse(attempt.judgedAt ?? attempt.submitted.at) - charted.startedAtMs) / 60_000;
  const longest = Math.max(0.1, ...all.map(({ charted, attempt }) => minutesOf(charted, attempt)));
  const intervals = all.flatMap(({ attempt }) => attempt.ratio ?? []);
  const low = Math.min(0.85, ...intervals.map((interval) => interval.low * 0.95));
  const high = Math.max(1.3, ...intervals.map((interval) => interval.high * 1.05));
  const inSeconds = longest < 2;
  const x = linearScale(0, longest * (inSeconds ? 60 : 1) * 1.03, frame.left, frame.right);
  const y = logScale(low, high, frame.bottom, frame.top);
  axes(
    svg,
    { ...frame, bottom: frame.bottom + stripHeight },
    { scale: x, text: String, title: inSeconds ? "seconds since the run began" : "minutes since the run began" },
    { scale: y, text: (value) => `${value}x`, title: "speed-up over the baseline" },
  );
  svg.append(
    shape("line", { class: "baseline", x1: frame.left, x2: frame.right, y1: y.place(1), y2: y.place(1) }),
    shape("text", { class: "tick strip", x: frame.left - 6, y: frame.bottom + stripHeight / 2 + 6, "text-anchor": "end" }, "untimed"),
  );
  runs.forEach((charted, series) => {
    const placed = charted.attempts.map((attempt) => ({ attempt, at: x.place(minutesOf(charted, attempt) * (inSeconds ? 60 : 1)) }));
    svg.append(bestSoFar(placed, y, frame.right, series));
    for (const { attempt, at } of placed) svg.append(mark(charted, attempt, at, y, frame, series, hint, width));
  });
}

/** A line through the best of what passed so far. */
function bestSoFar(placed: { attempt: AttemptFacts; at: number }[], y: Scale, right: number, series: number): SVGElement {
  let best = 0;
  let path = "";
  for (const { attempt, at } of placed) {
    const counts = attempt.ratio !== null && (attempt.verdict?.outcome === "passed" || attempt.verdict?.outcome === "surpassed");
    if (!counts || attempt.ratio!.ratio <= best) continue;
    best = attempt.ratio!.ratio;
    path += path === "" ? `M${at},${y.place(best)}` : `H${at}V${y.place(best)}`;
  }
  return shape("path", { class: `best-line series-${series}`, d: path === "" ? "M0,0" : `${path}H${right}` });
}

function mark(
  charted: ChartedRun,
  attempt: AttemptFacts,
  at: number,
  y: Scale,
  frame: Frame,
  series: number,
  hint: Hint,
  width: number,
): SVGElement {
  const interval = attempt.ratio;
  const outcome = attempt.verdict?.outcome ?? "judging";
  const top = interval ? y.place(interval.ratio) : frame.bottom + stripHeight / 2 + 2;
  const selected = charted.selected.includes(attempt.attempt) ? " selected" : "";
  const told = () => hint.show(at, top, width, ...hintLines(attempt));
  const link = shape("a", {
    class: `mark ${outcome}${selected} series-${series}${attempt.accepted ? " accepted" : ""}`,
    href: addressText({ view: "run", run: charted.run, attempt: attempt.attempt }),
    "data-attempt": attempt.attempt,
    "aria-label": `attempt ${attempt.attempt}, ${outcome}${interval ? `, ${ratioText(interval)}` : ""}: ${attempt.submitted.summary}`,
    on: { mouseenter: told, focus: told, mouseleave: () => hint.hide(), blur: () => hint.hide() },
  });
  link.append(shape("rect", { class: "catch", x: at - 11, y: top - 14, width: 22, height: 28 }));
  if (interval) {
    const [low, high] = [y.place(interval.low), y.place(interval.high)];
    link.append(
      shape("line", { class: "interval", x1: at, x2: at, y1: low, y2: high }),
      shape("line", { class: "interval", x1: at - 4, x2: at + 4, y1: low, y2: low }),
      shape("line", { class: "interval", x1: at - 4, x2: at + 4, y1: high, y2: high }),
      shape("circle", { class: "point", cx: at, cy: top, r: attempt.accepted ? 5.5 : 4 }),
    );
  } else link.append(shape("path", { class: "cross", d: `M${at - 4},${top - 4}l8,8m0,-8l-8,8` }));
  link.append(
    shape("text", { class: "label", x: at, y: (interval ? y.place(interval.high) : top) - 7, "text-anchor": "middle" }, attempt.attempt),
  );
  return link;
}

function hintLines(attempt: AttemptFacts): (Node | string)[] {
  const { submitted, verdict, ratio, checks, changedFiles } = attempt;
  const stopped = checks.find((check) => check.status === "failed" || check.status === "errored");
  const took = verdict ? Object.values(verdict.breakdown).reduce((sum, part) => sum + part, 0) : null;
  return [
    element("b", {}, `attempt ${attempt.attempt}${attempt.accepted ? ", accepted" : ""}`),
    ratio
      ? `${verdict?.outcome ?? "judging"} ${ratioText(ratio)}`
      : `${verdict?.outcome ?? "judging"}${stopped ? ` at ${stopped.check}` : ""}`,
    submitted.summary.length > 200 ? `${submitted.summary.slice(0, 199)}…` : submitted.summary,
    changedFiles.length > 0
      ? `changed: ${changedFiles.join(", ")}${submitted.base == null ? "" : `, from attempt ${submitted.base}`}`
      : submitted.base == null
        ? ""
        : `from attempt ${submitted.base}`,
    took === null ? "" : `judged in ${durationText(took)}`,
  ].filter((line) => line !== "");
}
