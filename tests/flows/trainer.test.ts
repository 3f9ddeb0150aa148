import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { parse, stringify } from "yaml";
import { RedisServer } from "../../harness/bench/queue/redis-server.js";
import type { ForgeEvent } from "../../specs/contracts/event.js";
import type { GateReport } from "../../specs/contracts/gate.js";
import type { TrainerSpec } from "../../specs/contracts/trainer-spec.js";
import type { Verdict } from "../../specs/contracts/verdict.js";
import { runForge } from "../harness/cli/run-forge.js";
import { temporaryFolder } from "../harness/temporary-folder.js";
import { lastingFolder } from "../small-spec.js";
import { isBusy, streamForge } from "./forge-process.js";
import { tinySpec as spec, writeNanoSpec, writeTrainerFolder } from "./nano-trainer.js";
import { secret, startWorker } from "./queue-worker.js";

const minutes = 60_000;

/** The reference as somebody's trainer, with a change. */
function trainerFolder(from = "", to = ""): string {
  const text = readFileSync("reference-kernels/decoder.c", "utf8");
  expect(from === "" || text.split(from).length === 2).toBe(true);
  return writeTrainerFolder(temporaryFolder(), from === "" ? text : text.replace(from, to), "-O2");
}

const check = (folder: string, ...options: string[]) => runForge(["check", folder, "--spec", spec, "--quick", ...options]);

describe("forge check of a trainer", { timeout: 5 * minutes }, () => {
  it("climbs the ladder, a line for each rung", () => {
    const { code, stdout } = check(trainerFolder(), "--variant", "f32");
    expect(code, stdout).toBe(0);
    for (const rung of ["M3 forward: passed", "M4 backward: passed", "M5 steps: passed", "M5 checkpoint: passed", "M6 training: skipped"])
      expect(stdout).toContain(rung);
    expect(stdout).toContain("Passed: it is right. (Quick: public cases only");
  });

  it("of one that decays the gains of norms fails where steps are judged, and names the tensor", () => {
    const folder = trainerFolder("decay = trainer.tensors[tensor].is_gain ? 0 : constant", "decay = constant");
    const { code, stdout } = check(folder, "--variant", "f32", "--json");
    expect(code, stdout).toBe(1);
    const { verdict } = JSON.parse(stdout.trim().split("\n").at(-1)!) as { verdict: { outcome: string; checks: unknown[] } };
    expect(verdict.outcome).toBe("failed");
    expect(verdict.checks.at(-1)).toMatchObject({
      check: "steps",
      status: "failed",
      evidence: [{ kind: "misaligned", visibility: "public", output: expect.stringMatching(/norm\.weight: weight/) }],
    });
  });

  it("says which variants there are, and what is wrong with a spec", () => {
    const folder = trainerFolder();
    expect(check(folder, "--variant", "f8")).toMatchObject({ code: 2, stderr: expect.stringContaining("--variant takes f32, bf16") });
    const wrong = join(folder, "wrong.yaml");
    writeFileSync(wrong, readFileSync(spec, "utf8").replace("kv_heads: 2", "kv_heads: 3"));
    const { code, stderr } = runForge(["check", folder, "--spec", wrong, "--variant", "f32", "--quick"]);
    expect(code).toBe(2);
    expect(stderr).toMatch(/wrong\.yaml:\d+:\d+: 4 query heads cannot share 3 KV heads evenly/);
  });
});

