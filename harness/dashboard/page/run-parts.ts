import type { CheckStatus, Outcome, SpeedFigure } from "../../../specs/contracts/verdict.js";
import type { RatioInterval } from "../../../specs/verdict-speed.js";
import { durationText } from "../../progress/duration-text.js";
import { ratioText } from "../../progress/ratio-text.js";
import { type Child, element } from "./element.js";
import { countText, percentText, rateText } from "./units.js";

// Small pieces that several views show alike.

/** A ratio never stands without its interval. */
export function ratio(interval: RatioInterval | null): HTMLElement {
  if (interval === null) return element("span", { class: "ratio none", title: "nothing was timed" }, "–");
  const [value = "", ...rest] = ratioText(interval).split(" ");
  return element("span", { class: "ratio" }, element("b", {}, value), " ", element("span", { class: "interval" }, rest.join(" ")));
}

export function badge(state: Outcome | CheckStatus | "judging" | "waiting" | "running" | "none"): HTMLElement {
  return element("span", { class: `badge ${state}` }, state);
}

export function section(title: string, attributes: { class?: string; id?: string }, ...children: Child[]): HTMLElement {
  return element("section", attributes, element("h2", {}, title), ...children);
}

/** What is not there yet, and what would bring it. */
export function emptyState(text: string, command?: string): HTMLElement {
  return element("p", { class: "empty" }, text, command === undefined ? null : element("code", {}, command));
}

export function facts(pairs: [label: string, value: Child][]): HTMLElement {
  return element(
    "dl",
    { class: "facts" },
    ...pairs.map(([label, value]) => element("div", {}, element("dt", {}, label), element("dd", {}, value))),
  );
}

export function sizesText(sizes: Record<string, number>): string {
  return Object.entries(sizes)
    .map(([symbol, value]) => `${symbol}=${value}`)
    .join(" ");
}

/** Each timed entry: speed-up, times, how near the limit. */
export function figuresTable(figures: readonly SpeedFigure[]): HTMLElement {
  const head = ["entry", "speed-up", "baseline → candidate", "of the limit"];
  return element(
    "div",
    { class: "scroll" },
    element(
      "table",
      { class: "figures" },
      element("thead", {}, element("tr", {}, ...head.map((name) => element("th", { scope: "col" }, name)))),
      element("tbody", {}, ...figures.map(figureRow)),
    ),
  );
}

function figureRow(figure: SpeedFigure): HTMLElement {
  const isBandwidth = figure.limitedBy === "bandwidth";
  const reached = isBandwidth ? rateText(figure.bytesPerSecond, "B/s") : rateText(figure.flopsPerSecond, "FLOP/s");
  const certainty = `${figure.units} units of ${countText(figure.calls, "call")}; the interval covers ${percentText(figure.confidence)}`;
  const below = (text: string) => element("div", { class: "quiet" }, text);
  return element(
    "tr",
    {},
    element("td", {}, figure.entry, below(sizesText(figure.sizes))),
    element("td", { title: certainty }, ratio(figure), below(figure.outcome)),
    element(
      "td",
      {},
      `${durationText(figure.baselineSeconds * 1000)} → ${durationText(figure.candidateSeconds * 1000)}`,
      below(countText(figure.calls, "call")),
    ),
    element("td", {}, `${percentText(figure.limitFraction)} of ${figure.limitedBy}`, below(reached)),
  );
}

/** Replaces what a place shows by what a promise brings, or by why it did not. */
export function fillLater(place: HTMLElement, promise: Promise<Node>, isCurrent: () => boolean): void {
  promise.then(
    (node) => isCurrent() && place.replaceChildren(node),
    (error: unknown) => isCurrent() && place.replaceChildren(problem(error)),
  );
}

export function problem(error: unknown): HTMLElement {
  return element("p", { class: "problem", role: "alert" }, error instanceof Error ? error.message : String(error));
}
