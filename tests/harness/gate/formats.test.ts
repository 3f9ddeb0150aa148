import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { gateText } from "../../../harness/gate/gate-text.js";
import { githubAnnotations, withoutCommands } from "../../../harness/gate/github-annotations.js";
import { junitXml } from "../../../harness/gate/junit-xml.js";
import { keepReport } from "../../../harness/gate/last-gate.js";
import { markdownSummary } from "../../../harness/gate/markdown-summary.js";
import { jsonText } from "../../../harness/report/escape-text.js";
import type { GatedFolder, GateReport, SpeedFinding } from "../../../specs/contracts/gate.js";
import { temporaryFolder } from "../temporary-folder.js";

/** What generated code, compilers and file names may hold, each sign of which some format acts on. */
const hostile = `a]]></failure><!--&lt;"'%0A\r\n::error file=x::pwned\n##[add-mask]x\u001b[2J\u0000\ufffe\ud800 | <img src=x onerror=alert(1)> [l](javascript:x) \`b\` **c** \u202e`;

const checked = (status: "passed" | "failed" | "errored", evidence: string[]) =>
  ({ check: "align", status, summary: hostile, evidence, durationMs: 1234 }) as const;

function folder(status: GatedFolder["status"], change: Partial<GatedFolder> = {}): GatedFolder {
  return {
    ...{ folder: `generated/${status}/f32/x86-64`, spec: hostile, variant: "f32", target: "x86-64", status, summary: hostile },
    ...{ selectedBy: "all", certificate: { state: "valid" }, checks: [], speed: [], remarks: [hostile], renew: null },
    ...{ file: `generated/${status}/${hostile}.c`, judgedAt: "2026-01-02T03:04:05.678Z", durationMs: 4321 },
    ...change,
  };
}

function reportOf(folders: GatedFolder[]): GateReport {
  const counts = { held: 0, failed: 0, errored: 0, skipped: 0 };
  for (const { status } of folders) counts[status]++;
  return {
    ...{ format: "forge-gate/1", outcome: "failed", selection: { kind: "all" }, forgeVersion: "0.1.0", counts, folders },
    ...{ startedAt: "2026-01-02T03:04:00.000Z", durationMs: 5000 },
  };
}

const fell: SpeedFinding = {
  ...{
    rule: "as-at-base" as const,
    entry: "forward",
    sizes: { rows: 8 },
    outcome: "fell" as const,
    ratio: 0.9,
    low: 0.88,
    high: 0.92,
    measurements: 2,
  },
  detail: hostile,
};

const report = reportOf([
  folder("held", { checks: [checked("passed", [])], certificate: { state: "stale", changed: ["verifier"] }, renew: "forge goal x" }),
  folder("failed", { checks: [checked("failed", [hostile, hostile])], speed: [fell] }),
  folder("errored", { checks: [checked("errored", [])] }),
  folder("skipped"),
  { ...folder("failed", { certificate: { state: "broken", file: "k.c", expected: "a", got: "b" } }), folder: hostile },
]);

/** Parsed by expat, which knows nothing of us: [name, attributes, children, text]. */
type Element = [string, Record<string, string>, Element[], string];
function parseXml(text: string): Element {
  const program =
    "import sys,json,xml.etree.ElementTree as e\n" +
    "def f(x): return [x.tag,x.attrib,[f(c) for c in x],x.text or '']\n" +
    "print(json.dumps(f(e.fromstring(sys.stdin.buffer.read()))))";
  return JSON.parse(execFileSync("python3", ["-c", program], { input: text, encoding: "utf8" })) as Element;
}

/** The JUnit schema that Jenkins, GitLab and Ant agree on: element, attributes it must have, children in their order. */
const schema: Record<string, { required: string[]; children: RegExp }> = {
  testsuites: { required: ["name", "tests", "failures", "errors", "time"], children: /^(testsuite )*$/ },
  testsuite: {
    required: ["name", "tests", "failures", "errors", "skipped", "time", "timestamp", "hostname"],
    children: /^properties (testcase )*system-out system-err $/,
  },
  properties: { required: [], children: /^(property )*$/ },
  property: { required: ["name", "value"], children: /^$/ },
  testcase: { required: ["classname", "name", "time"], children: /^(failure |error |skipped )?$/ },
  failure: { required: ["message", "type"], children: /^$/ },
  error: { required: ["message", "type"], children: /^$/ },
  skipped: { required: ["message"], children: /^$/ },
  "system-out": { required: [], children: /^$/ },
  "system-err": { required: [], children: /^$/ },
};

function schemaProblems([name, attributes, children]: Element): string[] {
  const rule = schema[name];
  if (!rule) return [`unknown element ${name}`];
  return [
    ...rule.required.filter((key) => !(key in attributes)).map((key) => `${name} lacks ${key}`),
    ...(rule.children.test(children.map(([child]) => `${child} `).join("")) ? [] : [`${name} holds ${children.map(([child]) => child)}`]),
    ...children.flatMap(schemaProblems),
  ];
}

