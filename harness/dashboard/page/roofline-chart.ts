import { ratioText } from "../../progress/ratio-text.js";
import type { RooflinePoint } from "../page-data.js";
import { addressText } from "./address.js";
import { axes, drawing, type Frame, Hint } from "./drawing.js";
import { element, shape } from "./element.js";
import { sizesText } from "./run-parts.js";
import { logScale, type Scale } from "./scale.js";
import { percentText, rateText, significant } from "./units.js";

const height = 440;

/** The highest rates that an attempt here was held against; null where none was held against such a one. */
export interface Roofs {
  bytesPerSecond: number | null;
  flopsPerSecond: number | null;
}

/** A figure knows its share of the limit that was measured beside it, and so the limit. */
export function roofsOf(points: readonly RooflinePoint[]): Roofs {
  const highest = (limitedBy: "bandwidth" | "compute", rate: (point: RooflinePoint) => number) => {
    const rates = points
      .filter(({ figure }) => figure.limitedBy === limitedBy && figure.limitFraction > 0)
      .map((point) => rate(point) / point.figure.limitFraction);
    return rates.length === 0 ? null : rates.reduce((a, b) => Math.max(a, b));
  };
  return {
    bytesPerSecond: highest("bandwidth", ({ figure }) => figure.bytesPerSecond),
    flopsPerSecond: highest("compute", ({ figure }) => figure.flopsPerSecond),
  };
}

export const intensityOf = ({ figure }: RooflinePoint): number => figure.flopsPerSecond / figure.bytesPerSecond;

/** Arithmetic intensity against what was reached, under the roofs (Williams, Waterman and Patterson 2009). */
export function rooflineChart(points: readonly RooflinePoint[], roofs: Roofs, seriesOf: (point: RooflinePoint) => number): HTMLElement {
  const hint = new Hint();
  const holder = drawing("roofline: FLOP/s over FLOP per byte", height, (svg, width) => draw(svg, width, points, roofs, seriesOf, hint));
  holder.classList.add("roofline-chart");
  holder.append(hint.root);
  return holder;
}

function draw(
  svg: SVGSVGElement,
  width: number,
  points: readonly RooflinePoint[],
  roofs: Roofs,
  seriesOf: (point: RooflinePoint) => number,
  hint: Hint,
): void {
  const frame: Frame = { left: 70, right: width - 12, top: 24, bottom: height - 40 };
  const intensities = points.map(intensityOf);
  const rates = points.map(({ figure }) => figure.flopsPerSecond);
  const [least, most] = extremes(intensities);
  const low = least / 4;
  const ridge = roofs.bytesPerSecond && roofs.flopsPerSecond ? roofs.flopsPerSecond / roofs.bytesPerSecond : most;
  const high = Math.max(most, ridge) * 4;
  const top =
    Math.max(
      extremes(rates)[1],
      roofs.flopsPerSecond ?? 0,
      roofs.bytesPerSecond === null ? 0 : roofs.flopsPerSecond === null ? roofs.bytesPerSecond * high : 0,
    ) * 2;
  const x = logScale(low, high, frame.left, frame.right);
  const y = logScale(extremes(rates)[0] / 2, top, frame.bottom, frame.top);
  axes(
    svg,
    frame,
    { scale: x, text: (value) => significantShort(value), title: "FLOP per byte moved" },
    { scale: y, text: (value) => rateText(value, "FLOP/s").replace(/\.0+ /, " "), title: "reached" },
  );
  drawRoofs(svg, roofs, x, y, frame, low, high, extremes(rates)[0] / 2);
  for (const { point, count } of thinned(points, x, y)) svg.append(mark(point, count, x, y, seriesOf(point), hint, width));
}

