import type { ModelShape, TrainerSpec } from "../contracts/trainer-spec.js";
import type { Fail, SpecPath } from "../spec-error.js";

/** Of the smallest vocabulary that the text which trainers train on comes in. */
const leastVocabulary = 4096;

/** What the schema cannot say: that the parts of a trainer's spec fit each other. The schema must have accepted it. */
export function checkTrainerMeaning(spec: TrainerSpec, fail: Fail): void {
  checkShape(spec.model, ["model"], fail);
  checkShape(spec.exam.long_run.shape, ["exam", "long_run", "shape"], fail);
  const { warmup_steps, decay_start, total_steps, schedule } = spec.optimizer;
  const path: SpecPath = ["optimizer", "total_steps"];
  if (total_steps <= warmup_steps)
    fail(path, `the schedule ends at step ${total_steps}, within the warm-up`, `more than ${warmup_steps}`, "raise total_steps");
  if (schedule === "wsd" && !(warmup_steps <= decay_start && decay_start < total_steps))
    fail(
      ["optimizer", "decay_start"],
      `the decay begins at step ${decay_start}`,
      `a step from ${warmup_steps} (warm-up) to before ${total_steps} (end)`,
      "move decay_start between them",
    );
  for (const [name, [low, high]] of Object.entries(spec.open)) {
    if (low > high) fail(["open", name], `the range [${low}, ${high}] is empty`, "[lowest, highest]", `write [${high}, ${low}]`);
    if (name === "head_dim" && high < 2) fail(["open", name], "no even number lies in it", "a range that reaches 2", "raise its end");
    if ((name === "length" || name === "vocabulary") && low < 2)
      fail(["open", name], `${low} leaves nothing to predict`, "at least 2", "raise its beginning");
  }
}

function checkShape({ query_heads, kv_heads, head_dim, vocabulary }: ModelShape, path: SpecPath, fail: Fail): void {
  if (vocabulary < leastVocabulary)
    fail(
      [...path, "vocabulary"],
      `the text that it trains on has ${leastVocabulary} tokens and more, which ${vocabulary} ids cannot name`,
      `at least ${leastVocabulary}`,
      "raise the vocabulary; small ones belong under open",
    );
  if (query_heads % kv_heads !== 0)
    fail(
      [...path, "query_heads"],
      `${query_heads} query heads cannot share ${kv_heads} KV heads evenly`,
      `a multiple of ${kv_heads}`,
      "change one of them",
    );
  if (head_dim % 2 !== 0)
    fail([...path, "head_dim"], `${head_dim} features do not make pairs for the rotary embedding`, "an even number", "change it");
}
