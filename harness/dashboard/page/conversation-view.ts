import type { ForgeEvent } from "../../../specs/contracts/event.js";
import { durationText } from "../../progress/duration-text.js";
import { operationText } from "../../report/operations-text.js";
import { addressText } from "./address.js";
import { element, multiline } from "./element.js";
import { problem } from "./run-parts.js";
import type { ViewContext } from "./view.js";

const entriesAtOnce = 150;
const cutMark = /\n… [\d,]+ more characters$/;

/** What the agent said and did and what it was answered, oldest first; a long one comes in parts as it is scrolled to. */
export class ConversationView {
  readonly root: HTMLElement;
  private readonly list = element("ol", { class: "conversation" });
  private readonly more = element("button", { type: "button", class: "more", hidden: true, on: { click: () => this.showMore() } });
  private readonly waiting: HTMLElement[] = [];
  private entries = 0;

  constructor(
    private readonly context: ViewContext,
    private readonly run: string,
    private readonly startedAtMs: number,
  ) {
    this.root = element("div", {}, this.list, this.more);
    new IntersectionObserver((seen) => seen.some((entry) => entry.isIntersecting) && this.showMore(), { rootMargin: "600px" }).observe(
      this.more,
    );
  }

  add(events: readonly ForgeEvent[]): void {
    for (const event of events) {
      const entry = this.entry(event);
      if (entry === null) continue;
      this.entries++;
      if (this.list.childElementCount < entriesAtOnce && this.waiting.length === 0) this.list.append(entry);
      else this.waiting.push(entry);
    }
    this.showState();
  }

  get isEmpty(): boolean {
    return this.entries === 0;
  }

  private showMore(): void {
    this.list.append(...this.waiting.splice(0, entriesAtOnce));
    this.showState();
  }

  private showState(): void {
    this.more.hidden = this.waiting.length === 0;
    this.more.textContent = `${this.waiting.length} more`;
  }

  private entry(event: ForgeEvent): HTMLElement | null {
    const told = this.told(event);
    if (told === null) return null;
    const lane = "lane" in event && event.lane ? element("span", { class: "lane" }, `lane ${event.lane}`) : null;
    return element(
      "li",
      { class: `entry ${told.kind}`, "data-sequence": event.sequence },
      element("span", { class: "when number", title: event.at }, durationText(Math.max(0, Date.parse(event.at) - this.startedAtMs))),
      element("span", { class: "who" }, told.who, lane),
      element("div", { class: "said" }, ...told.said),
    );
  }

