import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { expect, test } from "vitest";
import { candidateBytes } from "../../harness/candidate-files.js";
import { readCandidateFolder } from "../../harness/candidate-folder.js";
import { readCertificate, verifyCertificate, writeAccepted } from "../../harness/certificate.js";
import { certificateText } from "../../harness/certificate-text.js";
import { gitTreeHash } from "../../harness/git-tree.js";
import { sha256Hex } from "../../harness/hash.js";
import { packageRoot } from "../../harness/package-root.js";
import { readRecords } from "../../harness/store/shipped-records.js";
import type { EventBody, ForgeEvent } from "../../specs/contracts/event.js";
import type { Candidate } from "../../specs/contracts/target.js";
import type { Outcome } from "../../specs/contracts/verdict.js";
import { runStarted, sampleCandidate, sampleGoal, sampleVerdict } from "./sample-run.js";
import { temporaryFolder } from "./temporary-folder.js";

const exam = { spec: { format: "forge-kernel/1" as const }, hash: sampleGoal.specHash, referenceHash: "c".repeat(64) };

function eventsOf(attempts: { candidate: Candidate; outcome: Outcome }[], specPath = sampleGoal.specPath): ForgeEvent[] {
  const bodies: EventBody[] = [runStarted({ ...sampleGoal, specPath })];
  attempts.forEach(({ candidate, outcome }, index) => {
    const attempt = index + 1;
    bodies.push({ type: "attempt-submitted", attempt, commit: "d".repeat(40), tree: gitTreeHash(candidateBytes(candidate)), summary: "s" });
    bodies.push({ type: "attempt-judged", attempt, verdict: sampleVerdict(outcome), bestRatio: null });
  });
  return bodies.map((body, sequence) => ({ ...body, sequence, at: "2026-01-02T03:04:05.678Z", run: "run-1" }));
}

function accept(
  generated: string,
  candidate = sampleCandidate(),
  events = eventsOf([{ candidate, outcome: "surpassed" }]),
  attempt = 1,
): string {
  return writeAccepted({
    generated,
    candidate,
    events,
    attempt,
    exam,
    toolchains: [{ name: "gcc", version: "12.2.0" }],
    baseline: { compiler: "gcc", flags: ["-O3"], sourceHash: "e".repeat(64) },
    repeat: (directory) => `forge check ${directory}`,
  });
}

test("what was accepted stands under its spec, variant and target, with a certificate that holds", () => {
  const generated = join(temporaryFolder(), "generated");
  const directory = accept(generated);
  expect(directory).toBe(join(generated, "rmsnorm", "f32", "x86-64"));
  expect(readdirSync(directory).sort()).toEqual(["certificate.json", "forge.json", "inner", "kernel.c", "record.jsonl"]);
  expect(readCandidateFolder(directory)).toEqual(sampleCandidate());
  const state = verifyCertificate(directory, exam);
  expect(state).toMatchObject({
    status: "valid",
    certificate: { outcome: "surpassed", attempt: 1, figures: [{ ratio: 1.83 }], repeat: "forge check generated/rmsnorm/f32/x86-64" },
  });
});

test("the record holds every attempt of the run, and the certificate names the accepted one", () => {
  const better = sampleCandidate("int better;\n");
  const events = eventsOf([
    { candidate: sampleCandidate("int wrong;\n"), outcome: "failed" },
    { candidate: better, outcome: "surpassed" },
    { candidate: sampleCandidate("int slower;\n"), outcome: "passed" },
  ]);
  const directory = accept(join(temporaryFolder(), "generated"), better, events, 2);
  expect(readFileSync(join(directory, "record.jsonl"), "utf8").trimEnd().split("\n")).toHaveLength(7);
  expect(verifyCertificate(directory, exam)).toMatchObject({ status: "valid", certificate: { attempt: 2, outcome: "surpassed" } });
});

