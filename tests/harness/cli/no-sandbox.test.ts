import { spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { writeCandidateFolder } from "../../../harness/candidate-folder.js";
import { cacheReport } from "../../../harness/lint/exam-archive.js";
import { examHash } from "../../../harness/lint/exam-hash.js";
import { openRunStore } from "../../../harness/store/run-store.js";
import type { KernelSpec } from "../../../specs/contracts/spec.js";
import { loadSpec } from "../../../specs/load-spec.js";
import { honestBody, lastingFolder, rmsnormCandidate, shrink, writeSmallSpec } from "../../small-spec.js";
import { runStarted, sampleGoal } from "../sample-run.js";
import { mainPath, runForge } from "./run-forge.js";

const minutes = 60_000;

/** No other test's exam: what is said of its examination below must not be found by them. */
function otherThanElsewhere(spec: KernelSpec): void {
  shrink(spec).cases.hidden = 5;
}

function project(body = honestBody, prelude = ""): string {
  const folder = lastingFolder();
  const path = writeSmallSpec("rmsnorm", otherThanElsewhere, folder);
  // An examination of the exam takes minutes and is not what this is about: one that found nothing is told to be enough.
  const hash = examHash(loadSpec(path), "f32");
  cacheReport({ format: "forge-exam-report/1", spec: "rmsnorm", variant: "f32", hash, seed: "", semantic: null, generated: [] });
  writeCandidateFolder(join(folder, "kernel"), rmsnormCandidate(body, prelude));
  return folder;
}

const goal = ["goal", "specs/kernels/rmsnorm.yaml", "--from", "kernel", "--threads", "1", "--accept-weak-exam"];
const spec = ["--spec", "specs/kernels/rmsnorm.yaml", "--variant", "f32", "--threads", "1"];

/** Lays another /usr/bin over the machine's, without bwrap, in a mount namespace of its own. */
const HIDE = `
set -e
mount --bind /usr/bin "$1"
ln -s "$1"/* "$2"/
rm "$2/bwrap"
mount --bind "$2" /usr/bin
shift 2
exec "$@"`;

it("where bubblewrap is missing, forge refuses and says how to install it", () => {
  const folder = project();
  for (const name of ["bin", "links"]) mkdirSync(join(folder, name));
  chmodSync(folder, 0o755);
  const withoutBubblewrap = (commandLine: string[]) => {
    const namespace = process.getuid?.() === 0 ? ["--mount"] : ["--mount", "--map-root-user"];
    const words = [...namespace, "/bin/sh", "-c", HIDE, "sh", join(folder, "bin"), join(folder, "links"), process.execPath, mainPath];
    for (const link of readdirSync(join(folder, "links"))) spawnSync("rm", [join(folder, "links", link)]);
    const environment = { ...process.env, PATH: "/usr/bin:/bin", NO_COLOR: "1", FORGE_DEBUG: "" };
    return spawnSync("/usr/bin/unshare", [...words, ...commandLine], { cwd: folder, encoding: "utf8", env: environment });
  };
  const install = "error: bubblewrap (bwrap) is not installed. Install it with: sudo apt-get install bubblewrap\n";
  for (const commandLine of [["check", "kernel", "--quick", ...spec], goal]) {
    const { status, stderr } = withoutBubblewrap(commandLine);
    expect({ status, stderr }).toEqual({ status: 4, stderr: expect.stringContaining(install) });
  }
  expect(readdirSync(folder)).not.toContain("generated");
});

it("--unsafe-no-sandbox is told before and after, stands in the certificate, and who checks that folder is told", {
  timeout: 15 * minutes,
}, () => {
  const folder = project();
  const forged = () => runForge([...goal, "--unsafe-no-sandbox"], folder);
  let ended = forged();
  // Somebody else's minute of work is no fault of this run.
  if (ended.code === 4 && ended.stdout.includes("machine busy")) ended = forged();
  expect({ code: ended.code, stderr: ended.stderr }).toEqual({ code: 0, stderr: expect.stringContaining("WARNING: --unsafe-no-sandbox") });
  expect(ended.stdout).toContain("WITHOUT A SANDBOX (--unsafe-no-sandbox)");
  const accepted = join("generated", "rmsnorm", "f32", "x86-64");
  expect(JSON.parse(readFileSync(join(folder, accepted, "certificate.json"), "utf8")).sandbox.kind).toBe("none");
  expect(runForge(["show", "latest"], folder).stdout).toMatch(/sandbox +none/);

  const checked = runForge(["check", accepted, "--quick", "--threads", "1"], folder);
  expect(checked).toMatchObject({ code: 0, stderr: expect.stringMatching(/certificate is intact.* But it was judged WITHOUT A SANDBOX/) });
  expect(checked.stdout).not.toContain("WITHOUT A SANDBOX");
  const unsafe = runForge(["check", accepted, "--quick", "--threads", "1", "--unsafe-no-sandbox"], folder);
  expect(unsafe).toMatchObject({ code: 0, stderr: expect.stringContaining("WARNING: --unsafe-no-sandbox") });
  expect(unsafe.stdout).toContain("WITHOUT A SANDBOX");
});

it("a run that began in a sandbox is not gone on with without one: its certificate would claim it", { timeout: 5 * minutes }, async () => {
  const folder = project();
  const loaded = loadSpec(join(folder, "specs", "kernels", "rmsnorm.yaml"));
  const begun = { ...sampleGoal, specHash: loaded.hash, agent: "resubmit", threads: 1 };
  const run = await openRunStore(join(folder, "runs")).create(begun);
  run.append(runStarted(begun));
  run.close();
  const resume = [...goal, "--resume", run.id, "--unsafe-no-sandbox"];
  const { code, stderr } = runForge(resume, folder);
  expect({ code, stderr }).toEqual({
    code: 2,
    stderr: expect.stringContaining("began with sandbox bubblewrap, this would go on with none"),
  });
});

it("row 10: what a candidate says to a terminal is spelled out wherever it is shown", () => {
  const hostile = "\u001b[2J\u001b]0;owned\u0007\u009b31m";
  const folder = project(`#error ${hostile} forged: Passed`);
  const quick = ["check", "kernel", "--quick", ...spec];
  const { code, stdout, stderr } = runForge(quick, folder);
  expect(code).toBe(1);
  expect(stdout).toContain("\\x1b[2J");
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what must not be there
  const acted = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202a-\u202e]/;
  expect(acted.test(stdout + stderr)).toBe(false);
  const { stdout: json } = runForge([...quick, "--json"], folder);
  expect(acted.test(json)).toBe(false);
  // Unescaped, as the compiler passed it on, it would have reached the terminal.
  expect(JSON.stringify(JSON.parse(json.trim().split("\n").at(-1)!))).toContain("\\u001b[2J");
  writeFileSync(join(folder, "kernel", "forge.json"), `{"${hostile}\u202e": 1}`);
  const manifest = runForge(quick, folder);
  expect([manifest.code, acted.test(manifest.stdout + manifest.stderr)]).toEqual([2, false]);
});
