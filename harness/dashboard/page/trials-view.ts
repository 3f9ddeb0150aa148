import type { ForgeEvent } from "../../../specs/contracts/event.js";
import { durationText } from "../../progress/duration-text.js";
import type { TuningProgress } from "../../progress/progress-state.js";
import { element } from "./element.js";
import { countText } from "./units.js";

type Trial = Extract<ForgeEvent, { type: "trial-finished" }>;
const mostShown = 500;

/** What a search tried before it submitted: every trial with its time, or why it is out. */
export function trialsView(trials: readonly Trial[], tuning: TuningProgress | null): Node[] {
  if (trials.length === 0) return [];
  const measured = trials.filter((trial) => trial.status === "measured");
  const slowest = Math.max(...measured.map((trial) => trial.seconds ?? 0));
  const best = trials.findLast((trial) => trial.best);
  const planned = tuning === null ? "" : ` of ${tuning.planned}`;
  return [
    element(
      "details",
      { class: "trials" },
      element(
        "summary",
        {},
        `${countText(trials.length, "trial")}${planned}: ${measured.length} measured, ${trials.length - measured.length} rejected`,
        best?.seconds == null ? null : `; best ${durationText(best.seconds * 1000)}`,
      ),
      element(
        "ol",
        {},
        ...trials.slice(0, mostShown).map((trial) => {
          const bar = element("meter", { min: 0, max: slowest || 1, value: trial.seconds ?? 0, "aria-hidden": "true" });
          return element(
            "li",
            { class: `${trial.status}${trial === best ? " best" : ""}` },
            element("span", { class: "number" }, trial.seconds === null ? "–" : durationText(trial.seconds * 1000)),
            trial.seconds === null ? element("span", {}) : bar,
            element(
              "span",
              { class: "label" },
              trial.label,
              trial.status === "rejected" ? element("span", { class: "quiet" }, ` rejected: ${trial.detail}`) : null,
            ),
          );
        }),
      ),
      trials.length > mostShown
        ? element("p", { class: "quiet" }, `and ${trials.length - mostShown} more; \`forge show --json\` has all`)
        : null,
    ),
  ];
}
