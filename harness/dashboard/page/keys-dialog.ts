import { element } from "./element.js";

const keys: [keys: string, what: string][] = [
  ["?", "these keys"],
  ["g a", "accepted: the matrix"],
  ["g r", "runs"],
  ["g f", "roofline"],
  ["g t", "training"],
  ["g q", "workers and queue"],
  ["j  k", "next, previous: run in the list, attempt in a run (also ↓ ↑ in the list, ] [ in a run)"],
  ["Enter", "open what is in focus"],
  ["/", "filter the runs"],
  ["d", "in a run: to the code that changed"],
  ["w", "in a run: to the agent's words"],
  ["c", "mark for comparison; marking a second one compares"],
  ["t", "light, dark, or as the system has it"],
  ["Esc", "close, or leave a field"],
];

export function keysDialog(): HTMLDialogElement {
  const dialog: HTMLDialogElement = element(
    "dialog",
    { class: "keys", "aria-label": "keys" },
    element("h2", {}, "Keys"),
    element(
      "dl",
      {},
      ...keys.flatMap(([combination, what]) => [
        element("dt", {}, ...combination.split(" ").map((key) => (key === "" ? "" : element("kbd", {}, key)))),
        element("dd", {}, what),
      ]),
    ),
    element("button", { type: "button", on: { click: () => dialog.close() } }, "close"),
  );
  return dialog;
}
