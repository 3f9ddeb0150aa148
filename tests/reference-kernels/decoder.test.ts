import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

/** Norm-wise, per tensor. The twin is float64 throughout; Hugging Face's float64 is float32 in norms, angles, softmax and loss. */
const tolerance = { twin: 1e-10, huggingFace: 1e-6 };
const python = process.env.FORGE_PYTHON || ".venv/bin/python";
const script = join(import.meta.dirname, "compare_decoder_with_pytorch.py");
const source = readFileSync("reference-kernels/decoder.c", "utf8");
const compilerFlags = [
  "-O1",
  "-std=c11",
  "-Wall",
  "-Wextra",
  "-Wdouble-promotion",
  "-Werror",
  "-ffp-contract=off",
  "-I",
  "reference-kernels",
];
const oracleTypes = ["-DFORGE_STORE_F64", "-DFORGE_ACCUMULATE_F64"];
const orders = ["SERIAL", "REVERSED", "PAIRWISE", "BLOCKED"];

const has = async (statement: string) => (await execa(python, ["-c", statement], { reject: false })).exitCode === 0;
const found = {
  torch: await has("import torch, safetensors"),
  transformers: await has("import importlib.util as u; assert u.find_spec('transformers')"),
};
const reason = (modules: string) => `no Python with ${modules} at ${python}: set FORGE_PYTHON, or create .venv and install them there`;

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "forge-decoder-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** A library whose name tells its types, as the script wants. */
async function build(name: string, flags: string[], text = source): Promise<string> {
  const library = join(folder, `${name}.so`);
  const path = library.replace(/so$/, "c");
  writeFileSync(path, text);
  await execa("gcc", [...compilerFlags, "-shared", "-fPIC", ...flags, "-o", library, path, "-lm"]);
  return library;
}

interface Difference {
  mode: string;
  library: string;
  case: string;
  tensor: string;
  difference: number;
}

/** What a tensor is of: "gradient", "weight after 1 steps", "logits" ... */
const kind = ({ tensor }: Difference): string => tensor.split(":")[0]!;
const kinds = (differences: Difference[]): string[] => [...new Set(differences.map(kind))].sort();
const beyond = (differences: Difference[], limit: number): Difference[] => differences.filter(({ difference }) => !(difference <= limit));

/** Mistakes of trainers: what stands in the source, what stands in its place, and in what it must be seen. */
const mistakes: [string, string, string, string[]][] = [
  [
    "a loss averaged in each micro-batch",
    "loss_and_gradient(pass, targets + first, pass->losses + first, counted);",
    `int64_t own = 0;
    for (int64_t t = 0; t < rows; t++) own += targets[first + t] != IGNORED;
    loss_and_gradient(pass, targets + first, pass->losses + first, own * micro_batches);`,
    ["gradient", "gradient norm"],
  ],
  ["decay on gains of norms", "trainer.tensors[tensor].is_gain ? 0 : ", "", ["weight after 1 steps"]],
  ["a branch without its scale", "constant(CONSTANT_RESIDUAL_SCALE) * load(", "load(", ["logits", "loss", "gradient"]],
  ["a branch without its scale backward", "store(constant(CONSTANT_RESIDUAL_SCALE) * ", "store(", ["gradient"]],
  ["query heads dealt out to key heads", "head / group * trainer", "head % trainer.kv_heads * trainer", ["logits"]],
  ["angles of half the exponent", "-(ACC)(2 * i)", "-(ACC)i", ["logits"]],
  ["a gradient of the embedding from the head alone", "\n  embed_backward(pass);", "", ["gradient"]],
  ["clipping without 1e-6", "(norm + (ACC)1e-6)", "norm", ["first_moment after 1 steps"]],
  ["bias correction one step behind", "completed_steps + 1, decay", "completed_steps, decay", ["weight after 1 steps"]],
  ["a decay that begins with the warm-up", "? shape[SHAPE_DECAY_START] : warmup", "? 0 : warmup", ["learning rate"]],
];

