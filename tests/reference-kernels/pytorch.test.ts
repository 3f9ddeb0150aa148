import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

/** Norm-wise, per tensor: what float64 leaves of an honest reference, with room for another order of summation. */
const tolerance = 1e-12;
const python = process.env.FORGE_PYTHON || ".venv/bin/python";
const oracleFlags = ["-O2", "-std=c11", "-shared", "-fPIC", "-Wall", "-Wextra", "-Wdouble-promotion", "-Werror", "-ffp-contract=off"];
const orders = ["SERIAL", "REVERSED", "PAIRWISE", "BLOCKED"];

const probe = await execa(python, ["-c", "import torch; print(torch.__version__)"], { reject: false });
const available = probe.exitCode === 0;
const reason = `no Python with PyTorch at ${python}: set FORGE_PYTHON, or create .venv and install torch there`;

interface Difference {
  library: string;
  tensor: string;
  sizes: number[];
  difference: number;
}

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "forge-reference-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function build(name: string, source: string, order: string): Promise<string> {
  const library = join(folder, `${name}-${order}.so`);
  const path = library.replace(/so$/, "c");
  writeFileSync(path, source);
  const types = ["-DFORGE_STORE_F64", "-DFORGE_ACCUMULATE_F64", `-DFORGE_ORDER=${order}`];
  await execa("gcc", [...oracleFlags, ...types, "-I", "reference-kernels", "-o", library, path, "-lm"]);
  return library;
}

async function compare(name: string, libraries: string[]): Promise<Difference[]> {
  const { stdout } = await execa(python, [join(import.meta.dirname, "compare_with_pytorch.py"), name, ...libraries]);
  return stdout.split("\n").map((line) => JSON.parse(line) as Difference);
}

const tensors: Record<string, string[]> = {
  rmsnorm: ["y", "rstd", "dx", "dweight"],
  linear: ["y", "dx", "dweight"],
  softmax_cross_entropy: ["lse", "loss", "dlogits"],
  rope: ["y", "dx"],
  swiglu: ["y", "dgate", "dup"],
  lm_head_cross_entropy: ["lse", "loss", "dhidden", "dweight"],
  adamw: ["squares", "new_weight", "stored_weight", "new_first_moment", "new_second_moment"],
  attention: ["y", "lse", "dq", "dk", "dv"],
  embedding: ["y", "dtable"],
};

it("has PyTorch to compare with", (context) => {
  if (!available && !process.env.CI) context.skip(reason);
  expect(available, reason).toBe(true);
});

describe.runIf(available)("the references in float64 agree with PyTorch in float64, forward and backward", { timeout: 120_000 }, () => {
  it.each(Object.entries(tensors))("%s, in every order of summation", async (name, expected) => {
    const source = readFileSync(`reference-kernels/${name}.c`, "utf8");
    const libraries = await Promise.all(orders.map((order) => build(name, source, order)));
    const differences = await compare(name, libraries);
    for (const library of libraries) {
      const own = differences.filter((difference) => difference.library === library);
      expect(new Set(own.map(({ tensor }) => tensor))).toEqual(new Set(expected));
    }
    expect(differences.filter(({ difference }) => !(difference <= tolerance))).toEqual([]);
  });

  it("a reference that drops eps is seen to fail, in every tensor that depends on it", async () => {
    const source = readFileSync("reference-kernels/rmsnorm.c", "utf8");
    const wrong = source.replace("(ACC)dim + eps)", "(ACC)dim + 0 * eps)");
    expect(wrong).not.toBe(source);
    const differences = await compare("rmsnorm", [await build("rmsnorm", wrong, "SERIAL")]);
    const failing = new Set(differences.filter(({ difference }) => !(difference <= tolerance)).map(({ tensor }) => tensor));
    expect(failing).toEqual(new Set(tensors.rmsnorm));
  });
});
