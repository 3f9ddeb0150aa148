import type { GatedFolder, GateReport } from "../../specs/contracts/gate.js";
import { escapeText } from "../report/escape-text.js";
import { findingText, ruleText } from "./speed-text.js";

interface TestCase {
  name: string;
  seconds: number;
  result: { kind: "passed" } | { kind: "failure" | "error" | "skipped"; message: string; text: string };
}

/** JUnit's XML as CI systems read it: a suite per folder; its certificate, each check and each rule of speed a case. */
export function junitXml(report: GateReport): string {
  const suites = report.folders.map((folder) => ({ folder, cases: casesOf(folder) }));
  const all = suites.flatMap(({ cases }) => cases);
  const lines = suites.flatMap(({ folder, cases }) => suiteLines(folder, cases));
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<testsuites name="forge gate" ${counted(all)} time="${seconds(report.durationMs / 1000)}">`,
    ...lines,
    "</testsuites>",
    "",
  ].join("\n");
}

function suiteLines(folder: GatedFolder, cases: TestCase[]): string[] {
  const name = attribute(folder.folder);
  // The schema's timestamp has neither fractions nor a zone.
  const timestamp = folder.judgedAt.slice(0, 19);
  const output = [folder.summary, ...folder.remarks, ...(folder.renew === null ? [] : [`a new certificate: ${folder.renew}`])];
  return [
    `  <testsuite name="${name}" ${counted(cases)} time="${seconds(folder.durationMs / 1000)}" timestamp="${timestamp}" hostname="localhost">`,
    "    <properties>",
    ...Object.entries({ spec: folder.spec, variant: folder.variant, target: folder.target, certificate: folder.certificate.state }).map(
      ([key, value]) => `      <property name="${key}" value="${attribute(value)}"/>`,
    ),
    "    </properties>",
    ...cases.flatMap((testCase) => caseLines(name, testCase)),
    `    <system-out>${text(output.join("\n"))}</system-out>`,
    "    <system-err></system-err>",
    "  </testsuite>",
  ];
}

function caseLines(className: string, { name, seconds: took, result }: TestCase): string[] {
  const head = `    <testcase classname="${className}" name="${attribute(name)}" time="${seconds(took)}"`;
  if (result.kind === "passed") return [`${head}/>`];
  const type = result.kind === "skipped" ? "" : ` type="${result.kind}"`;
  return [
    `${head}>`,
    `      <${result.kind} message="${attribute(result.message)}"${type}>${text(result.text)}</${result.kind}>`,
    "    </testcase>",
  ];
}

function casesOf(folder: GatedFolder): TestCase[] {
  const took = folder.durationMs / 1000;
  if (folder.status === "skipped") return [{ name: "gate", seconds: took, result: troubled("skipped", folder.summary) }];
  const kinds = { failed: "failure", errored: "error", skipped: "skipped" } as const;
  const cases: TestCase[] = [
    ...(folder.certificate.state === "valid" || folder.certificate.state === "stale" ? [passed("certificate", 0)] : []),
    ...folder.checks.map(
      ({ check, status, summary, evidence, durationMs }): TestCase =>
        status === "passed"
          ? passed(check, durationMs / 1000)
          : {
              name: check,
              seconds: durationMs / 1000,
              result: troubled(kinds[status], summary, evidence.join("\n")),
            },
    ),
    ...folder.speed.map((finding): TestCase => {
      const sizes = Object.entries(finding.sizes).map(([symbol, value]) => `${symbol}=${value}`);
      const name = `${finding.entry} ${sizes.join(" ")}: ${ruleText[finding.rule]}`;
      return finding.outcome === "fell" ? { name, seconds: 0, result: troubled("failure", findingText(finding)) } : passed(name, 0);
    }),
  ];
  // What ended it lies in none of the above: the certificate, the machine.
  const isTold = cases.some(({ result }) => result.kind !== "passed" && result.kind !== "skipped");
  if (folder.status === "failed" && !isTold)
    cases.unshift({ name: "certificate", seconds: took, result: troubled("failure", folder.summary) });
  if (folder.status === "errored" && !isTold) cases.push({ name: "gate", seconds: took, result: troubled("error", folder.summary) });
  return cases;
}

const passed = (name: string, took: number): TestCase => ({ name, seconds: took, result: { kind: "passed" } });

const troubled = (kind: "failure" | "error" | "skipped", message: string, detail = message): TestCase["result"] => ({
  kind,
  message,
  text: detail,
});

function counted(cases: TestCase[]): string {
  const count = (kind: TestCase["result"]["kind"]) => cases.filter(({ result }) => result.kind === kind).length;
  return `tests="${cases.length}" failures="${count("failure")}" errors="${count("error")}" skipped="${count("skipped")}"`;
}

const seconds = (value: number): string => value.toFixed(3);

const entities: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&apos;" };

/** What XML 1.0 forbids even as a reference is spelled out, like all that a terminal would act on. */
function attribute(value: string): string {
  return escapeText(value)
    .replace(/[\ufffe\uffff]/g, (character) => `\\u${character.charCodeAt(0).toString(16)}`)
    .replace(/[&<>"']/g, (character) => entities[character]!);
}

const text = (value: string): string => value.split("\n").map(attribute).join("\n");
