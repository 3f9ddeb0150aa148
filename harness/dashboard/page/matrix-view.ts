import type { MatrixCell, MatrixData } from "../page-data.js";
import { addressText } from "./address.js";
import { type Child, element, shape } from "./element.js";
import { emptyState, problem, ratio, sizesText } from "./run-parts.js";
import { logScale, type Scale } from "./scale.js";
import { ageText, instantText, percentText } from "./units.js";
import type { View, ViewContext } from "./view.js";

/** Spec x variant x target: the best that was accepted, and how it stands now. */
export async function matrixView(context: ViewContext): Promise<View> {
  const root = element("main", { class: "matrix-view" });
  const render = async () => {
    const data = await context.source.matrix();
    if (!context.signal.aborted) root.replaceChildren(...content(data));
  };
  await render();
  return {
    title: "Accepted",
    root,
    told(message) {
      if (message.type === "changed" && message.accepted) render().catch((error: unknown) => root.replaceChildren(problem(error)));
    },
  };
}

function content(data: MatrixData): Child[] & Node[] {
  const nodes: Node[] = [element("h1", {}, "Accepted"), legend(data)];
  if (data.cells.length === 0)
    nodes.push(
      emptyState(
        `Nothing has been accepted in ${data.generatedDirectory} yet. A goal does that: `,
        "forge goal specs/kernels/rmsnorm.yaml",
      ),
    );
  const intervals = data.cells.flatMap(({ ratio: interval }) => (interval ? [interval] : []));
  const scale = logScale(Math.min(0.9, ...intervals.map(({ low }) => low)), Math.max(1.2, ...intervals.map(({ high }) => high)), 2, 118);
  nodes.push(table(data, scale));
  for (const { folder, reason } of data.unreadable)
    nodes.push(element("p", { class: "problem" }, `${folder} cannot be read as accepted: ${reason}`));
  return nodes;
}

function legend(data: MatrixData): HTMLElement {
  return element(
    "p",
    { class: "quiet legend" },
    "Speed-up over the best compiler's baseline on the same threads, with its interval (geometric mean over entries and sizes); share of the measured physical limit; age. ",
    `From ${data.generatedDirectory}.`,
  );
}

function table({ exams, targets, cells }: MatrixData, scale: Scale): HTMLElement {
  const cellOf = (spec: string, variant: string, target: string) =>
    cells.find((cell) => cell.spec === spec && cell.variant === variant && cell.target === target);
  return element(
    "table",
    { class: "matrix" },
    element(
      "thead",
      {},
      element(
        "tr",
        {},
        element("th", { scope: "col" }, "spec"),
        element("th", { scope: "col" }, "variant"),
        ...targets.map((target) => element("th", { scope: "col" }, target)),
      ),
    ),
    element(
      "tbody",
      {},
      ...exams.map(({ spec, variant }) =>
        element(
          "tr",
          {},
          element("th", { scope: "row" }, spec),
          element("td", { class: "variant" }, variant),
          ...targets.map((target) => {
            const cell = cellOf(spec, variant, target);
            return element(
              "td",
              { "data-target": target },
              cell ? accepted(cell, scale) : element("span", { class: "nothing" }, "nothing accepted"),
            );
          }),
        ),
      ),
    ),
  );
}

function accepted(cell: MatrixCell, scale: Scale): HTMLElement {
  const alarms = alarmsOf(cell);
  const state = alarms.some(({ grave }) => grave) ? "grave" : alarms.length > 0 ? "stale" : "sound";
  const inner = [
    element("span", { class: "first" }, ratio(cell.ratio), intervalBar(cell, scale)),
    element(
      "span",
      { class: "second" },
      element(
        "span",
        {
          title: cell.figures
            .map(
              (figure) =>
                `${figure.entry} ${sizesText(figure.sizes)}: ${percentText(figure.limitFraction)} of the ${figure.limitedBy} limit`,
            )
            .join("; "),
        },
        cell.limitShare === null ? "not timed" : `${percentText(cell.limitShare)} of limit`,
      ),
      element("span", { title: instantText(cell.issuedAt) }, ageText(Date.parse(cell.issuedAt), Date.now())),
      element("span", {}, cell.agent),
    ),
    ...alarms.map(({ text, grave }) => element("span", { class: grave ? "alarm grave" : "alarm" }, text)),
  ];
  const attributes = {
    class: `cell ${state}`,
    "data-folder": cell.folder,
    title: `${cell.cpuModel}, ${cell.threads} thread(s), attempt ${cell.attempt}`,
  };
  if (cell.run === null) return element("div", attributes, ...inner);
  return element(
    "a",
    { ...attributes, href: addressText({ view: "run", run: cell.run, attempt: cell.attempt }), "data-item": "" },
    ...inner,
  );
}

/** Grave is what says that something is wrong; a stale certificate only says that nobody looked since the exam changed. */
function alarmsOf({ certificate, gate }: MatrixCell): { text: string; grave: boolean }[] {
  const alarms: { text: string; grave: boolean }[] = [];
  if (gate?.status === "failed") alarms.push({ text: `gate failed: ${gate.summary}`, grave: true });
  if (gate?.status === "errored") alarms.push({ text: `gate errored: ${gate.summary}`, grave: true });
  if (certificate.status === "broken") alarms.push({ text: `not what was certified: ${certificate.detail}`, grave: true });
  if (certificate.status === "stale") alarms.push({ text: `stale: ${certificate.changed.join(", ")} changed since`, grave: false });
  if (certificate.status === "unknown") alarms.push({ text: `cannot be checked: ${certificate.reason}`, grave: false });
  return alarms;
}

/** All cells on one scale; the tick is 1x, the baseline. */
function intervalBar({ ratio: interval }: MatrixCell, scale: Scale): Node {
  const bar = shape("svg", { class: "bar", viewBox: "0 0 120 10", "aria-hidden": "true" });
  if (interval === null) return bar;
  const [low, high, middle, one] = [interval.low, interval.high, interval.ratio, 1].map((value) => scale.place(value)) as [
    number,
    number,
    number,
    number,
  ];
  bar.append(
    shape("line", { class: "one", x1: one, x2: one, y1: 0, y2: 10 }),
    shape("line", { class: "range", x1: low, x2: high, y1: 5, y2: 5 }),
    shape("circle", { class: "middle", cx: middle, cy: 5, r: 2.5 }),
  );
  return bar;
}