test("code that is certified again keeps the record of the run that wrote it, and other code does not", () => {
  const generated = join(temporaryFolder(), "generated");
  const written = eventsOf([
    { candidate: sampleCandidate("int slow;\n"), outcome: "passed" },
    { candidate: sampleCandidate(), outcome: "surpassed" },
  ]);
  const directory = accept(generated, sampleCandidate(), written, 2);
  const record = readFileSync(join(directory, "record.jsonl"), "utf8");
  const again = (run: string) => eventsOf([{ candidate: sampleCandidate(), outcome: "surpassed" }]).map((event) => ({ ...event, run }));
  for (const run of ["second", "third"]) {
    accept(generated, sampleCandidate(), again(run));
    expect(readFileSync(join(directory, "origin.jsonl"), "utf8")).toBe(record);
    expect(readFileSync(join(directory, "record.jsonl"), "utf8")).toContain(`"run":"${run}"`);
    expect(verifyCertificate(directory, exam)).toMatchObject({ status: "valid" });
    expect(readRecords({ name: "", path: directory }).map(({ line }) => [line.run, line.attempts])).toEqual([
      [run, 1],
      [written[0]!.run, 2],
    ]);
  }
  // The same run once more, resumed: it is no origin of itself.
  accept(generated, sampleCandidate(), again("third"));
  expect(readFileSync(join(directory, "origin.jsonl"), "utf8")).toBe(record);

  // A crash between the two renames of an acceptance: what was set aside is put back before its origin is looked for.
  renameSync(directory, join(dirname(directory), `.${basename(directory)}.old`));
  accept(generated, sampleCandidate(), again("fourth"));
  expect(readFileSync(join(directory, "origin.jsonl"), "utf8")).toBe(record);

  rmSync(join(directory, "origin.jsonl"));
  expect(verifyCertificate(directory, exam)).toMatchObject({ status: "broken", file: "origin.jsonl", got: "no such file" });
  writeFileSync(join(directory, "origin.jsonl"), record.replace("passed", "failed"));
  expect(verifyCertificate(directory, exam)).toMatchObject({ status: "broken", file: "origin.jsonl" });

  accept(generated, sampleCandidate("int other;\n"), eventsOf([{ candidate: sampleCandidate("int other;\n"), outcome: "passed" }]));
  expect(readdirSync(directory)).not.toContain("origin.jsonl");
  writeFileSync(join(directory, "origin.jsonl"), record);
  expect(verifyCertificate(directory, exam)).toMatchObject({ status: "broken", file: "origin.jsonl", expected: "no such file" });
});

test("a run that submitted what was there is nobody's origin", () => {
  const generated = join(temporaryFolder(), "generated");
  const resubmitted = eventsOf([{ candidate: sampleCandidate(), outcome: "surpassed" }]).map((event) =>
    event.type === "run-started" ? { ...event, goal: { ...event.goal, agent: "resubmit" } } : event,
  );
  const directory = accept(generated, sampleCandidate(), resubmitted);
  accept(
    generated,
    sampleCandidate(),
    resubmitted.map((event) => ({ ...event, run: "again" })),
  );
  expect(readdirSync(directory)).not.toContain("origin.jsonl");
  expect(verifyCertificate(directory, exam)).toMatchObject({ status: "valid" });
});

test("a flipped byte in any file, at any place, is named", () => {
  const directory = accept(join(temporaryFolder(), "generated"));
  for (const file of ["kernel.c", "inner/part.h", "forge.json", "record.jsonl", "certificate.json"]) {
    const path = join(directory, file);
    const bytes = readFileSync(path);
    const step = Math.max(1, Math.floor(bytes.length / 40));
    for (let place = 0; place < bytes.length; place += step) {
      const flipped = Buffer.from(bytes);
      flipped[place]! ^= 1;
      writeFileSync(path, flipped);
      expect(verifyCertificate(directory, exam), `${file}, byte ${place}`).toMatchObject({ status: "broken", file });
    }
    writeFileSync(path, bytes);
  }
  expect(verifyCertificate(directory, exam).status).toBe("valid");
});

test("a changed source is told with both hashes; missing, added and linked files are named", () => {
  const directory = accept(join(temporaryFolder(), "generated"));
  const path = join(directory, "kernel.c");
  const before = readFileSync(path);
  writeFileSync(path, "int other;\n");
  expect(verifyCertificate(directory, exam)).toEqual({
    status: "broken",
    file: "kernel.c",
    expected: sha256Hex(before),
    got: sha256Hex("int other;\n"),
  });
  rmSync(path);
  expect(verifyCertificate(directory, exam)).toMatchObject({ status: "broken", file: "kernel.c", got: "no such file" });
  symlinkSync("/etc/hostname", path);
  expect(verifyCertificate(directory, exam)).toMatchObject({ status: "broken", file: "kernel.c", expected: "a plain file" });
  rmSync(path);
  writeFileSync(path, before);
  writeFileSync(join(directory, "README.md"), "for people");
  expect(verifyCertificate(directory, exam).status).toBe("valid");
  writeFileSync(join(directory, "extra.h"), "");
  expect(verifyCertificate(directory, exam)).toMatchObject({ status: "broken", file: "extra.h", expected: "no such file" });
});

