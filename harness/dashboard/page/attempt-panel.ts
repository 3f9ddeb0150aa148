import { type CheckName, type CheckResult, type Evidence, kernelChecks, trainerChecks } from "../../../specs/contracts/verdict.js";
import { figuresOf } from "../../../specs/verdict-speed.js";
import { durationText } from "../../progress/duration-text.js";
import { evidenceText } from "../../progress/evidence-text.js";
import { checkLabel } from "../../report/check-label.js";
import { breakdownText } from "../../report/figures-text.js";
import { limitShare } from "../../report/limit-share.js";
import type { AttemptFacts } from "../run-facts.js";
import { addressText } from "./address.js";
import { diffView } from "./diff-view.js";
import { element, multiline } from "./element.js";
import { lossChart } from "./loss-chart.js";
import { badge, facts, figuresTable, fillLater, ratio } from "./run-parts.js";
import { instantText, percentText } from "./units.js";
import type { ViewContext } from "./view.js";

/** One attempt: the ladder of checks, why it failed, how fast it is, and what it changed. */
export function attemptPanel(context: ViewContext, run: string, attempt: AttemptFacts): HTMLElement {
  const { submitted, verdict } = attempt;
  const diff = element("div", { class: "diff-place" }, element("p", { class: "quiet" }, "reading the code …"));
  fillLater(diff, context.source.change(run, attempt.attempt, null).then(diffView), () => !context.signal.aborted);
  const figures = verdict ? figuresOf(verdict) : [];
  const share = limitShare(figures);
  return element(
    "article",
    { class: "attempt", "aria-label": `attempt ${attempt.attempt}` },
    element(
      "h2",
      {},
      `Attempt ${attempt.attempt} `,
      badge(verdict?.outcome ?? "judging"),
      attempt.accepted ? element("span", { class: "badge accepted" }, "accepted") : null,
      " ",
      ratio(attempt.ratio),
      share === null ? null : element("span", { class: "quiet" }, ` ${percentText(share)} of the physical limit`),
    ),
    element("p", { class: "summary" }, multiline(submitted.summary)),
    facts([
      ["submitted", instantText(submitted.at)],
      ["commit", element("code", { title: submitted.commit }, submitted.commit.slice(0, 10))],
      ...(submitted.lane ? [["lane", String(submitted.lane)] as [string, string]] : []),
      [
        "began from",
        submitted.base == null
          ? submitted.base === null
            ? "nothing"
            : "not recorded"
          : element("a", { href: addressText({ view: "run", run, attempt: submitted.base }) }, `attempt ${submitted.base}`),
      ],
      ...(submitted.lessons?.length ? [["lessons tried", submitted.lessons.join(", ")] as [string, string]] : []),
      ...(verdict ? [["time", breakdownText(verdict.breakdown)] as [string, string]] : []),
    ]),
    ladder(attempt),
    ...attempt.checks.flatMap((result) => ("curve" in result && result.curve ? [lossChart(result.curve)] : [])),
    figures.length > 0 ? figuresTable(figures) : null,
    verdict
      ? element(
          "details",
          { class: "seeds" },
          element("summary", {}, "seeds and thresholds"),
          facts([
            ...Object.entries(verdict.seeds).map(([name, seed]): [string, string] => [`seed ${name}`, seed || "not drawn"]),
            ...Object.entries(verdict.thresholds).map(([name, value]): [string, string] => [name, String(value)]),
          ]),
        )
      : null,
    element("h3", { id: "change" }, "What changed"),
    diff,
  );
}

/** Every check in its order, with how it ended; those that were not come to stand there too. */
export function ladder(attempt: Pick<AttemptFacts, "checks" | "running" | "verdict">): HTMLElement {
  return element(
    "ol",
    { class: "ladder" },
    ...climbed(attempt).map((check) => {
      const result = attempt.checks.find((candidate) => candidate.check === check);
      if (result === undefined) {
        const state = attempt.running === check ? "running" : "waiting";
        const text = state === "running" ? "running …" : attempt.verdict ? "not reached" : "";
        return element(
          "li",
          { class: state, "data-check": check },
          element("span", { class: "rung" }, checkLabel(check)),
          element("span", {}, ""),
          element("span", { class: "quiet" }, text),
        );
      }
      return element(
        "li",
        { class: result.status, "data-check": check },
        element("span", { class: "rung" }, checkLabel(check)),
        element("span", { class: "number" }, durationText(result.durationMs)),
        element("span", { class: "told" }, element("span", { class: "status" }, result.status), " ", result.summary, reasons(result)),
      );
    }),
  );
}

/** A trainer climbs other rungs than a kernel; before the first that only it has, nobody can tell. */
function climbed({ checks, running }: Pick<AttemptFacts, "checks" | "running">): readonly CheckName[] {
  const kernels: readonly CheckName[] = kernelChecks;
  const seen = [...checks.map(({ check }) => check), ...(running ? [running] : [])];
  return seen.every((check) => kernels.includes(check)) ? kernels : trainerChecks;
}

function reasons(result: CheckResult): HTMLElement | null {
  switch (result.status) {
    case "failed":
      return element(
        "ul",
        { class: "evidence" },
        ...result.evidence.map((evidence) => element("li", {}, evidenceText(evidence), whole(evidence))),
      );
    case "passed":
      return result.warnings?.length
        ? element("ul", { class: "evidence warnings" }, ...result.warnings.map((warning) => element("li", {}, multiline(warning))))
        : null;
    default:
      return element("ul", { class: "evidence" }, element("li", {}, multiline(result.reason)));
  }
}

/** A compiler says more than its first error. */
function whole(evidence: Evidence): HTMLElement | null {
  if (evidence.kind !== "build" || evidence.log.trim().split("\n").length < 2) return null;
  return element("details", {}, element("summary", {}, "what the compiler said"), element("pre", { tabindex: 0 }, multiline(evidence.log)));
}