it("has PyTorch to compare with", (context) => {
  if (!found.torch && !process.env.CI) context.skip(reason("torch and safetensors"));
  expect(found.torch, reason("torch and safetensors")).toBe(true);
});

it("has Hugging Face's Llama to compare with", (context) => {
  if (!found.transformers && !process.env.CI) context.skip(reason("transformers"));
  expect(found.transformers, reason("transformers")).toBe(true);
});

describe.runIf(found.torch)("the decoder", () => {
  let oracles: string[];
  let wrong: string[];
  let f32: string;
  let bf16: string;
  let answers: Difference[];
  const answersOf = (mode: string, library: string) => answers.filter((answer) => answer.mode === mode && answer.library === library);

  // All in one run of Python, most of whose time goes into loading PyTorch.
  beforeAll(async () => {
    oracles = await Promise.all(orders.map((order) => build(`F64-${order}`, [...oracleTypes, `-DFORGE_ORDER=${order}`])));
    // What a mistake leaves unused is no matter.
    const wrongFlags = [...oracleTypes, "-Wno-unused"];
    wrong = await Promise.all(
      mistakes.map(([, right, instead], index) => build(`F64-${index}`, wrongFlags, source.replace(right, instead))),
    );
    [f32, bf16] = await Promise.all([build("F32", ["-fopenmp"]), build("BF16", ["-DFORGE_STORE_BF16"])]);
    // Refusals come first: some are of a library that has no trainer yet.
    const comparisons = [
      ...["refusals", "restore", "command-line", ...(found.transformers ? ["hugging-face"] : [])].map((mode) => `${mode}=${oracles[0]}`),
      ...["restore", "threads", "twin-once"].map((mode) => `${mode}=${f32}`),
      ...oracles.map((library) => `twin=${library}`),
      ...[...wrong, bf16].map((library) => `twin-once=${library}`),
    ];
    const { stdout } = await execa(python, [script, ...comparisons], { env: { OMP_NUM_THREADS: "1" } });
    answers = stdout.split("\n").map((line) => JSON.parse(line) as Difference);
  }, 180_000);

  it.each(orders)("agrees in float64 with its twin: %s", (order) => {
    const differences = answersOf("twin", oracles[orders.indexOf(order)]!);
    const times = ["1 steps", "3 steps", "written moments and 1 steps"];
    const parts = ["weight", "first_moment", "second_moment"].flatMap((part) => times.map((time) => `${part} after ${time}`));
    expect(kinds(differences)).toEqual(["logits", "loss", "gradient norm", "learning rate", "gradient", ...parts].sort());
    expect(new Set(differences.map((difference) => difference.case)).size).toBe(8);
    expect(beyond(differences, tolerance.twin)).toEqual([]);
  });

  it("agrees with the twin's command line", () => {
    const differences = answersOf("command-line", oracles[0]!);
    expect(kinds(differences)).toEqual(["first_moment", "logits", "report", "second_moment", "weight"]);
    expect(beyond(differences, tolerance.twin)).toEqual([]);
  });

  it.runIf(found.transformers)("agrees with Hugging Face's Llama in logits, loss and gradients", () => {
    const differences = answersOf("hugging-face", oracles[0]!);
    expect(kinds(differences)).toEqual(["gradient", "logits", "loss"]);
    expect(beyond(differences, tolerance.huggingFace)).toEqual([]);
  });

  it("is seen to fail where it is wrong, in what is wrong about it", () => {
    for (const [index, [mistake, right, , seenIn]] of mistakes.entries()) {
      expect(source.split(right), mistake).toHaveLength(2);
      const differences = answersOf("twin-once", wrong[index]!);
      expect(kinds(beyond(differences, tolerance.twin)), mistake).toEqual(expect.arrayContaining(seenIn));
    }
  });

  it("goes on after save, another trainer and restore as if nothing had been, bit for bit", () => {
    for (const library of [oracles[0]!, f32]) {
      expect(answersOf("restore", library)).toHaveLength(6);
      expect(beyond(answersOf("restore", library), 0)).toEqual([]);
    }
  });

  it("refuses what is wrong, and stays as it was", () => {
    expect(answersOf("refusals", oracles[0]!)).toHaveLength(40);
    expect(beyond(answersOf("refusals", oracles[0]!), 0)).toEqual([]);
  });

  it("does not depend on the number of threads", () => {
    expect(answersOf("threads", f32)).toMatchObject([{ tensor: "image", difference: 0 }]);
  });

  it("rounds in f32 and bf16 as much as they do", () => {
    const firstStep = (library: string) =>
      answersOf("twin-once", library).filter((answer) => ["logits", "gradient"].includes(kind(answer)));
    expect(firstStep(f32).length).toBeGreaterThan(30);
    expect(beyond(firstStep(f32), 1e-5)).toEqual([]);
    expect(beyond(firstStep(bf16), 1e-1)).toEqual([]);
    expect(beyond(firstStep(bf16), 1e-4)).toEqual(firstStep(bf16));
  });
});

