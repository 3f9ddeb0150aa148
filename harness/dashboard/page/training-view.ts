import { durationText } from "../../progress/duration-text.js";
import type { TrainingCurves, TrainingLine } from "../page-data.js";
import { addressText } from "./address.js";
import { axes, drawing, type Frame } from "./drawing.js";
import { element, shape } from "./element.js";
import { emptyState, facts, problem } from "./run-parts.js";
import { linearScale, logScale, type Scale } from "./scale.js";
import { ageText, percentText, significant } from "./units.js";
import type { View, ViewContext } from "./view.js";

const askEveryMs = 2000;

/** Trainings with accepted trainers (`forge train`): all of them, or the curves of one, as they are written. */
export async function trainingView(context: ViewContext, name: string | null): Promise<View> {
  const root = element("main", { class: "training-view" });
  const show = async () => {
    try {
      const nodes = name === null ? listOf(await context.source.trainings()) : curvesOf(await context.source.training(name));
      if (!context.signal.aborted) root.replaceChildren(...nodes);
    } catch (error) {
      if (!context.signal.aborted) root.replaceChildren(element("h1", {}, name ?? "Training"), problem(error));
    }
  };
  await show();
  if (!context.signal.aborted) {
    const timer = setInterval(() => void show(), askEveryMs);
    context.signal.addEventListener("abort", () => clearInterval(timer));
  }
  return { title: name ?? "Training", root };
}

const heads = ["training", "state", "step", "loss", "tokens/s", "MFU", "left", "written"];

function listOf(lines: readonly TrainingLine[]): Node[] {
  const heading = element("h1", {}, "Training");
  if (lines.length === 0)
    return [heading, emptyState("Nothing has been trained here yet. ", "forge train specs/models/minicpm-tiny.yaml --steps 1000")];
  const row = (line: TrainingLine) =>
    element(
      "tr",
      { class: line.state, "data-training": line.name },
      element("td", {}, element("a", { href: addressText({ view: "training", name: line.name }) }, line.name)),
      ...cellsOf(line).map((cell) => element("td", {}, cell)),
    );
  const table = element(
    "table",
    { class: "trainings" },
    element("thead", {}, element("tr", {}, ...heads.map((head) => element("th", { scope: "col" }, head)))),
    element("tbody", {}, ...lines.map(row)),
  );
  return [heading, element("div", { class: "scroll" }, table)];
}

function cellsOf(line: TrainingLine): string[] {
  const { state, step, steps, loss, tokensPerSecond, modelFlopsUtilisation, updatedAt } = line;
  return [
    state,
    `${step} of ${steps}`,
    loss === null ? "–" : loss.toFixed(4),
    tokensPerSecond === null ? "–" : tokensPerSecond.toFixed(0),
    modelFlopsUtilisation === null ? "–" : percentText(modelFlopsUtilisation),
    leftText(line),
    ageText(Date.parse(updatedAt), Date.now()),
  ];
}

const leftText = ({ state, secondsLeft }: TrainingLine): string =>
  state === "training" && secondsLeft !== null ? durationText(1000 * secondsLeft) : "–";

type Point = TrainingCurves["points"][number];
type Curve = { label: string; unit: string; value: (point: Point) => number | null; isLog?: true; height: number };

const curves: Curve[] = [
  { label: "loss", unit: "nats a token", value: ({ loss }) => loss, height: 280 },
  { label: "gradient norm", unit: "before clipping", value: ({ gradientNorm }) => gradientNorm, isLog: true, height: 170 },
  { label: "tokens/s", unit: "", value: ({ tokensPerSecond }) => tokensPerSecond, height: 170 },
  { label: "peak memory", unit: "MiB", value: ({ peakBytes }) => peakBytes / 2 ** 20, height: 170 },
];

function curvesOf({ line, points }: TrainingCurves): Node[] {
  const [state, step, loss, tokens, mfu, left] = cellsOf(line);
  const shown = facts([
    ["model", `${line.spec} ${line.variant}`],
    ["state", state!],
    ["step", step!],
    ["loss", loss!],
    ["tokens/s", tokens!],
    ["MFU", mfu!],
    ["left", left!],
  ]);
  const heading = element("h1", {}, line.name);
  if (points.length < 2) return [heading, shown, emptyState("Its first steps are not there yet.")];
  return [heading, shown, ...curves.map((curve) => figureOf(curve, points))];
}

function figureOf(curve: Curve, points: TrainingCurves["points"]): HTMLElement {
  const finite = points.flatMap((point) => {
    const value = curve.value(point);
    return value === null || !Number.isFinite(value) ? [] : [{ step: point.step, value }];
  });
  const title = curve.unit === "" ? curve.label : `${curve.label} (${curve.unit})`;
  return element(
    "figure",
    { class: "loss-chart", "data-curve": curve.label },
    drawing(`${curve.label} by step`, curve.height, (svg, width) => {
      if (finite.length < 2) return;
      const frame: Frame = { left: 54, right: width - 14, top: 22, bottom: curve.height - 40 };
      const values = finite.map(({ value }) => value);
      const x = linearScale(finite[0]!.step, finite.at(-1)!.step, frame.left, frame.right);
      const y = scaleOf(curve, Math.min(...values), Math.max(...values), frame);
      axes(svg, frame, { scale: x, text: String, title: "step" }, { scale: y, text: significant, title });
      const place = ({ step, value }: { step: number; value: number }) => `${x.place(step).toFixed(1)},${y.place(value).toFixed(1)}`;
      svg.append(shape("path", { class: "loss-line", d: `M${finite.map(place).join("L")}` }));
    }),
  );
}

/** A curve that hardly changes is drawn flat, not as noise over the whole height. */
function scaleOf({ isLog }: Curve, least: number, most: number, { bottom, top }: Frame): Scale {
  if (isLog && least > 0) return logScale(least * 0.95, most * 1.05, bottom, top);
  const room = Math.max((most - least) * 0.05, Math.abs(most) * 0.02);
  return linearScale(least - room, most + room, bottom, top);
}
