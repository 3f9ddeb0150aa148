import { minuteOf, speedUpText } from "../../report/run-table.js";
import type { RunPage, RunQuery, RunRow, RunSortKey } from "../page-data.js";
import { rowStateText } from "../run-query.js";
import { type Address, addressText } from "./address.js";
import { element } from "./element.js";
import { emptyState, problem } from "./run-parts.js";
import { countText } from "./units.js";
import type { View, ViewContext } from "./view.js";

const pageRows = 100;
const rowHeight = () => (window.matchMedia("(max-width: 700px)").matches ? 64 : 28);

const columns: { key: RunSortKey | null; name: string; class: string }[] = [
  { key: "run", name: "run", class: "name" },
  { key: "agent", name: "agent", class: "agent" },
  { key: "started", name: "started (UTC)", class: "started" },
  { key: "attempts", name: "attempts", class: "attempts" },
  { key: null, name: "best", class: "best" },
  { key: "speed-up", name: "speed-up", class: "speed" },
  { key: "state", name: "state", class: "state" },
];

/** All runs: as many rows as fit are in the page, the rest comes as it is scrolled to. */
export async function runsView(context: ViewContext, asked: RunQuery): Promise<View> {
  let query = asked;
  let found: Omit<RunPage, "rows" | "offset"> = { found: 0, all: 0, specs: [], targets: [], unreadable: [] };
  const loaded = new Map<number, RunRow[]>();
  const asking = new Set<number>();
  let cursor = -1;
  let generation = 0;

  const count = element("span", { class: "quiet count", role: "status" });
  const filter = element("input", {
    type: "search",
    id: "filter",
    placeholder: "filter: words of name, agent, state",
    "aria-label": "filter the runs",
    value: query.text,
  });
  const [spec, target, outcome] = [choice("spec"), choice("target"), choice("outcome")];
  const head = element("div", { class: "run-row head", role: "row" });
  const space = element("div", { class: "space", role: "rowgroup" });
  const list = element("div", { class: "run-list", role: "table", "aria-label": "runs", tabindex: -1 }, head, space);
  const notes = element("div", {});
  const root = element(
    "main",
    { class: "runs-view" },
    element("h1", {}, "Runs"),
    element("div", { class: "toolbar" }, filter, spec, target, outcome, count),
    notes,
    list,
  );

  function choice(name: "spec" | "target" | "outcome"): HTMLSelectElement {
    return element("select", {
      "aria-label": name,
      on: { change: (event) => change({ [name]: (event.target as HTMLSelectElement).value || null }) },
    });
  }
  function change(part: Partial<RunQuery>): void {
    context.go({ view: "runs", query: { ...query, ...part } });
  }
  filter.addEventListener("input", () => change({ text: filter.value }));
  list.addEventListener("scroll", () => requestAnimationFrame(draw), { passive: true });
  window.addEventListener("resize", () => draw(), { signal: context.signal });

  async function load(page: number): Promise<void> {
    if (asking.has(page)) return;
    asking.add(page);
    const asked = generation;
    try {
      const answer = await context.source.runs(query, page * pageRows, pageRows);
      if (asked !== generation || context.signal.aborted) return;
      loaded.set(page, answer.rows);
      found = answer;
      draw();
    } catch (error) {
      if (!context.signal.aborted) notes.replaceChildren(problem(error));
    } finally {
      if (asked === generation) asking.delete(page);
    }
  }

  /** What is shown stays until its successor is here, so that nothing flickers. */
  async function reload(): Promise<void> {
    generation++;
    asking.clear();
    const asked = generation;
    const first = Math.floor(list.scrollTop / rowHeight() / pageRows);
    try {
      const answer = await context.source.runs(query, first * pageRows, pageRows);
      if (asked !== generation || context.signal.aborted) return;
      loaded.clear();
      loaded.set(first, answer.rows);
      found = answer;
      drawFrame();
      draw();
    } catch (error) {
      if (!context.signal.aborted) notes.replaceChildren(problem(error));
    }
  }

  function drawFrame(): void {
    head.replaceChildren(
      ...columns.map(({ key, name, class: kind }) => {
        const arrow = key === query.sort ? (query.descending ? " ↓" : " ↑") : "";
        const order = key !== query.sort ? null : query.descending ? "descending" : "ascending";
        const label =
          key === null
            ? name
            : element(
                "button",
                { type: "button", on: { click: () => change({ sort: key, descending: key === query.sort ? !query.descending : true }) } },
                `${name}${arrow}`,
              );
        return element("span", { class: kind, role: "columnheader", "aria-sort": order }, label);
      }),
    );
    fillChoice(spec, "every spec", found.specs, query.spec);
    fillChoice(target, "every target", found.targets, query.target);
    fillChoice(outcome, "every outcome", ["surpassed", "passed", "failed", "errored", "none"], query.outcome);
    count.textContent =
      found.found === found.all ? countText(found.all, "run") : `${found.found.toLocaleString("en-US")} of ${countText(found.all, "run")}`;
    notes.replaceChildren(
      ...(found.unreadable.length === 0
        ? []
        : [
            element(
              "p",
              { class: "problem" },
              `${countText(found.unreadable.length, "log")} cannot be read; \`forge show\` says why: ${found.unreadable.slice(0, 5).join(", ")}`,
            ),
          ]),
      ...(found.all === 0 ? [emptyState("No runs yet. A goal starts one: ", "forge goal specs/kernels/rmsnorm.yaml")] : []),
      ...(found.all > 0 && found.found === 0 ? [emptyState("No run fits the filter.")] : []),
    );
  }

  function draw(): void {
    const height = rowHeight();
    const first = Math.max(0, Math.floor(list.scrollTop / height) - 10);
    const last = Math.min(found.found, first + Math.ceil(list.clientHeight / height) + 20);
    space.style.height = `${found.found * height}px`;
    const focused = (document.activeElement as HTMLElement | null)?.dataset.run;
    const shown: HTMLElement[] = [];
    for (let index = first; index < last; index++) {
      const page = Math.floor(index / pageRows);
      const row = loaded.get(page)?.[index % pageRows];
      if (row === undefined) void load(page);
      else shown.push(rowElement(row, index, height));
    }
    space.replaceChildren(...shown);
    if (focused !== undefined) shown.find((row) => row.dataset.run === focused)?.focus({ preventScroll: true });
  }

  function rowElement(row: RunRow, index: number, height: number): HTMLElement {
    const made = element(
      "a",
      {
        class: `run-row${index === cursor ? " cursor" : ""}`,
        role: "row",
        "aria-rowindex": index + 2,
        "data-run": row.run,
        href: addressText({ view: "run", run: row.run, attempt: null }),
      },
      element("span", { class: "name", role: "cell" }, row.run),
      element("span", { class: "agent", role: "cell" }, row.agent),
      element("span", { class: "started", role: "cell" }, minuteOf(row.startedAt)),
      element("span", { class: "attempts", role: "cell" }, row.attempts),
      element("span", { class: `best ${row.bestOutcome ?? "none"}`, role: "cell" }, row.bestOutcome ?? "–"),
      element("span", { class: "speed", role: "cell" }, speedUpText(row)),
      element("span", { class: "state", role: "cell", title: row.place.kind === "record" ? row.place.folder : "" }, rowStateText(row)),
    );
    made.style.top = `${index * height}px`;
    return made;
  }

  function moveTo(index: number): void {
    cursor = Math.max(0, Math.min(found.found - 1, index));
    const height = rowHeight();
    const top = cursor * height;
    if (top < list.scrollTop) list.scrollTop = top;
    if (top + 2 * height > list.scrollTop + list.clientHeight) list.scrollTop = top + 2 * height - list.clientHeight;
    draw();
    space.querySelector<HTMLElement>(".cursor")?.focus({ preventScroll: true });
  }
  const rowAtCursor = () => loaded.get(Math.floor(cursor / pageRows))?.[cursor % pageRows];

  let isReloadDue = false;
  const view: View = {
    title: "Runs",
    root,
    told(message) {
      if (message.type !== "changed") return;
      // A busy folder tells of changes several times a second.
      if (isReloadDue) return;
      isReloadDue = true;
      setTimeout(() => {
        isReloadDue = false;
        if (!context.signal.aborted) void reload();
      }, 500);
    },
    show(address: Address) {
      if (address.view !== "runs") return false;
      query = address.query;
      if (document.activeElement !== filter) filter.value = query.text;
      cursor = -1;
      list.scrollTop = 0;
      void reload();
      return true;
    },
    key(event) {
      if (event.key === "j" || event.key === "ArrowDown") moveTo(cursor + 1);
      else if (event.key === "k" || event.key === "ArrowUp") moveTo(cursor - 1);
      else if (event.key === "Home") moveTo(0);
      else if (event.key === "End") moveTo(found.found - 1);
      else if (event.key === "/") filter.focus();
      else if (event.key === "c" && rowAtCursor()) context.markForComparison(rowAtCursor()!.run, null);
      else return false;
      return true;
    },
  };
  await reload();
  // Its height is known only once it stands in the page.
  requestAnimationFrame(draw);
  return view;
}

function fillChoice(choice: HTMLSelectElement, all: string, values: string[], chosen: string | null): void {
  choice.replaceChildren(
    element("option", { value: "" }, all),
    ...values.map((value) => element("option", { value, selected: value === chosen }, value)),
  );
  choice.value = chosen ?? "";
}