describe("JUnit XML", () => {
  const root = parseXml(junitXml(report));

  it("is what the schema asks for, whatever the texts hold", () => {
    expect(schemaProblems(root)).toEqual([]);
    const suite = root[2][0]!;
    expect(suite[1].timestamp).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d$/);
    expect(root[2].map(([, { name }]) => name)).toEqual(
      report.folders.map(({ folder }) => (folder === hostile ? expect.any(String) : folder)),
    );
  });

  it("counts what it holds", () => {
    expect(root[1]).toMatchObject({ failures: "3", errors: "1", skipped: "1", time: "5.000" });
    for (const [, attributes, children] of root[2]) {
      const cases = children.filter(([name]) => name === "testcase");
      const having = (kind: string) => cases.filter(([, , inner]) => inner.some(([name]) => name === kind)).length;
      expect(attributes).toMatchObject({
        tests: String(cases.length),
        failures: String(having("failure")),
        errors: String(having("error")),
        skipped: String(having("skipped")),
      });
    }
  });

  it("keeps the words", () => {
    const failure = root[2][1]![2].find(([name, , inner]) => name === "testcase" && inner.length > 0)![2][0]!;
    expect(failure[0]).toBe("failure");
    expect(failure[1].message).toContain(`</failure><!--&lt;"'%0A`);
    expect(failure[3]).not.toContain("\u001b");
  });

  it("is valid with no folder at all", () => {
    expect(schemaProblems(parseXml(junitXml(reportOf([]))))).toEqual([]);
  });
});

describe("GitHub annotations", () => {
  const lines = githubAnnotations(report);

  it("are one line each, of one command, with one file", () => {
    expect(lines.map((line) => line.split(" ")[0])).toEqual(["::warning", "::error", "::error", "::warning", "::error"]);
    for (const line of lines) {
      expect(line).toMatch(/^::(error|warning) file=[^,:\r\n]*,title=[^,:\r\n]*::[^\r\n]*$/);
      expect(line).not.toContain("##[");
      expect(line).not.toContain("\u001b");
    }
  });

  it("cannot be forged by the log around them", () => {
    const log = withoutCommands(gateText(report, [hostile], false));
    expect(log.split("\n").filter((line) => line.trimStart().startsWith("::"))).toEqual([]);
    expect(log).not.toContain("##[");
    expect(withoutCommands("::error::x\n  ::stop-commands::y")).toBe(": :error::x\n  : :stop-commands::y");
  });

  it("say nothing of what held with a valid certificate", () => {
    expect(githubAnnotations(reportOf([folder("held")]))).toEqual([]);
  });
});

describe("the text", () => {
  it("is plain where it is piped, and coloured on a terminal only", () => {
    const plain = gateText(report, [], false);
    expect(plain).not.toContain("\u001b");
    expect(plain.replaceAll("\n", "")).not.toMatch(/\p{Cc}/u);
    expect(plain.trimEnd().split("\n").at(-1)).toBe("Gate failed: 2 failed, 1 errored, 1 skipped, 1 held, in 5.0 s.");
    expect(gateText(report, [], true)).toContain("\u001b[");
  });
});

describe("Markdown", () => {
  it("has a row per folder and no markup but its own", () => {
    const text = markdownSummary(report, [hostile]);
    const rows = text.split("\n").filter((line) => line.startsWith("| "));
    expect(rows).toHaveLength(1 + report.folders.length);
    for (const row of rows) expect(row.match(/\|/g)).toHaveLength(6);
    expect(text).not.toMatch(/<img|\]\(|\*\*c|`b`/);
    expect(text.replaceAll("\n", "")).not.toMatch(/\p{Cc}/u);
    expect(text.match(/<[^>]+>/g)!.every((tag) => /^<\/?(details|summary)>$/.test(tag))).toBe(true);
  });
});

describe("JSON and what is kept for the dashboard", () => {
  it("is one line that parses to the report", () => {
    const line = jsonText(report);
    expect(line).not.toMatch(/\p{Cc}/u);
    expect(JSON.parse(line)).toEqual(report);
  });

  it("keeps what earlier gates said of folders that this one did not judge and that are still there", () => {
    const runs = temporaryFolder();
    const [first, second, gone] = ["first", "second", "gone"].map((name) => join(runs, name)) as [string, string, string];
    for (const path of [first, second]) mkdirSync(path);
    const of = (path: string, status: GatedFolder["status"]) => folder(status, { folder: path });
    keepReport(runs, reportOf([of(first, "failed"), of(second, "held"), of(gone, "failed")]));
    const path = keepReport(runs, reportOf([of(second, "errored")]));
    const kept = JSON.parse(readFileSync(path, "utf8")) as GateReport;
    expect(kept.folders.map(({ folder, status }) => [folder, status])).toEqual([
      [second, "errored"],
      [first, "failed"],
    ]);
    expect(kept.counts).toMatchObject({ errored: 1, failed: 0 });
    writeFileSync(path, "{");
    expect(() => keepReport(runs, reportOf([]))).not.toThrow();
  });
});