describe("forge goal of a trainer", { timeout: 10 * minutes }, () => {
  const project = lastingFolder();
  const accepted = join("generated", "nano", "f32", "x86-64");

  it("has somebody's trainer judged by a worker, rung by rung, and accepts it with its certificate", async () => {
    const server = await RedisServer.start();
    onTestFinished(() => server.stop());
    const worker = await startWorker(server.url);
    const goal = ["goal", writeNanoSpec(project), "--from", trainerFolder()];
    const environment = { FORGE_REDIS: server.url, FORGE_QUEUE_SECRET: secret };
    let ended = await streamForge(goal, project, () => {}, environment);
    if (ended.code === 4 && ended.events.some(isBusy)) ended = await streamForge(goal, project, () => {}, environment);
    const { code, events, errors } = ended;
    const judged = events.filter((event) => event.type === "attempt-judged");
    expect(code, `${errors}${JSON.stringify(judged)}`).toBe(0);
    const started = events.find((event) => event.type === "run-started") as Extract<ForgeEvent, { type: "run-started" }>;
    expect(started.goal).toMatchObject({ spec: "nano", variant: "f32", target: "x86-64", agent: "resubmit" });
    const told = events.flatMap((event) => (event.type === "check-finished" ? [`${event.result.check} ${event.result.status}`] : []));
    for (const check of ["forward", "backward", "steps", "checkpoint", "training", "speed"]) expect(told).toContain(`${check} passed`);
    const best = events.findLast((event) => event.type === "framework-accepted");
    const verdict = judged.find((event) => event.type === "attempt-judged" && event.attempt === best?.attempt)?.verdict;
    const training = verdict?.checks.find(({ check }) => check === "training");
    // Twenty, and one on text that is never trained on before.
    expect(training && "curve" in training ? training.curve?.candidate.length : 0).toBe(21);
    const speed = verdict?.checks.find(({ check }) => check === "speed");
    expect(speed && "figures" in speed ? speed.figures : []).toMatchObject([{ entry: "trainer_step", limitedBy: "compute" }]);
    expect(speed?.summary).toMatch(/tokens\/s.* % of the f32 peak.*peak memory \d+ MiB/);
    const certificate = JSON.parse(readFileSync(join(project, accepted, "certificate.json"), "utf8")) as Record<string, unknown>;
    expect(certificate).toMatchObject({ spec: { name: "nano", path: "nano.yaml" }, variant: "f32", agent: "resubmit" });
    worker.child.kill("SIGTERM");
    expect(await worker.ended).toBe(0);
  });

  it("is judged again by its folder alone, held by the gate, and a flipped byte is named", () => {
    const quick = runForge(["check", accepted, "--quick"], project);
    expect(quick.code, quick.stdout + quick.stderr).toBe(0);
    expect(quick.stdout).toContain("M4 backward: passed");
    expect(quick.stderr).toContain("Its certificate is intact");
    const gated = runForge(["gate", "--all", "--correctness-only", "--json"], project);
    const report = JSON.parse(gated.stdout) as GateReport;
    expect(report, gated.stderr).toMatchObject({
      outcome: "held",
      folders: [{ folder: accepted, certificate: { state: "valid" }, status: "held" }],
    });
    expect(report.folders[0]!.checks.map(({ check }) => check)).toContain("training");
    const source = join(project, accepted, "trainer.c");
    writeFileSync(source, `${readFileSync(source, "utf8")} `);
    const flipped = runForge(["check", accepted, "--quick"], project);
    expect(flipped.code).toBe(1);
    expect(flipped.stderr).toContain("trainer.c");
  });

  it("is not sent to workers where its exam has a recording, which does not travel", () => {
    const secret = join(project, "secret");
    writeFileSync(secret, "x".repeat(40), { mode: 0o600 });
    const nano = parse(readFileSync(join(project, "nano.yaml"), "utf8")) as TrainerSpec;
    const batch = { micro_batches: 1, batch: 1, length: 16 };
    nano.recorded = { file: "nano.safetensors", sha256: "0".repeat(64), steps: 1, batch, framework: "a test", agreement: 1e-6 };
    writeFileSync(join(project, "recorded.yaml"), stringify(nano));
    const sent = runForge(["goal", "recorded.yaml", "--redis", "redis://127.0.0.1:1", "--secret-file", secret], project);
    expect(sent).toMatchObject({ code: 2, stderr: expect.stringContaining("nano.safetensors, which does not travel to workers") });
  });
});

describe("the shipped trainer of minicpm-tiny", { timeout: 8 * minutes }, () => {
  it("climbs the whole ladder in under five minutes, a hundred steps of training among it", () => {
    const startedAt = performance.now();
    const { code, stdout, stderr } = runForge(["check", "generated/minicpm-tiny/f32/x86-64", "--json"]);
    const { verdict } = JSON.parse(stdout.trim().split("\n").at(-1)!) as { verdict: Verdict };
    const ended = verdict.checks.map(({ check, status, summary }) => `${check} ${status}: ${summary}`).join("\n");
    expect(performance.now() - startedAt, ended).toBeLessThan(5 * minutes);
    for (const check of ["rules", "build", "memory", "forward", "backward", "steps", "checkpoint", "training"])
      expect(ended).toContain(`${check} passed`);
    const training = verdict.checks.find(({ check }) => check === "training");
    expect(training && "curve" in training ? training.curve?.candidate.length : 0).toBeGreaterThanOrEqual(100);
    // What a busy machine keeps from its time is no fault of the trainer's.
    if (!ended.includes("machine busy"))
      expect({ code, outcome: verdict.outcome, ended, stderr }).toMatchObject({ code: 0, outcome: "surpassed" });
  });
});
