import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { corpusTokens } from "../../../harness/train/token-stream.js";
import type { LoadedTrainerSpec } from "../../../specs/contracts/trainer-spec.js";
import { loadTrainerSpec } from "../../../specs/trainer/load-trainer-spec.js";
import {
  type HonestTrainer,
  plantedTrainer,
  readHonestTrainers,
  readWrongTrainers,
  type VariantName,
  type WrongTrainer,
} from "./planted-trainers.js";
import { ask, type Rung, sit, TrainerHall } from "./trainer-hall.js";

const vocabulary = 256;
const seed = "wrong trainers";

/** The shipped spec with fewer and smaller cases, and a shorter run; what is its own shape is still beyond what hidden cases are drawn from. */
function smallSpec(): LoadedTrainerSpec {
  const loaded = loadTrainerSpec("specs/models/minicpm-tiny.yaml");
  const { exam, open, model } = loaded.spec;
  const { shape } = exam.long_run;
  return {
    ...loaded,
    spec: {
      ...loaded.spec,
      model: { ...model, layers: 1, hidden: 144, feed_forward: 160, head_dim: 16, vocabulary: 1100 },
      open: { ...open, layers: [1, 2], hidden: [8, 40], head_dim: [4, 12], feed_forward: [8, 48], vocabulary: [17, 100], length: [2, 17] },
      exam: {
        ...exam,
        hidden: 4,
        own: { ...exam.own, length: 12 },
        long_run: { ...exam.long_run, shape: { ...shape, vocabulary }, steps: 48 },
      },
    },
  };
}

const loaded = smallSpec();
/** `npm test` takes one trainer for each row of the list of cheats, every fortieth of the others, and float32; `npm run test:integrity -- trainers` all, in both types. */
const whole = process.env.FORGE_WHOLE === "1";
const variants: VariantName[] = whole ? ["f32", "bf16"] : ["f32"];
const { wrong, absent } = readWrongTrainers();
const { honest } = readHonestTrainers();
const halls: Partial<Record<VariantName, TrainerHall>> = {};

/** Every rung up to the first that does not pass, of those that matter: what is caught early is asked no more. */
async function judgeWrong(trainer: WrongTrainer, variant: VariantName): Promise<Rung[]> {
  const hall = halls[variant]!;
  const quick = trainer.check === "checkpoint";
  const context = await hall.enter(plantedTrainer(loaded, variant, trainer), 1, quick);
  if (trainer.check === "rules" || trainer.check === "memory") return [await ask(context, trainer.check)];
  const shown = trainer.own ? hall.ownCases() : hall.publicCases();
  const rungs = await sit(context, shown);
  if (rungs.at(-1)!.status !== "passed") return rungs;
  const others = await sit(context, hall.allCases().slice(shown.length));
  if (others.at(-1)!.status !== "passed") return others;
  for (const check of ["checkpoint", "training"] as const) {
    if (trainer.check === check || trainer.check === "training") others.push(await hall.alone(() => ask(context, check)));
    if (others.at(-1)!.status !== "passed") break;
  }
  return others;
}

async function judgeHonest(trainer: HonestTrainer, variant: VariantName): Promise<Rung[]> {
  const hall = halls[variant]!;
  const context = await hall.enter(plantedTrainer(loaded, variant, trainer), trainer.threads ?? 1);
  const rungs = await sit(context, hall.allCases());
  if (rungs.at(-1)!.status !== "passed") return rungs;
  rungs.push(await ask({ ...context, quick: true }, "checkpoint"));
  rungs.push(await hall.alone(() => ask(context, "training")));
  return rungs;
}

beforeAll(async () => {
  const text = (await corpusTokens(4096)).map((token) => token % vocabulary);
  for (const variant of variants) {
    const hall = await TrainerHall.open(loaded, variant, seed, text);
    halls[variant] = hall;
    await hall.prepare([...hall.allCases(), ...hall.ownCases()]);
  }
}, 900_000);
afterAll(() => Promise.all(Object.values(halls).map((hall) => hall.close())));

const isFirstOfRow = (trainer: object): boolean => "row" in trainer && wrong.find(({ row }) => row === trainer.row) === trainer;

const named = <Trainer extends { name: string; variants?: VariantName[] }>(trainers: Trainer[], usual: VariantName[]) =>
  trainers
    .filter((trainer, position) => whole || position % 40 === 0 || isFirstOfRow(trainer))
    .flatMap((trainer) =>
      (trainer.variants ?? usual)
        .filter((variant) => variants.includes(variant))
        .map((variant) => ({ title: `${trainer.name}, ${variant}`, trainer, variant })),
    );

describe.concurrent("a wrong trainer fails the check that must catch it, and none before", { timeout: 900_000 }, () => {
  test.each(named(wrong, ["f32"]))("$title", async ({ trainer, variant }) => {
    const rungs = await judgeWrong(trainer, variant);
    const last = rungs.at(-1)!;
    expect(`${last.check} ${last.status}: ${last.summary}`).toMatch(new RegExp(`^${trainer.check} failed: `));
    expect(last.evidence).not.toEqual([]);
  });
});

describe.concurrent("an honest trainer passes every check", { timeout: 900_000 }, () => {
  test.each(named(honest, variants))("$title", async ({ trainer, variant }) => {
    const rungs = await judgeHonest(trainer, variant);
    expect(rungs.filter(({ status }) => status !== "passed").map(({ check, summary }) => `${check}: ${summary}`)).toEqual([]);
    expect(rungs.map(({ check }) => check)).toEqual(["forward", "backward", "steps", "checkpoint", "training"]);
  });
});

test("every row of the list that is about trainers is planted, or cannot exist for a reason that is given", () => {
  const planted = new Set(wrong.flatMap(({ row }) => row ?? []));
  const excused = new Set(absent.flatMap(({ rows }) => rows));
  for (let row = 53; row <= 61; row++) expect([row, planted.has(row) !== excused.has(row)]).toEqual([row, true]);
  expect([...planted].filter((row) => excused.has(row))).toEqual([]);
});

test("no check goes without a trainer that it alone catches, and no name stands twice", () => {
  const checks = ["rules", "memory", "forward", "backward", "steps", "checkpoint", "training"];
  for (const check of checks) expect(wrong.filter((trainer) => trainer.check === check).length).toBeGreaterThanOrEqual(2);
  const names = [...wrong, ...honest].map(({ name }) => name);
  expect(new Set(names).size).toBe(names.length);
});
