import type { ForgeEvent } from "../../../specs/contracts/event.js";
import { spendingOf } from "../../goal/budget.js";
import { durationText } from "../../progress/duration-text.js";
import { runStateText } from "../../report/run-table.js";
import { spendingText } from "../../report/spending-text.js";
import type { RunRow } from "../page-data.js";
import { type AttemptFacts, type RunFacts, runFacts } from "../run-facts.js";
import { type Address, addressText } from "./address.js";
import { attemptPanel } from "./attempt-panel.js";
import { attemptsChart } from "./attempts-chart.js";
import { ConversationView } from "./conversation-view.js";
import { element } from "./element.js";
import { badge, emptyState, facts, problem, ratio, section } from "./run-parts.js";
import { trialsView } from "./trials-view.js";
import { countText, instantText } from "./units.js";
import type { View, ViewContext } from "./view.js";

/** One run: where it stands, its attempts over time, one attempt in full, and what the agent said. */
export async function runView(context: ViewContext, run: string, asked: number | null): Promise<View> {
  const data = await context.source.run(run);
  let { row } = data;
  let { events } = data;
  let selected = asked;
  const startedAtMs = Date.parse(events[0]?.at ?? row.startedAt);
  const head = element("header", { class: "run-head" });
  const chart = element("div", {});
  const table = element("div", { class: "attempt-list" });
  const trials = element("div", {});
  const panel = element("div", { class: "panel" });
  const conversation = new ConversationView(context, run, startedAtMs);
  const root = element(
    "main",
    { class: "run-view" },
    head,
    section("Attempts", { class: "chart-section" }, chart, table, trials),
    panel,
    section("The agent's words", { class: "words" }, conversation.root),
  );

  function render(fresh: readonly ForgeEvent[], isWhole: boolean): void {
    const known = runFacts(events);
    const current = chosen(known, selected);
    head.replaceChildren(...headContent(context, row, known, events));
    chart.replaceChildren(
      known.attempts.length === 0
        ? emptyState(row.end === null ? "Nothing has been submitted yet." : "Nothing was submitted.")
        : attemptsChart([{ run, startedAtMs, attempts: known.attempts, selected: current ? [current.attempt] : [] }]),
    );
    table.replaceChildren(attemptTable(run, known.attempts, current));
    trials.replaceChildren(...trialsView(known.trials, known.progress.tuning));
    // The panel holds a diff that was fetched: it is made anew only where its attempt moved.
    if (
      isWhole ||
      fresh.some((event) => "attempt" in event && event.attempt === current?.attempt) ||
      panel.dataset.attempt !== String(current?.attempt)
    ) {
      panel.dataset.attempt = String(current?.attempt);
      panel.replaceChildren(
        current
          ? attemptPanel(context, run, current)
          : selected === null
            ? emptyState("No attempt to show.")
            : problem(`run ${run} has no attempt ${selected}`),
      );
    }
    conversation.add(fresh);
    root.querySelector(".words")?.classList.toggle("nothing", conversation.isEmpty);
  }
  render(events, true);

  const move = (step: number) => {
    const { attempts } = runFacts(events);
    const current = chosen(runFacts(events), selected);
    const index = attempts.findIndex(({ attempt }) => attempt === current?.attempt);
    const next = attempts[Math.max(0, Math.min(attempts.length - 1, index + step))];
    if (next) context.go({ view: "run", run, attempt: next.attempt });
  };
  return {
    title: run,
    root,
    follow: { run, after: events.at(-1)?.sequence ?? -1 },
    told(message) {
      if (message.type === "changed") row = message.rows.find((candidate) => candidate.run === run) ?? row;
      if (message.type === "events" && message.run === run) {
        const fresh = message.events.filter((event) => event.sequence >= events.length);
        events = [...events, ...fresh];
        render(fresh, false);
      } else if (message.type === "changed" && message.rows.some((candidate) => candidate.run === run)) render([], false);
    },
    show(address: Address) {
      if (address.view !== "run" || address.run !== run) return false;
      selected = address.attempt;
      render([], false);
      return true;
    },
    key(event) {
      if (event.key === "]" || event.key === "j") move(1);
      else if (event.key === "[" || event.key === "k") move(-1);
      else if (event.key === "d") root.querySelector("#change")?.scrollIntoView();
      else if (event.key === "w") root.querySelector(".words")?.scrollIntoView();
      else if (event.key === "c") context.markForComparison(run, chosen(runFacts(events), selected)?.attempt ?? null);
      else return false;
      return true;
    },
  };
}