  private told(event: ForgeEvent): { kind: string; who: string; said: (Node | string)[] } | null {
    switch (event.type) {
      case "agent-turned": {
        const { turn } = event;
        const calls = turn.role === "assistant" ? turn.calls.map((call) => call.name) : [];
        if (turn.text.trim() === "" && calls.length === 0) return null;
        const words = this.long(turn.text, event.sequence, (whole) => (whole.type === "agent-turned" ? whole.turn.text : ""));
        const asks = calls.length > 0 ? [element("p", { class: "quiet" }, `calls ${calls.join(", ")}`)] : [];
        return turn.role === "user"
          ? folded("told", "harness", "what the agent was told", words)
          : { kind: "agent", who: "agent", said: [...words, ...asks, ...this.cost(event)] };
      }
      case "tool-called": {
        const { call, answer, durationMs, changed } = event;
        const files = Object.keys(changed ?? {});
        return {
          kind: answer.isError ? "tool failed" : "tool",
          who: call.name,
          said: [
            element(
              "details",
              {},
              element(
                "summary",
                {},
                oneLine(call.argumentsText),
                element(
                  "span",
                  { class: "quiet" },
                  `  ${durationText(durationMs)}${answer.isError ? ", failed" : ""}${files.length > 0 ? `, changed ${files.join(", ")}` : ""}`,
                ),
              ),
              element(
                "div",
                { class: "part" },
                ...this.long(call.argumentsText, event.sequence, (whole) => (whole.type === "tool-called" ? whole.call.argumentsText : "")),
              ),
              element(
                "div",
                { class: "part answer" },
                ...this.long(answer.text, event.sequence, (whole) => (whole.type === "tool-called" ? whole.answer.text : "")),
              ),
            ),
          ],
        };
      }
      case "notes-written":
        return folded(
          "notes",
          "notes",
          "wrote its notes",
          this.long(event.text, event.sequence, (whole) => (whole.type === "notes-written" ? whole.text : "")),
        );
      case "conversation-compacted":
        return folded(
          "told",
          "harness",
          "the conversation grew too long and gave way to this",
          this.long(event.text, event.sequence, (whole) => (whole.type === "conversation-compacted" ? whole.text : "")),
        );
      case "lane-opened":
        return event.text.trim() === "" && event.lane === 0
          ? null
          : {
              kind: "told",
              who: "strategy",
              said: [
                element(
                  "p",
                  {},
                  event.base === null ? "opened" : `opened from attempt ${event.base}`,
                  event.text === "" ? null : ": ",
                  multiline(event.text),
                ),
              ],
            };
      case "submission-answered":
        return event.direction === null ? null : { kind: "told", who: "strategy", said: [element("p", {}, multiline(event.direction))] };
      case "workspace-changed":
        return { kind: "change", who: event.by, said: [element("p", {}, `changed ${Object.keys(event.changed).join(", ")}`)] };
      case "operations-planned":
      case "operation-begun":
      case "operation-forged":
      case "merge-decided":
        return { kind: "note", who: "operations", said: [element("p", {}, operationText(event))] };
      case "agent-noted":
        return { kind: "note", who: "note", said: [element("p", {}, multiline(event.text))] };
      case "attempt-submitted":
        return {
          kind: "submitted",
          who: "attempt",
          said: [
            element(
              "p",
              {},
              element("a", { href: addressText({ view: "run", run: this.run, attempt: event.attempt }) }, `attempt ${event.attempt}`),
              ": ",
              event.summary,
            ),
          ],
        };
      case "attempt-judged":
        return {
          kind: `judged ${event.verdict.outcome}`,
          who: "verdict",
          said: [element("p", {}, `attempt ${event.attempt}: ${event.verdict.outcome}`)],
        };
      case "run-resumed":
        return { kind: "told", who: "harness", said: [element("p", {}, `resumed after ${event.attemptsSoFar} attempt(s)`)] };
      case "run-finished":
        return {
          kind: "told",
          who: "harness",
          said: [element("p", {}, `ended: ${event.end}${event.message === "" ? "" : `: ${event.message}`}`)],
        };
      default:
        return null;
    }
  }

  private cost({ usage, dollars }: Extract<ForgeEvent, { type: "agent-turned" }>): Node[] {
    if (usage === undefined) return [];
    const money = dollars == null ? "price unknown" : `$${dollars.toFixed(4)}`;
    const cached =
      usage.cacheRead + usage.cacheWrite > 0
        ? `, cache ${usage.cacheRead.toLocaleString("en-US")} read ${usage.cacheWrite.toLocaleString("en-US")} written`
        : "";
    return [
      element(
        "p",
        { class: "quiet cost" },
        `${usage.input.toLocaleString("en-US")} tokens in${cached}, ${usage.output.toLocaleString("en-US")} out, ${money}`,
      ),
    ];
  }

  /** A text, with a way to the rest of it where it came cut. */
  private long(text: string, sequence: number, partOf: (whole: ForgeEvent) => string): Node[] {
    const shown = element("pre", {}, multiline(text));
    if (!cutMark.test(text)) return [shown];
    const button: HTMLButtonElement = element(
      "button",
      {
        type: "button",
        on: {
          click: () =>
            void this.context.source.event(this.run, sequence).then(
              (event) => {
                shown.replaceChildren(multiline(partOf(event)));
                button.remove();
              },
              (error: unknown) => button.replaceWith(problem(error)),
            ),
        },
      },
      "show all of it",
    );
    return this.context.isReport ? [shown] : [shown, button];
  }
}

function folded(kind: string, who: string, summary: string, said: Node[]) {
  return { kind, who, said: [element("details", {}, element("summary", {}, summary), ...said)] };
}

function oneLine(text: string): string {
  const line = text.replace(/\s+/g, " ").trim();
  return line.length > 160 ? `${line.slice(0, 159)}…` : line;
}
