import type { LiveMessage } from "../page-data.js";
import { type Address, addressText, type Compared, parseAddress } from "./address.js";
import { compareView } from "./compare-view.js";
import { embeddedReport, reportSource, serverSource } from "./data-source.js";
import { element } from "./element.js";
import { keysDialog } from "./keys-dialog.js";
import { matrixView } from "./matrix-view.js";
import "./page.css";
import { queueView } from "./queue-view.js";
import { rooflineView } from "./roofline-view.js";
import { problem } from "./run-parts.js";
import { runView } from "./run-view.js";
import { runsView } from "./runs-view.js";
import { applyTheme, nextTheme } from "./theme.js";
import { trainingView } from "./training-view.js";
import type { View, ViewContext } from "./view.js";

// One view at a time, chosen by the address; one stream of what changes; one place for keys.

const report = embeddedReport();
const source = report ? reportSource(report) : serverSource;
const anyQuery = { text: "", spec: null, target: null, outcome: null, sort: "started", descending: true } as const;
const places: [key: string, name: string, address: Address][] = [
  ["a", "Accepted", { view: "matrix" }],
  ["r", "Runs", { view: "runs", query: anyQuery }],
  ["f", "Roofline", { view: "roofline", filter: { spec: null, variant: null, target: null, run: null } }],
  ["t", "Training", { view: "training", name: null }],
  ["q", "Queue", { view: "queue" }],
];

applyTheme();
const live = element("span", { class: "live", title: "not connected" }, "…");
const remark = element("div", { class: "remark", role: "status", hidden: true });
const dialog = keysDialog();
const links = places.map(([key, name, address]) =>
  element("a", { href: addressText(address), "data-view": address.view, title: `g ${key}` }, name),
);
const stage = element("div", { class: "stage" });
document.body.replaceChildren(
  element(
    "nav",
    { "aria-label": "views" },
    element("strong", {}, "Forge"),
    ...(report
      ? [
          element(
            "span",
            { class: "quiet" },
            `report, made ${report.madeAt.slice(0, 16).replace("T", " ")} UTC by Forge ${report.forgeVersion}`,
          ),
        ]
      : links),
    element("span", { class: "gap" }),
    report ? null : live,
    element("button", { type: "button", title: "theme: t", "aria-label": "theme", on: { click: () => say(`theme: ${nextTheme()}`) } }, "◐"),
    element("button", { type: "button", title: "?", "aria-label": "keys", on: { click: () => dialog.showModal() } }, "?"),
  ),
  stage,
  remark,
  dialog,
);

let view: View | null = null;
let left = new AbortController();
let stopLive = () => {};
let marked: Compared | null = null;
let remarkTimer: ReturnType<typeof setTimeout> | undefined;

function say(text: string): void {
  remark.textContent = "";
  remark.append(text);
  remark.hidden = false;
  clearTimeout(remarkTimer);
  remarkTimer = setTimeout(() => {
    remark.hidden = true;
  }, 4000);
}

function go(address: Address): void {
  const text = addressText(address);
  // A filter that is being typed would fill the history.
  if (address.view === "runs" && parseAddress(location.hash).view === "runs") history.replaceState(null, "", text);
  else if (location.hash !== text) history.pushState(null, "", text);
  void show();
}

function markForComparison(run: string, attempt: number | null): void {
  const name = attempt === null ? run : `attempt ${attempt} of ${run}`;
  if (marked === null || (marked.run === run && marked.attempt === attempt)) {
    marked = { run, attempt };
    say(`marked ${name}; mark another to compare`);
    return;
  }
  const first = marked;
  marked = null;
  go({ view: "compare", a: first, b: { run, attempt } });
}

async function show(): Promise<void> {
  const address: Address =
    report && !location.hash.startsWith("#/run/") ? { view: "run", run: report.run.row.run, attempt: null } : parseAddress(location.hash);
  for (const link of links) {
    if (link.dataset.view === address.view || (link.dataset.view === "runs" && address.view === "run"))
      link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  if (view?.show?.(address)) return;
  left.abort();
  left = new AbortController();
  const { signal } = left;
  stopLive();
  view = null;
  const context: ViewContext = { source, signal, go, say, markForComparison, isReport: report !== null };
  try {
    const next = await open(context, address);
    if (signal.aborted) return;
    view = next;
    stage.replaceChildren(next.root);
    document.title = `${next.title} · Forge`;
    followLive(next);
  } catch (error) {
    if (signal.aborted) return;
    stage.replaceChildren(element("main", {}, problem(error)));
    document.title = "Forge";
  }
  if (!signal.aborted) window.scrollTo(0, 0);
}

function open(context: ViewContext, address: Address): Promise<View> {
  switch (address.view) {
    case "matrix":
      return matrixView(context);
    case "runs":
      return runsView(context, address.query);
    case "run":
      return runView(context, address.run, address.attempt);
    case "roofline":
      return rooflineView(context, address.filter);
    case "queue":
      return queueView(context);
    case "training":
      return trainingView(context, address.name);
    case "compare":
      return compareView(context, address.a, address.b);
  }
}

function followLive(next: View): void {
  const told = (message: LiveMessage) => view === next && next.told?.(message);
  stopLive = source.live(next.follow?.run ?? null, next.follow?.after ?? -1, told, (isLive) => {
    live.className = isLive ? "live on" : "live off";
    live.textContent = isLive ? "live" : "connecting";
    live.title = isLive ? "shows what changes as it happens" : "the dashboard does not answer; trying again";
  });
}

let pending = "";
function pressed(event: KeyboardEvent): void {
  if (event.ctrlKey || event.metaKey || event.altKey || dialog.open) return;
  const field = event.target instanceof HTMLInputElement || event.target instanceof HTMLSelectElement;
  if (field) {
    if (event.key === "Escape") (event.target as HTMLElement).blur();
    return;
  }
  if (takeKey(event)) event.preventDefault();
}

function takeKey(event: KeyboardEvent): boolean {
  const place = pending === "g" && !report ? places.find(([key]) => key === event.key) : undefined;
  pending = event.key === "g" ? "g" : "";
  if (place) go(place[2]);
  else if (event.key === "?") dialog.showModal();
  else if (event.key === "t") say(`theme: ${nextTheme()}`);
  else if (event.key !== "g") return view?.key?.(event) ?? false;
  return true;
}

window.addEventListener("keydown", pressed);
window.addEventListener("popstate", () => void show());
void show();
