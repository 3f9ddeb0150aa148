import { expect, test } from "vitest";
import { closingText } from "../../../harness/progress/closing-text.js";
import { recordedRun } from "./recorded-run.js";

const repeat = { program: "forge", specPath: "specs/kernels/rmsnorm.yaml", variant: "f32", target: "x86-64", runs: "runs" };
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
