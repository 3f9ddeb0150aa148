import type { MatrixData, RooflineData, RooflinePoint } from "../page-data.js";
import { type Address, addressText, type RooflineAddress } from "./address.js";
import { element } from "./element.js";
import { rooflineChart, roofsOf } from "./roofline-chart.js";
import { emptyState, problem } from "./run-parts.js";
import { countText, rateText } from "./units.js";
import type { View, ViewContext } from "./view.js";

const seriesColours = 8;

/** Every timed attempt under the measured roofs of one target, variant and machine: roofs of another are other roofs. */
export async function rooflineView(context: ViewContext, asked: RooflineAddress): Promise<View> {
  const matrix = await context.source.matrix();
  let filter = asked;
  const toolbar = element("div", { class: "toolbar" });
  const body = element("div", {});
  const root = element("main", { class: "roofline-view" }, element("h1", {}, "Roofline"), toolbar, body);

  async function load(): Promise<void> {
    const shown = filter;
    drawToolbar(toolbar, matrix, shown, context);
    for (;;) {
      // Roofs come from all that ran there, whatever part of it is shown.
      const everything = await context.source.roofline({
        spec: null,
        variant: targetAndVariant(shown, matrix).variant,
        target: targetAndVariant(shown, matrix).target,
        run: null,
      });
      if (context.signal.aborted || shown !== filter) return;
      body.replaceChildren(...content(everything, shown));
      if (everything.runsRead === everything.runsInAll) return;
    }
  }
  const reload = () => load().catch((error: unknown) => body.replaceChildren(problem(error)));
  await reload();
  return {
    title: "Roofline",
    root,
    told(message) {
      if (message.type === "changed" && message.rows.some((row) => row.end !== null || row.attempts > 0)) void reload();
    },
    show(address: Address) {
      if (address.view !== "roofline") return false;
      filter = address.filter;
      void reload();
      return true;
    },
  };
}

function targetAndVariant(filter: RooflineAddress, matrix: MatrixData): { target: string | null; variant: string | null } {
  return {
    target: filter.target ?? matrix.cells[0]?.target ?? matrix.targets[0] ?? null,
    variant: filter.variant ?? matrix.cells[0]?.variant ?? matrix.exams[0]?.variant ?? null,
  };
}

function drawToolbar(toolbar: HTMLElement, matrix: MatrixData, filter: RooflineAddress, context: ViewContext): void {
  const { target, variant } = targetAndVariant(filter, matrix);
  const choice = (name: "target" | "variant" | "spec", values: string[], chosen: string | null, all: string | null) =>
    element(
      "select",
      {
        "aria-label": name,
        on: {
          change: (event) =>
            context.go({ view: "roofline", filter: { ...filter, [name]: (event.target as HTMLSelectElement).value || null } }),
        },
      },
      ...(all === null ? [] : [element("option", { value: "" }, all)]),
      ...values.map((value) => element("option", { value, selected: value === chosen }, value)),
    );
  const unique = (values: string[]) => [...new Set(values)].sort();
  toolbar.replaceChildren(
    choice("target", matrix.targets, target, null),
    choice("variant", unique(matrix.exams.map((exam) => exam.variant)), variant, null),
    choice("spec", unique(matrix.exams.map(({ spec }) => spec)), filter.spec, "every spec"),
    filter.run === null
      ? ""
      : element(
          "span",
          { class: "chip" },
          filter.run,
          " ",
          element("a", { href: addressText({ view: "roofline", filter: { ...filter, run: null } }) }, "show all runs"),
        ),
  );
}

function content(data: RooflineData, filter: RooflineAddress): Node[] {
  const reading =
    data.runsRead < data.runsInAll
      ? [
          element(
            "p",
            { class: "quiet", role: "status" },
            `reading runs: ${data.runsRead.toLocaleString("en-US")} of ${data.runsInAll.toLocaleString("en-US")}`,
          ),
        ]
      : [];
  const machines = new Map<string, RooflinePoint[]>();
  for (const point of data.points) {
    const machine = `${point.cpuModel}, ${point.threads} thread(s)`;
    const known = machines.get(machine);
    if (known) known.push(point);
    else machines.set(machine, [point]);
  }
  const charts = [...machines].flatMap(([machine, points]) => machineChart(machine, points, filter));
  return [
    ...reading,
    ...(charts.length === 0 && reading.length === 0
      ? [emptyState("No attempt was timed here yet: nothing is timed before it is right.")]
      : charts),
  ];
}

function machineChart(machine: string, all: RooflinePoint[], filter: RooflineAddress): Node[] {
  const points = all.filter(
    (point) => (filter.spec === null || point.spec === filter.spec) && (filter.run === null || point.run === filter.run),
  );
  if (points.length === 0) return [];
  const roofs = roofsOf(all);
  const entries = [...new Set(points.map(({ figure }) => figure.entry))].sort();
  const seriesOf = ({ figure }: RooflinePoint) => entries.indexOf(figure.entry) % seriesColours;
  const roofText = [
    roofs.bytesPerSecond === null
      ? "no bandwidth roof: nothing here was limited by it"
      : `bandwidth ${rateText(roofs.bytesPerSecond, "B/s")}`,
    roofs.flopsPerSecond === null
      ? "no compute roof: nothing here was limited by it"
      : `compute ${rateText(roofs.flopsPerSecond, "FLOP/s")}`,
  ].join("; ");
  return [
    element("h2", {}, machine),
    element(
      "p",
      { class: "quiet" },
      `Roofs as measured beside the attempts, the highest of each: ${roofText}. ${countText(points.length, "timing")}.`,
    ),
    element(
      "p",
      { class: "series" },
      ...entries.map((entry, index) => element("span", { class: `series-name series-${index % seriesColours}` }, entry)),
    ),
    rooflineChart(points, roofs, seriesOf),
  ];
}