test("a certificate that was written anew for another source does not fit the record", () => {
  const folder = temporaryFolder();
  const directory = accept(join(folder, "generated"));
  const read = readCertificate(directory);
  if (read.status !== "read") throw new Error(read.status);
  const other = sampleCandidate("int forged;\n");
  const forged = accept(join(folder, "other"), other);
  const record = readFileSync(join(directory, "record.jsonl"));
  writeFileSync(join(forged, "record.jsonl"), record);
  const state = readCertificate(forged);
  if (state.status !== "read") throw new Error(state.status);
  const hashes = { ...state.certificate.hashes, record: sha256Hex(record) };
  writeFileSync(join(forged, "certificate.json"), certificateText({ ...state.certificate, hashes }));
  expect(verifyCertificate(forged, exam)).toMatchObject({ status: "broken", file: "record.jsonl", got: `tree ${read.certificate.tree}` });
  const faster = read.certificate.figures.map((figure) => ({ ...(figure as object), ratio: 9 }));
  writeFileSync(join(directory, "certificate.json"), certificateText({ ...read.certificate, figures: faster }));
  expect(verifyCertificate(directory, exam)).toMatchObject({ status: "broken", file: "certificate.json" });
});

test("row 53: a changed spec or reference makes it stale and is named; no certificate is absent", () => {
  const directory = accept(join(temporaryFolder(), "generated"));
  expect(verifyCertificate(directory, { ...exam, referenceHash: "f".repeat(64) })).toMatchObject({
    status: "stale",
    changed: ["reference"],
  });
  expect(verifyCertificate(directory, { ...exam, hash: "f".repeat(64), referenceHash: "f".repeat(64) })).toMatchObject({
    status: "stale",
    changed: ["spec", "reference"],
  });
  rmSync(join(directory, "certificate.json"));
  expect(verifyCertificate(directory, exam)).toEqual({ status: "absent" });
});

test("an attempt that did not pass, or another candidate than the one judged, is not written", () => {
  const generated = join(temporaryFolder(), "generated");
  const failed = eventsOf([{ candidate: sampleCandidate(), outcome: "failed" }]);
  expect(() => accept(generated, sampleCandidate(), failed)).toThrow("was judged failed");
  expect(() => accept(generated, sampleCandidate("int other;\n"), eventsOf([{ candidate: sampleCandidate(), outcome: "passed" }]))).toThrow(
    "tree",
  );
  expect(() => accept(generated, sampleCandidate(), eventsOf([]))).toThrow("the record does not begin with run-started");
  expect(existsSync(generated)).toBe(false);
});

test("a newer acceptance replaces the older one whole, also after a crash between its two renames", () => {
  const generated = join(temporaryFolder(), "generated");
  const directory = accept(generated);
  const slim = { ...sampleCandidate("int slim;\n"), files: { "kernel.c": "int slim;\n" } };
  accept(generated, slim);
  expect(readCandidateFolder(directory)).toEqual(slim);
  renameSync(directory, join(directory, "..", ".x86-64.old"));
  mkdirSync(join(directory, "..", ".x86-64.0123abcd"));
  expect(() => accept(generated, slim, eventsOf([]))).toThrow();
  accept(generated);
  expect(readdirSync(join(directory, ".."))).toEqual(["x86-64"]);
  expect(verifyCertificate(directory, exam).status).toBe("valid");
});

test("the path of a spec is kept relative to the project or to Forge, so that it means something elsewhere", () => {
  const project = temporaryFolder();
  const pathIn = (specPath: string) => {
    const candidate = sampleCandidate();
    const read = readCertificate(accept(join(project, "generated"), candidate, eventsOf([{ candidate, outcome: "passed" }], specPath)));
    return read.status === "read" ? read.certificate.spec.path : read.status;
  };
  expect(pathIn(join(project, "my", "gelu.yaml"))).toBe("my/gelu.yaml");
  expect(pathIn(join(packageRoot(), "specs/kernels/rmsnorm.yaml"))).toBe("specs/kernels/rmsnorm.yaml");
});

test("a copied folder holds just as well", () => {
  const folder = temporaryFolder();
  const directory = accept(join(folder, "generated"));
  cpSync(directory, join(folder, "copy"), { recursive: true });
  expect(verifyCertificate(join(folder, "copy"), exam).status).toBe("valid");
});