/** The one asked for, else the accepted, else the best, else the newest. */
function chosen({ attempts, progress }: RunFacts, asked: number | null): AttemptFacts | null {
  const wanted = asked ?? progress.accepted?.attempt ?? progress.best?.attempt ?? attempts.at(-1)?.attempt;
  return attempts.find(({ attempt }) => attempt === wanted) ?? null;
}

function headContent(context: ViewContext, row: RunRow, known: RunFacts, events: readonly ForgeEvent[]): Node[] {
  const { started, progress, elapsedMs } = known;
  const goal = started?.goal;
  const spent = spendingOf(events);
  const budget = goal?.budget;
  return [
    element(
      "h1",
      {},
      `${row.spec} ${row.variant} on ${row.target} `,
      badge(row.bestOutcome ?? "none"),
      " ",
      ratio(progress.best?.ratio ?? null),
    ),
    element("p", { class: "run-name" }, element("code", {}, row.run), context.isReport ? null : actions(context, row)),
    facts([
      ["state", row.place.kind === "record" ? `the record of what was accepted: ${row.place.folder}` : runStateText(row)],
      ["agent", `${row.agent}${goal?.strategy ? `, strategy ${goal.strategy}` : ""}`],
      ["started", instantText(row.startedAt)],
      ["took", `${durationText(elapsedMs)}${row.end === null && row.place.kind === "store" ? " so far" : ""}`],
      ["attempts", budget ? `${row.attempts} of ${budget.attempts}` : String(row.attempts)],
      ["spend", spendText(events, spent, budget)],
      ["threads", String(goal?.threads ?? "unknown")],
      ["machine", started ? `${started.machine.cpuModel}, ${countText(started.machine.cores, "core")}` : "unknown"],
      [
        "sandbox",
        started ? `${started.sandbox.kind}${started.sandbox.kind === "bubblewrap" ? "" : " (nothing held this code in)"}` : "unknown",
      ],
      [
        "exam",
        started?.exam
          ? `${started.exam.noticed} of ${started.exam.of} planted mistakes noticed${started.exam.strong ? "" : ": weak"}`
          : "not examined",
      ],
      ...(progress.accepted ? [["accepted to", progress.accepted.directory] as [string, string]] : []),
      ...(progress.end?.message ? [["message", progress.end.message] as [string, string]] : []),
      ...(row.end === null && row.place.kind === "store" && progress.note ? [["now", progress.note] as [string, string]] : []),
    ]),
  ];
}

/** What it cost, against what it may; what is not known is said to be so. */
function spendText(
  events: readonly ForgeEvent[],
  spent: ReturnType<typeof spendingOf>,
  budget: { tokens?: number; dollars?: number; minutes: number } | undefined,
): string {
  const text = spendingText(events);
  if (text === null) return "no model was asked";
  const limits = [
    budget?.tokens === undefined
      ? null
      : `${Math.round((spent.tokens / budget.tokens) * 100)} % of ${budget.tokens.toLocaleString("en-US")} tokens`,
    budget?.dollars === undefined ? null : `${Math.round((spent.dollars / budget.dollars) * 100)} % of $${budget.dollars}`,
  ].filter((limit) => limit !== null);
  return limits.length === 0 ? text : `${text} (${limits.join(", ")})`;
}

function actions(context: ViewContext, row: RunRow): HTMLElement {
  const filter = { spec: row.spec, variant: row.variant, target: row.target, run: row.run };
  return element(
    "span",
    { class: "actions" },
    element("a", { href: addressText({ view: "roofline", filter }) }, "roofline"),
    element("button", { type: "button", title: "c", on: { click: () => context.markForComparison(row.run, null) } }, "compare run"),
  );
}

function attemptTable(run: string, attempts: readonly AttemptFacts[], current: AttemptFacts | null): HTMLElement {
  return element(
    "ol",
    { class: "attempts" },
    ...attempts.map((attempt) =>
      element(
        "li",
        { "aria-current": attempt === current ? "true" : null },
        element(
          "a",
          { href: addressText({ view: "run", run, attempt: attempt.attempt }), "data-attempt": attempt.attempt },
          element("span", { class: "number" }, attempt.attempt),
          badge(attempt.verdict?.outcome ?? "judging"),
          ratio(attempt.ratio),
          element("span", { class: "summary" }, attempt.submitted.summary),
        ),
      ),
    ),
  );
}
