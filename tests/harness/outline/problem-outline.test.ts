import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { judgeProblem } from "../../../harness/bench/kernelbench/judge-problem.js";
import { plant } from "../../../harness/bench/kernelbench/plant.js";
import { pythonOfPeers } from "../../../harness/bench/peers/catalogue.js";
import { isProblemFile, outlineProblem, type ProblemOutline } from "../../../harness/outline/problem-outline.js";
import { loadSpec } from "../../../specs/load-spec.js";
import { runForge } from "../cli/run-forge.js";

const project = mkdtempSync(join(tmpdir(), "forge-problem-test-"));
afterAll(() => rmSync(project, { recursive: true, force: true }));
const newFolder = (): string => mkdtempSync(join(project, "case-"));

const hasPytorch = spawnSync(pythonOfPeers(), ["-c", "import torch"]).status === 0;
const reason = `no Python with PyTorch at ${pythonOfPeers()}: set FORGE_PYTHON, or run node scripts/install-prerequisites.mjs --python`;

interface Problem {
  /** Lines of __init__ and forward, the names that forward takes, the file's numbers and what the two functions return. */
  init?: string[];
  forward: string[];
  takes?: string;
  numbers: string[];
  inputs: string;
  given?: string;
}

function writeProblem({ init = [], forward, takes = "x", numbers, inputs, given = "[]" }: Problem): string {
  const file = join(newFolder(), "1_problem.py");
  const names = given === "[]" ? "" : `, ${given.slice(1, -1)}`;
  const text = [
    "import torch\nimport torch.nn as nn\nimport torch.nn.functional as F\n",
    "class Model(nn.Module):",
    `    def __init__(self${names}):`,
    "        super().__init__()",
    ...init.map((line) => `        ${line}`),
    `    def forward(self, ${takes}):`,
    ...forward.map((line) => `        ${line}`),
    ...numbers,
    "def get_inputs():",
    `    return ${inputs}`,
    "def get_init_inputs():",
    `    return ${given}`,
    "",
  ];
  writeFileSync(file, text.join("\n"));
  return file;
}

const outlined = (file: string, sizes: Record<string, number> = {}, small = false): Promise<ProblemOutline> =>
  outlineProblem({ file, name: "outlined", folder: join(file, "..", "out"), sizes, small, signal: new AbortController().signal });

const gatedProduct: Problem = {
  init: ["self.inner = nn.Linear(width, hidden)", "self.gate = nn.Parameter(torch.randn(hidden))"],
  forward: ["return torch.softmax(F.silu(self.inner(x)) * self.gate, dim=-1)"],
  numbers: ["rows = 64", "width = 48 * 2", "hidden = 80"],
  inputs: "[torch.rand(rows, width)]",
  given: "[width, hidden]",
};

it("has PyTorch to read problems with", (context) => {
  if (!hasPytorch && process.env.CI !== "true") context.skip(reason);
  expect(hasPytorch, reason).toBe(true);
});

