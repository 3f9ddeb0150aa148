import { cpSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { readCandidateFolder } from "../../harness/candidate-folder.js";
import type { ForgeEvent } from "../../specs/contracts/event.js";
import type { Candidate } from "../../specs/contracts/target.js";
import { runForge } from "../harness/cli/run-forge.js";
import { accept } from "../harness/gate/git-project.js";
import { lastingFolder } from "../small-spec.js";
import { isBusy, streamForge } from "./forge-process.js";
import { writeNanoSpec } from "./nano-trainer.js";

/** Right, and fast at the size that it was certified at; at few rows each of its calls does what nobody asked for. */
function slowWhereItIsSmall(): Candidate {
  const files = {
    "kernel.c": `${readFileSync("reference-kernels/rmsnorm.c", "utf8").replace("int rmsnorm_forward(", "static int plain_forward(")}
static volatile ACC waste;
int rmsnorm_forward(const STORE *x, const STORE *weight, STORE *y, ACC *rstd, int64_t rows, int64_t dim, ACC eps) {
  if (rows < 4096)
    for (int64_t turn = 0; turn < 20000000; turn++) waste = waste + 1;
  return plain_forward(x, weight, y, rstd, rows, dim, eps);
}
`,
  };
  const flags = ["-std=c11", "-O3", "-march=native", "-DFORGE_STORE_F32", "-DFORGE_ACCUMULATE_F32", "-DFORGE_ORDER=SIMD", "-fopenmp"];
  const units = [{ source: "kernel.c", flags }];
  return { files, manifest: { language: "c", compiler: "gcc", units, linkFlags: ["-fopenmp"] } };
}

const of = <Type extends ForgeEvent["type"]>(events: readonly ForgeEvent[], type: Type) =>
  events.filter((event): event is Extract<ForgeEvent, { type: Type }> => event.type === type);

/** RoPE, of which nothing is there, has a goal of its own and a race between equals, minutes both: `npm run test:integrity -- by-operation`. */
const whole = process.env.FORGE_WHOLE === "1";
const operations = whole ? ["linear", "rmsnorm", "rope"] : ["linear", "rmsnorm"];

it(`merges what makes the whole faster, leaves out what slows it${whole ? ", and forges what is not there" : ""}`, {
  timeout: 900_000,
}, async () => {
  const project = lastingFolder();
  for (const name of ["specs/kernels", "reference-kernels"]) cpSync(name, join(project, name), { recursive: true });
  writeFileSync(join(project, "package.json"), "{}\n");
  accept(project, "linear", "x86-64", readCandidateFolder("generated/linear/f32/x86-64"));
  accept(project, "rmsnorm", "x86-64", slowWhereItIsSmall());
  const path = writeNanoSpec(project, (spec) => {
    spec.budget = { attempts: 4, minutes: 12 };
  });
  const goal = ["goal", path, "--operations", operations.join(",")];
  let ended = await streamForge(goal, project);
  if (ended.code === 4 && ended.events.some(isBusy)) ended = await streamForge([...goal, "--resume"], project);
  const { code, events, errors } = ended;
  const decisions = of(events, "merge-decided");
  expect(code, `${errors}${JSON.stringify(decisions)}`).toBe(0);

  const [planned] = of(events, "operations-planned");
  expect(planned!.operations).toHaveLength(8);
  const linear = planned!.operations.find(({ operation }) => operation === "linear")!;
  expect(linear.share).toBeGreaterThan(0.3);
  expect(linear.most).toBeCloseTo(1 / (1 - linear.share!));

  expect(decisions.map(({ operation }) => operation).sort()).toEqual(operations);
  const decisionOf = (name: string) => decisions.find(({ operation }) => operation === name)!;
  expect(decisionOf("linear")).toMatchObject({ merged: true, reason: "the whole is right and faster" });
  expect(decisionOf("linear").interval!.low).toBeGreaterThan(1);
  expect(decisionOf("rmsnorm")).toMatchObject({ merged: false, reason: "it slows the whole" });
  expect(decisionOf("rmsnorm").interval!.high).toBeLessThan(1);
  const accepted = readCandidateFolder(join(project, "generated", "nano", "f32", "x86-64"));
  expect(accepted.files["operations/linear/product.h"]).toBe(readFileSync("generated/linear/f32/x86-64/product.h", "utf8"));
  expect(accepted.files["operations/rmsnorm/kernel.c"]).not.toContain("waste");
  const [run] = of(events, "run-started");
  const story = runForge(["show", run!.run], project).stdout;
  expect(story).toContain("by autotune-by-operation");
  expect(story).toMatch(/not merged: rmsnorm: generated\/rmsnorm\/f32\/x86-64, (gcc|clang): it slows the whole, .* the whole without/);
  if (!whole) return;

  // Nothing of rope was there: it had a goal of its own, at the model's sizes.
  const forged = of(events, "operation-forged");
  expect(forged).toMatchObject([{ operation: "rope" }]);
  expect(decisionOf("rope").label).toContain(forged[0]!.operationRun);
  expect(existsSync(join(project, "runs", run!.run, "operations", "rope.yaml"))).toBe(true);
  expect(runForge(["runs"], project).stdout).toContain(forged[0]!.operationRun);
});

it("says why a goal cannot be made of operations", () => {
  const refuse = (...options: string[]) => runForge(["goal", ...options]);
  expect(refuse("specs/models/minicpm-tiny.yaml", "--variant", "bf16", "--by-operation")).toMatchObject({
    code: 2,
    stderr: expect.stringContaining("variant bf16 mixes bf16 and f32"),
  });
  expect(refuse("specs/kernels/rope.yaml", "--by-operation").stderr).toContain("only trainers are made of operations");
  expect(refuse("specs/models/minicpm-tiny.yaml", "--operations", "rope,gelu").stderr).toContain("no operation 'gelu'");
  expect(refuse("specs/models/minicpm-tiny.yaml", "--operations", "rope", "--whole").stderr).toContain("leave out --whole");
});
