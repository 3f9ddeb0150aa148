import { expect, test } from "vitest";
import { agentFlags } from "../../../harness/cli/agent-options.js";
import { closingText } from "../../../harness/progress/closing-text.js";
import { recordedRun } from "./recorded-run.js";

const repeat = {
  program: "forge",
  command: "goal" as const,
  specPath: "specs/kernels/rmsnorm.yaml",
  variant: "f32",
  target: "x86-64",
  runs: "runs",
  agent: "",
};
const run = "rmsnorm-f32-x86-64-1";

test("an accepted kernel: what it is worth, where it lies, how to judge it again", () => {
  const text = closingText({
    end: "surpassed",
    run,
    directory: `${process.cwd()}/generated/rmsnorm/f32/x86-64`,
    events: recordedRun(),
    repeat,
  });
  expect(text).toMatchInlineSnapshot(`
    "Surpassed: right, and faster than the baseline beyond doubt.
    Accepted: surpassed, 1.45x [1.40, 1.50] the baseline's speed, after 1 min 24 s
      rmsnorm_forward  rows=8192 width=1536  1.45x [1.40, 1.50]  faster  5.80 ms -> 4.00 ms  81 % of the bandwidth limit  20.0 GB/s
      it lies in     generated/rmsnorm/f32/x86-64
      judge it again forge check generated/rmsnorm/f32/x86-64
      its history    forge show rmsnorm-f32-x86-64-1"
  `);
});

test("an interrupted run: how to go on with it", () => {
  const text = closingText({
    end: "interrupted",
    run,
    directory: null,
    events: recordedRun().slice(0, 5),
    repeat: { ...repeat, runs: "elsewhere" },
  });
  expect(text).toMatchInlineSnapshot(`
    "Interrupted; nothing that was judged is lost.
      its history    forge show rmsnorm-f32-x86-64-1 --runs elsewhere
      go on with it  forge goal specs/kernels/rmsnorm.yaml --variant f32 --target x86-64 --runs elsewhere --resume rmsnorm-f32-x86-64-1"
  `);
});

test("what a model's goal is gone on with names the model; a spent budget asks for more", () => {
  const agent = agentFlags({
    agent: "openai",
    model: "qwen3-coder",
    baseUrl: "http://localhost:8000/v1",
    command: "say 'hello' twice",
    strategy: "islands-4",
    playbook: true,
  });
  const text = closingText({ end: "budget-spent", run, directory: null, events: [], repeat: { ...repeat, agent } });
  expect(text).toContain(
    "--target x86-64 --agent openai --model qwen3-coder --base-url http://localhost:8000/v1 --command 'say '\\''hello'\\'' twice' --strategy islands-4 --resume",
  );
  expect(text).toContain("and a larger budget");
  const served = closingText({ end: "agent-stopped", run, directory: null, events: [], repeat: { ...repeat, command: "mcp" } });
  expect(served).toContain("forge mcp specs/kernels/rmsnorm.yaml --variant f32");
  expect(agentFlags({ agent: "autotune", strategy: "linear", playbook: true })).toBe("");
});
