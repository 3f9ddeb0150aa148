import type { RunQuery } from "../page-data.js";
import { parseRunQuery, runQueryParameters } from "../run-query.js";

/** What the page shows, as its address says it: everything behind `#` can be sent to somebody else. */
export type Address =
  | { view: "matrix" }
  | { view: "runs"; query: RunQuery }
  | { view: "run"; run: string; attempt: number | null }
  | { view: "roofline"; filter: RooflineAddress }
  | { view: "queue" }
  /** All trainings, or one. */
  | { view: "training"; name: string | null }
  | { view: "compare"; a: Compared; b: Compared };

export interface RooflineAddress {
  spec: string | null;
  variant: string | null;
  target: string | null;
  run: string | null;
}

/** A run, or one attempt of it. */
export interface Compared {
  run: string;
  attempt: number | null;
}

export function parseAddress(hash: string): Address {
  const [path = "", search = ""] = hash.replace(/^#/, "").split("?", 2);
  const parts = path.split("/").filter(Boolean).map(decoded);
  const parameters = new URLSearchParams(search);
  const value = (name: string) => parameters.get(name) || null;
  switch (parts[0]) {
    case "runs":
      return { view: "runs", query: parseRunQuery(parameters) };
    case "run":
      if (parts[1] === undefined) return { view: "runs", query: parseRunQuery(parameters) };
      return { view: "run", run: parts[1], attempt: parts[2] === "attempt" ? wholeNumber(parts[3]) : null };
    case "roofline":
      return { view: "roofline", filter: { spec: value("spec"), variant: value("variant"), target: value("target"), run: value("run") } };
    case "queue":
      return { view: "queue" };
    case "training":
      return { view: "training", name: parts[1] ?? null };
    case "compare": {
      const [a, b] = [parseCompared(value("a")), parseCompared(value("b"))];
      return a && b ? { view: "compare", a, b } : { view: "matrix" };
    }
    default:
      return { view: "matrix" };
  }
}

export function addressText(address: Address): `#${string}` {
  switch (address.view) {
    case "matrix":
      return "#/";
    case "queue":
      return "#/queue";
    case "training":
      return address.name === null ? "#/training" : `#/training/${encodeURIComponent(address.name)}`;
    case "runs":
      return withParameters("#/runs", runQueryParameters(address.query));
    case "run": {
      const attempt = address.attempt === null ? "" : `/attempt/${address.attempt}`;
      return `#/run/${encodeURIComponent(address.run)}${attempt}`;
    }
    case "roofline":
      return withParameters(
        "#/roofline",
        new URLSearchParams(
          Object.entries(address.filter).flatMap(([name, value]: [string, string | null]): [string, string][] =>
            value === null ? [] : [[name, value]],
          ),
        ),
      );
    case "compare":
      return withParameters("#/compare", new URLSearchParams({ a: comparedText(address.a), b: comparedText(address.b) }));
  }
}

/** `run` or `run:3`. */
export function comparedText({ run, attempt }: Compared): string {
  return attempt === null ? run : `${run}:${attempt}`;
}

function parseCompared(text: string | null): Compared | null {
  const match = /^([^:]+)(?::(\d{1,9}))?$/.exec(text ?? "");
  return match ? { run: match[1]!, attempt: wholeNumber(match[2]) } : null;
}

function withParameters(path: `#${string}`, parameters: URLSearchParams): `#${string}` {
  const search = parameters.toString();
  return search === "" ? path : `${path}?${search}`;
}

function wholeNumber(text: string | undefined): number | null {
  return text !== undefined && /^\d{1,9}$/.test(text) ? Number(text) : null;
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