describe.skipIf(!hasPytorch && process.env.CI !== "true")("a problem of KernelBench's", { timeout: 120_000 }, () => {
  it("becomes a spec whose sizes are the file's numbers, and a reference that says the same", () => {
    const into = newFolder();
    const asked = ["outline", writeProblem(gatedProduct), "--name", "gated-product", "--into", into, "--size", "rows=32"];
    const { code, stdout, stderr } = runForge(asked);
    expect(code, stderr).toBe(0);
    expect(stdout).toMatch(/differs from the module, both in float64, by \d\.\de-1[5-9]/);
    expect(stdout).toContain("timed at rows 32, width 96, hidden 80");
    expect(readdirSync(into).sort()).toEqual(["gated-product.c", "gated-product.yaml"]);
    const { spec } = loadSpec(join(into, "gated-product.yaml"));
    expect(Object.keys(spec.sizes)).toEqual(["rows", "width", "hidden"]);
    expect(spec.cases.timed).toEqual([{ rows: 32, width: 96, hidden: 80 }]);
    const { buffers } = spec.entries.gated_product!;
    expect(Object.fromEntries(Object.entries(buffers).map(([name, { shape }]) => [name, shape]))).toEqual({
      x: ["rows", "width"],
      gate: ["hidden"],
      inner_weight: ["hidden", "width"],
      inner_bias: ["hidden"],
      y: ["rows", "hidden"],
    });
    // A row of the result depends on that row of x alone; a column, which the softmax divides by the others, does not.
    expect(buffers.y).toMatchObject({ role: "output", slice: ["rows"] });
    expect(buffers.gate).toMatchObject({ draw: { kind: "weight" } });
    expect(runForge(asked)).toMatchObject({ code: 2, stderr: expect.stringContaining("gated-product.yaml exists and is not overwritten") });
    expect(runForge([...asked, "--size", "rows"]).stderr).toContain("--size takes NAME=VALUE");
  });

  it("passes its own exam, and fails it without the last term of a sum", async () => {
    const verdicts = await judgeProblem(writeProblem(gatedProduct), "gated-product", newFolder(), new AbortController().signal);
    expect(verdicts).toMatchObject({ honest: { outcome: "passed" }, planted: { outcome: "failed" } });
    expect(verdicts.planted.said).toContain("align");
  });

  const meanings: Record<string, Problem> = {
    "elementwise functions": {
      forward: [
        "a = F.relu(x) + torch.sigmoid(x) * torch.tanh(x) - F.gelu(x) / (1 + torch.exp(x))",
        "b = F.gelu(x, approximate='tanh') + F.leaky_relu(x, 0.1) + F.elu(x) + F.selu(x) + F.softplus(x) + F.mish(x)",
        "c = F.hardtanh(x) + F.hardsigmoid(x) + F.hardswish(x) + F.softsign(x) + torch.clamp(x, min=-0.5) + torch.abs(x)",
        "return a + b * 0.5 + c ** 2 + torch.sqrt(x * x + 1) + torch.where(x > 0, x, -x * y) + torch.minimum(x, y)",
      ],
      takes: "x, y",
      numbers: ["rows = 16", "columns = 24"],
      inputs: "[torch.randn(rows, columns), torch.randn(columns)]",
    },
    "reductions, products, triangles and permutations": {
      forward: [
        "a = x.sum(dim=1, keepdim=True) + x.mean(dim=(1, 2), keepdim=True) + torch.max(x, dim=1, keepdim=True)[0] + x.amin(dim=1, keepdim=True)",
        "b = torch.logsumexp(x, dim=2, keepdim=True) + x.var(dim=2, keepdim=True) + torch.norm(x, p=2, dim=2, keepdim=True)",
        "c = torch.tril(torch.matmul(x, y.transpose(1, 2))).permute(1, 0, 2) * torch.einsum('brc,c->rb', x, z).mean()",
        "return torch.log_softmax(a + b, dim=1) + torch.cumsum(x, dim=2) + torch.norm(x) + F.scaled_dot_product_attention(x, y, x).flip(1) + c.mean()",
      ],
      takes: "x, y, z",
      numbers: ["batch = 12", "rows = 16", "columns = 24"],
      inputs: "[torch.randn(batch, rows, columns), torch.randn(batch, rows, columns), torch.randn(columns)]",
    },
    "convolutions, normalisations and pooling": {
      init: [
        "self.batch, self.group, self.instance = nn.BatchNorm2d(4), nn.GroupNorm(2, 4), nn.InstanceNorm2d(4)",
        "self.plain = nn.Conv2d(3, 8, 3, padding=1)",
        "self.grouped = nn.Conv2d(8, 8, 3, padding=2, dilation=2, groups=4, bias=False)",
        "self.turned = nn.ConvTranspose2d(8, 4, 3, stride=1, padding=1)",
      ],
      forward: [
        "a = self.turned(self.grouped(F.relu(self.plain(x))))",
        "a = self.group(self.instance(a) + self.batch(a)) + F.layer_norm(a, a.shape[1:])",
        "return F.avg_pool2d(a, 3, stride=1, padding=1) + F.max_pool2d(x, 3, stride=1, padding=1).mean(dim=1, keepdim=True)",
      ],
      numbers: ["batch = 8", "height = 10", "width = 12"],
      inputs: "[torch.randn(batch, 3, height, width)]",
    },
    "a loss with whole numbers": {
      forward: ["return F.cross_entropy(x, y)"],
      takes: "x, y",
      numbers: ["rows = 16", "classes = 24"],
      inputs: "[torch.randn(rows, classes), torch.randint(0, classes, (rows,))]",
    },
  };

  it.each(Object.keys(meanings))("%s say the same in C as in PyTorch", async (name) => {
    const { problem, spec } = await outlined(writeProblem(meanings[name]!));
    expect(problem.agreement).toBeLessThan(1e-12);
    expect(Object.keys(problem.sizes).length).toBeGreaterThan(problem.fixed.length);
    expect(loadSpec(spec).referenceText).toContain("int outlined(");
  });

  it("has the sizes held that its output's follow from, and takes others in their place", async () => {
    const strided: Problem = {
      init: ["self.convolution = nn.Conv2d(3, 8, 3, stride=2)"],
      forward: ["return self.convolution(x)"],
      numbers: ["batch = 16", "height, width = 40, 33"],
      inputs: "[torch.randn(batch, 3, height, width)]",
    };
    const file = writeProblem(strided);
    const { problem } = await outlined(file, { width: 17 });
    expect(problem.held).toEqual({ width: 17, height: 40 });
    expect(problem.sizes).toMatchObject({ batch: 16, height: 40, width: 17 });
    expect(problem.fixed).not.toContain("batch");
  });

  const refusals: [string, Problem, RegExp][] = [
    [
      "draws at random",
      { init: ["self.drop = nn.Dropout(0.2)"], forward: ["return self.drop(x)"], numbers: ["n = 16"], inputs: "[torch.randn(n)]" },
      /draws numbers at random/,
    ],
    [
      "returns whole numbers",
      { forward: ["return torch.argmax(x, dim=1)"], numbers: ["n = 16"], inputs: "[torch.randn(n, n)]" },
      /whole numbers|not translated yet/,
    ],
    [
      "uses what is not translated",
      { forward: ["return torch.linalg.inv(x)"], numbers: ["n = 16"], inputs: "[torch.randn(n, n)]" },
      /not translated yet/,
    ],
    ["cannot be built", { forward: ["return x"], numbers: ["n = 16"], inputs: "[missing(n)]" }, /cannot be built: NameError/],
  ];
  it.each(refusals)("one that %s is refused with the reason, and nothing is written", async (_, problem, why) => {
    const file = writeProblem(problem);
    await expect(outlined(file)).rejects.toThrow(why);
    expect(existsSync(join(file, "..", "out"))).toBe(false);
  });

  it("of a number that the file has not is refused by name", async () => {
    await expect(outlined(writeProblem(gatedProduct), { columns: 4 })).rejects.toThrow(
      /no number columns at its top level; there are: rows, width, hidden/,
    );
  });
});

it("tells problems from models of trainers", () => {
  expect(isProblemFile(writeProblem(gatedProduct))).toBe(true);
  expect(isProblemFile("specs/models/outlines/minicpm_tiny.py")).toBe(false);
});

it("plants what compiles: a sum without its last term, or coarse results", () => {
  const head = '#include "forge.h"\n';
  expect(plant(`${head}SUM(sum, r, n, x[r]);\ny[0] = store(sum);\n`)).toMatchObject({
    mistake: "the last term of a sum left out",
    text: `${head}SUM(sum, r, (n) - 1, x[r]);\ny[0] = store(sum);\n`,
  });
  const rounded = plant(`${head}  y[i] = store(2 * load(x[i]));\n  return 0;\n`);
  expect(rounded.mistake).toBe("results rounded to 8 bits");
  expect(rounded.text).toContain("  y[i] = store(coarse(2 * load(x[i])));\n  return 0;\n");
});
