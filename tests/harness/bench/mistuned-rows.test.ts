import { expect, it } from "vitest";
import { withoutMistuned } from "../../../harness/bench/kernels/mistuned-rows.js";
import type { KernelRow, MeasuredRatio } from "../../../harness/bench/kernels/row.js";
import { createPrinter } from "../../../harness/bench/kernels/table.js";

const rival = (seconds: number): MeasuredRatio => ({
  status: "measured",
  ratio: 2,
  low: 1.9,
  high: 2.1,
  confidence: 0.998,
  seconds,
  limitFraction: 4e-3 / seconds,
  graphBreaks: 0,
});

function row(entry: string, compiledSeconds: number, underLoad = false): KernelRow {
  return {
    spec: "rmsnorm",
    variant: "f32",
    target: "x86-64",
    entry,
    direction: "forward",
    sizes: { rows: 8192, dim: 1536 },
    status: "measured",
    forgedSeconds: 5e-3,
    limitFraction: 0.8,
    limitedBy: "bandwidth",
    rounds: 12,
    underLoad,
    baseline: rival(10e-3),
    peers: { "pytorch-eager": rival(40e-3), "pytorch-compiled": rival(compiledSeconds) },
  };
}

const slow = [row("rmsnorm_forward", 10e-3), row("rmsnorm_backward", 40e-3)];

it("a mis-tuned peer loses its ratios in both directions, the others keep theirs", () => {
  for (const judged of withoutMistuned(slow)) {
    if (judged.status !== "measured") throw new Error(judged.reason);
    expect(judged.peers["pytorch-compiled"]).toMatchObject({ status: "mis-tuned" });
    expect(judged.peers["pytorch-compiled"]).not.toHaveProperty("ratio");
    expect(judged.peers["pytorch-eager"]).toMatchObject({ status: "measured", ratio: 2 });
  }
});

it("on a busy machine nobody is called mis-tuned, nor where one direction could not be measured", () => {
  const busy = [slow[0]!, row("rmsnorm_backward", 40e-3, true)];
  expect(withoutMistuned(busy)).toEqual(busy);
  const { spec, variant, target, direction, sizes } = slow[0]!;
  const half: KernelRow[] = [
    slow[0]!,
    { spec, variant, target, direction, sizes, entry: "rmsnorm_backward", status: "errored", reason: "machine busy" },
  ];
  expect(withoutMistuned(half)).toEqual(half);
});

it("the table says once why, and of which rows", () => {
  const written: string[] = [];
  const printer = createPrinter("markdown", (text) => written.push(text));
  const peers = ["pytorch-eager", "pytorch-compiled"];
  printer.header({ target: "x86-64", machine: "a CPU", threads: 2, versions: [], command: "forge bench kernels", startedAt: "", peers });
  for (const judged of withoutMistuned(slow)) printer.row(judged);
  printer.missing({ spec: "linear", variant: "f32", target: "x86-64", folder: "generated/linear/f32/x86-64" });
  printer.close();
  const lines = written.join("").split("\n");
  expect(lines).toContain(
    "| rmsnorm | f32 | rmsnorm_forward | 8192 x 1536 | 5.00 ms | 80 % b | 2.00x [1.90, 2.10] | 2.00x [1.90, 2.10] | mis-tuned | 0 |",
  );
  const reasons = lines.filter((line) => line.startsWith("- pytorch-compiled mis-tuned"));
  expect(reasons).toHaveLength(1);
  expect(reasons[0]).toMatch(/reaches 16 % of the physical limit.*: rmsnorm_forward f32, rmsnorm_backward f32$/);
  expect(lines).toContain("- nothing is accepted yet: generated/linear/f32/x86-64");
});