function drawRoofs(svg: SVGSVGElement, roofs: Roofs, x: Scale, y: Scale, frame: Frame, low: number, high: number, lowest: number): void {
  const { bytesPerSecond, flopsPerSecond } = roofs;
  if (bytesPerSecond !== null) {
    const from = Math.max(low, lowest / bytesPerSecond);
    const to = Math.min(high, flopsPerSecond === null ? high : flopsPerSecond / bytesPerSecond);
    const middle = Math.sqrt(from * to);
    svg.append(
      shape("line", {
        class: "roof",
        x1: x.place(from),
        y1: y.place(from * bytesPerSecond),
        x2: x.place(to),
        y2: y.place(to * bytesPerSecond),
      }),
      shape(
        "text",
        { class: "roof-name", x: x.place(middle) - 10, y: y.place(middle * bytesPerSecond) - 8, "text-anchor": "end" },
        rateText(bytesPerSecond, "B/s"),
      ),
    );
  }
  if (flopsPerSecond !== null) {
    const from = bytesPerSecond === null ? low : Math.max(low, flopsPerSecond / bytesPerSecond);
    svg.append(
      shape("line", { class: "roof", x1: x.place(from), y1: y.place(flopsPerSecond), x2: frame.right, y2: y.place(flopsPerSecond) }),
      shape(
        "text",
        { class: "roof-name", x: frame.right, y: y.place(flopsPerSecond) - 6, "text-anchor": "end" },
        rateText(flopsPerSecond, "FLOP/s"),
      ),
    );
  }
}

/** What would be drawn on one spot is drawn once, and says how many it stands for. */
function thinned(points: readonly RooflinePoint[], x: Scale, y: Scale): { point: RooflinePoint; count: number }[] {
  if (points.length < 1500) return points.map((point) => ({ point, count: 1 }));
  const spots = new Map<string, { point: RooflinePoint; count: number }>();
  for (const point of points) {
    const spot = `${Math.round(x.place(intensityOf(point)) / 3)} ${Math.round(y.place(point.figure.flopsPerSecond) / 3)}`;
    const known = spots.get(spot);
    if (known) known.count++;
    else spots.set(spot, { point, count: 1 });
  }
  return [...spots.values()];
}

function mark(point: RooflinePoint, count: number, x: Scale, y: Scale, series: number, hint: Hint, width: number): SVGElement {
  const { figure } = point;
  const [cx, cy] = [x.place(intensityOf(point)), y.place(figure.flopsPerSecond)];
  const told = () =>
    hint.show(
      cx,
      cy,
      width,
      element("b", {}, `${figure.entry} ${point.variant} on ${point.target}`),
      `${point.run}, attempt ${point.attempt}${count > 1 ? ` and ${count - 1} more here` : ""}`,
      `${sizesText(figure.sizes)}; ${point.threads} thread(s), ${point.cpuModel}`,
      `${rateText(figure.flopsPerSecond, "FLOP/s")}, ${rateText(figure.bytesPerSecond, "B/s")}, ${significant(intensityOf(point))} FLOP per byte`,
      `${percentText(figure.limitFraction)} of the ${figure.limitedBy} limit; ${ratioText(figure)} the baseline`,
    );
  return shape(
    "a",
    {
      class: `dot series-${series} ${point.outcome}`,
      href: addressText({ view: "run", run: point.run, attempt: point.attempt }),
      "aria-label": `${figure.entry} of attempt ${point.attempt} of ${point.run}: ${rateText(figure.flopsPerSecond, "FLOP/s")}`,
      on: { mouseenter: told, focus: told, mouseleave: () => hint.hide(), blur: () => hint.hide() },
    },
    shape("circle", { cx, cy, r: 4.5 }),
  );
}

function extremes(values: readonly number[]): [number, number] {
  let [low, high] = [Number.POSITIVE_INFINITY, 0];
  for (const value of values) {
    if (value < low) low = value;
    if (value > high) high = value;
  }
  return [low, high];
}

function significantShort(value: number): string {
  return value >= 1 ? String(Math.round(value)) : String(Number(value.toPrecision(2)));
}
