import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { changed, refusalOf } from "./spec-folder.js";

/** Parts that are each well formed but do not fit each other. */
describe("a spec whose parts do not fit each other is refused", () => {
  it.each<[string, string | RegExp, string, RegExp]>([
    [
      "an undeclared size",
      "shape: [rows, dim], draw",
      "shape: [rows, dims], draw",
      /unknown size "dims".*\n.*one of rows, dim\n.*did you mean "dim"/,
    ],
    ["an unused size", "  dim: { small", "  depth: { small: [1, 2], medium: [1, 2] }\n  dim: { small", /no buffer has the size "depth"/],
    ["an empty range", "small: [2, 48]", "small: [48, 2]", /the range \[48, 2\] is empty/],
    ["a case without a size", "{ rows: 3, dim: 17 }", "{ rows: 3 }", /this case has no value for "dim"/],
    ["a case with another size", "{ rows: 3, dim: 17 }", "{ rows: 3, dim: 17, heads: 2 }", /unknown size "heads"/],
    ["a slice outside the shape", "shape: [dim], slice: [dim]", "shape: [dim], slice: [rows]", /"rows" is not in the shape/],
    ["a row outside the shape", "row: [rows], description", "row: [dim], description", /"dim" is not in the shape/],
    ["an unknown error scale", "row: [rows], description", "row: [rows], error_scale: [x], description", /"x" is no other output/],
    ["rows of another error scale", "slice: [dim] }", "slice: [dim], error_scale: [dx] }", /"dx" has the rows \[rows\], this output \[\]/],
    ["a draw from nowhere", "entry: rmsnorm_forward", "entry: rmsnorm_forwards", /unknown entry.*\n.*\n.*did you mean "rmsnorm_forward"/],
    ["a draw from itself", "entry: rmsnorm_forward", "entry: rmsnorm_backward", /has no output "rstd"/],
    [
      "a draw of another type",
      "rstd: { role: input, type: accumulate",
      "rstd: { role: input, type: store",
      /"rstd" is accumulate\[rows\] in rmsnorm_forward and store\[rows\] here/,
    ],
    [
      "a row that does not begin the shape",
      "shape: [rows, dim], slice: [rows] }",
      "shape: [rows, dim], slice: [rows], row: [dim] }",
      /\[dim\] does not begin the shape/,
    ],
    [
      "bilinear without a sum",
      "independent: [r, d]\n",
      "independent: [r, d]\n    bilinear: [x, weight]\n",
      /share no size that no output has/,
    ],
    ["bilinear in an output", "independent: [r, d]\n", "independent: [r, d]\n    bilinear: [x, y]\n", /"y" is no input/],
    ["bilinear twice in one", "independent: [r, d]\n", "independent: [r, d]\n    bilinear: [x, x]\n", /the same input twice/],
    ["a formula with an unknown name", "flops: 4 * rows * dim", "flops: 4 * rows * dime", /unknown name "dime"/],
    ["a formula that is not positive", "flops: 4 * rows * dim", "flops: rows - rows", /the formula gives 0/],
    ["a name of C", "  rmsnorm_forward:\n", "  double:\n", /"double" is a word of C/],
    ["a buffer named as a size", "x: { role: input", "rows: { role: input", /"rows" is also a size/],
    [
      "a loop that does not exist",
      "independent: [r, d]\n",
      "independent: [r, q]\n",
      /no line that begins with "for \(int64_t q = .*\n.*r, d/,
    ],
    ["a macro that is not read", "LANES: [16", "TILE: [16", /does not read the macro TILE/],
    ["an entry that is no function", "  rmsnorm_forward:\n", "  rmsnorm_forwards:\n", /entry|does not define/],
    [
      "buffers in another order than the parameters",
      /( {6}x: .*\n)( {6}weight: .*\n)/,
      "      weight: { role: input, type: store, shape: [dim] }\n      x: { role: input, type: store, shape: [rows, dim] }\n",
      /parameter 1 of rmsnorm_forward .* is "STORE\* x"/,
    ],
    [
      "another type than the parameter's",
      "rstd: { role: output, type: accumulate",
      "rstd: { role: output, type: f32",
      /accumulate|parameter 4/,
    ],
    ["sizes that no memory holds", "{ rows: 8192, dim: 1536 }", "{ rows: 100000000, dim: 1536 }", /GiB/],
    [
      "an integer input without index",
      "x: { role: input, type: store",
      "x: { role: input, type: i32",
      /has the type i32 and the draw signal/,
    ],
  ])("%s", (_, from, to, expected) => {
    expect(refusalOf(changed(from, to).text).message).toMatch(expected);
  });

  it("a slice along what an index counts in", () => {
    const text = readFileSync("specs/kernels/softmax-cross-entropy.yaml", "utf8").replace(
      "[rows, classes], slice: [rows]",
      "[rows, classes], slice: [rows, classes]",
    );
    expect(refusalOf(text).message).toMatch(/"classes" is what an input counts in/);
  });

  it("entries that draw from each other in a circle", () => {
    const circle = changed(
      "x: { role: input, type: store, shape: [rows, dim], draw: { kind: signal } }",
      "dx: { role: input, type: store, shape: [rows, dim], draw: { kind: from, entry: rmsnorm_backward } }\n      x: { role: input, type: store, shape: [rows, dim] }",
    ).text;
    expect(refusalOf(circle).message).toMatch(/which is no such input|in a circle/);
  });
});