/** Takes every path of memory: creates, steps, saves and restores more than once, and is refused. */
const memoryProgram = `
#include "decoder.c"
int main(void) {
  const int32_t shape[] = {2, 12, 4, 2, 6, 10, 19, 0, 2, 3, 5, 9}, vast[] = {512, 65536, 1024, 1024, 1024, 262144, 1000000, 0, 0, 0, 0, 1};
  const ACC constants[] = {(ACC)1e-5, 10000, 12, 1, 1, (ACC)1e-2, (ACC)1e-3, (ACC)0.9, (ACC)0.95, (ACC)1e-8, (ACC)0.1, 1};
  const int32_t tokens[] = {1, 2, 3, 18, 0, 1, 1, 5}, targets[] = {2, -100, 18, 0, 1, 1, 5, 6}, wrong[] = {1, 2, 3, 19, 0, 1, 1, 5};
  ACC logits[8 * 19], report[3], first[3];
  int32_t words, image[32768];
  if (trainer_create(shape, constants, 12, 12) || trainer_create(shape, constants, 12, 12)) return 1;
  for (int64_t e = 0; e < trainer.parameters; e++) trainer.parts[e] = (ACC)(e % 17 - 8) / 16;
  if (trainer_logits(tokens, logits, 2, 4, 19) || trainer_step(tokens, targets, report, 2, 1, 4, 3)) return 2;
  if (trainer_image_words(&words, 1) || words > 32768 || trainer_save(image, words)) return 3;
  if (trainer_step(tokens, targets, first, 2, 1, 4, 3) || trainer_restore(image, words)) return 4;
  if (!trainer_create(vast, constants, 12, 12) || !trainer_restore(image, words - 1)) return 5;
  if (!trainer_step(wrong, targets, report, 2, 1, 4, 3) || !trainer_logits(wrong, logits, 2, 4, 19)) return 6;
  if (trainer_step(tokens, targets, report, 2, 1, 4, 3) || memcmp(report, first, sizeof report) != 0) return 7;
  return 0;
}`;

it.each(["F64", "BF16"])("stays within its memory and the language, and gives back what it took: %s", async (types) => {
  const program = join(folder, `memory-${types}`);
  writeFileSync(`${program}.c`, memoryProgram);
  const flags = types === "F64" ? oracleTypes : [`-DFORGE_STORE_${types}`];
  const checks = ["-O0", "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"];
  await execa("gcc", [...compilerFlags, ...checks, ...flags, "-o", program, `${program}.c`, "-lm"]);
  await execa(program, { env: { ASAN_OPTIONS: "allocator_may_return_null=1" } });
});
