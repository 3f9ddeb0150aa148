import type { TrainingCurve } from "../../../specs/contracts/verdict.js";
import { axes, drawing, type Frame } from "./drawing.js";
import { element, shape } from "./element.js";
import { linearScale } from "./scale.js";

const height = 240;

/** A long run's loss by step, over the band that the references' losses span, and what it was held to. */
export function lossChart(curve: TrainingCurve): HTMLElement {
  const { candidate, references, mean, low, high } = curve;
  const inside = mean >= low && mean <= high ? "inside" : "outside";
  return element(
    "figure",
    { class: "loss-chart" },
    drawing("loss by step, over the references' band", height, (svg, width) => draw(svg, width, curve)),
    element(
      "figcaption",
      { class: "quiet" },
      `Loss by step of a run on text, over the band of ${references.length} references that differ in order of summation only. ` +
        `Mean of the last of its ${candidate.length} steps: ${mean.toFixed(5)}, ${inside} [${low.toFixed(5)}, ${high.toFixed(5)}], where an honest trainer's lies.`,
    ),
  );
}

function draw(svg: SVGSVGElement, width: number, { candidate, references }: TrainingCurve): void {
  const frame: Frame = { left: 46, right: width - 14, top: 22, bottom: height - 40 };
  const finite = [candidate, ...references].flat().filter(Number.isFinite);
  const x = linearScale(1, Math.max(2, candidate.length), frame.left, frame.right);
  const y = linearScale(Math.min(...finite), Math.max(...finite), frame.bottom, frame.top);
  axes(svg, frame, { scale: x, text: String, title: "step" }, { scale: y, text: String, title: "loss (nats a token)" });
  const at = (value: number, step: number) => `${x.place(step + 1).toFixed(1)},${y.place(value).toFixed(1)}`;
  const steps = [...candidate.keys()];
  const edge = (choose: (...values: number[]) => number) =>
    steps.map((step) => at(choose(...references.map((losses) => losses[step]!)), step));
  svg.append(
    shape("path", { class: "band", d: `M${[...edge(Math.max), ...edge(Math.min).reverse()].join("L")}Z` }),
    shape("path", {
      class: "loss-line",
      d: `M${candidate.flatMap((value, step) => (Number.isFinite(value) ? [at(value, step)] : [])).join("L")}`,
    }),
  );
}
