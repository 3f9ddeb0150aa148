import type { FileChange, Hunk } from "../line-changes.js";
import type { AttemptChange } from "../page-data.js";
import { addressText } from "./address.js";
import { element } from "./element.js";

/** What an attempt changed: the files, each with its changed stretches. */
export function diffView(change: AttemptChange): HTMLElement {
  if (change.status === "unknown") return element("p", { class: "empty" }, change.reason);
  const changed = change.files.filter((file) => file.state !== "same");
  const same = change.files.filter((file) => file.state === "same").map(({ name }) => name);
  return element(
    "div",
    { class: "diff" },
    element("p", { class: "quiet" }, ...againstWhat(change.against), same.length > 0 ? ` Unchanged: ${same.join(", ")}.` : null),
    changed.length === 0 ? element("p", { class: "empty" }, "No file differs.") : null,
    ...changed.map((file, place) => fileView(file, isShort(changed.slice(0, place + 1)))),
  );
}

/** What one looks through without being asked; a trainer of a dozen files would push all else off the page. */
const openLines = 150;
const isShort = (files: readonly FileChange[]): boolean =>
  files.length === 1 || files.reduce((sum, file) => sum + linesOf(file).length, 0) <= openLines;

const linesOf = (file: FileChange) => (file.state === "same" ? [] : file.hunks.flatMap((hunk) => hunk.lines));

function againstWhat(against: Extract<AttemptChange, { status: "known" }>["against"]): (Node | string)[] {
  switch (against.kind) {
    case "attempt":
      return [
        "Against ",
        element("a", { href: addressText({ view: "run", run: against.run, attempt: against.attempt }) }, `attempt ${against.attempt}`),
        ".",
      ];
    case "nothing":
      return ["It began from nothing: all lines are new."];
    case "unrecorded":
      return ["The log does not say what it began from: all lines are shown as new."];
  }
}

function fileView(file: FileChange, open: boolean): HTMLElement {
  if (file.state === "same") return element("details");
  const lines = linesOf(file);
  const [added, removed] = (["added", "removed"] as const).map((kind) => lines.filter((line) => line.kind === kind).length);
  return element(
    "details",
    { open, class: "file" },
    element(
      "summary",
      {},
      element("span", { class: "file-name" }, file.name),
      element("span", { class: "plus" }, ` +${added}`),
      element("span", { class: "minus" }, ` −${removed}`),
      file.state === "changed" ? null : element("span", { class: "quiet" }, ` ${file.state}`),
    ),
    element("div", { class: "code", tabindex: 0, role: "region", "aria-label": `changes of ${file.name}` }, ...file.hunks.map(hunkView)),
  );
}

const signs = { same: " ", added: "+", removed: "-" } as const;

function hunkView(hunk: Hunk): HTMLElement {
  let [oldLine, newLine] = [hunk.oldStart, hunk.newStart];
  return element(
    "div",
    { class: "hunk" },
    ...hunk.lines.map(({ kind, text }) => {
      const numbers = [kind === "added" ? "" : String(oldLine), kind === "removed" ? "" : String(newLine)];
      if (kind !== "added") oldLine++;
      if (kind !== "removed") newLine++;
      return element(
        "div",
        { class: `line ${kind}` },
        element("span", { class: "line-number", "aria-hidden": "true" }, numbers[0] ?? ""),
        element("span", { class: "line-number", "aria-hidden": "true" }, numbers[1] ?? ""),
        element("span", { class: "sign" }, signs[kind]),
        element("span", { class: "text" }, text.replaceAll("\t", "    ")),
      );
    }),
  );
}
