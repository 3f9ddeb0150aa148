import type { Variant } from "../contracts/spec.js";
import { scheduleNames, type TrainerSpec } from "../contracts/trainer-spec.js";
import { constantFields, reportFields, shapeFields, tensorParts } from "./trainer-abi.js";

const enumOf = (prefix: string, names: readonly string[], count?: string): string =>
  `enum { ${[...names.map((name) => `${prefix}_${name.toUpperCase()}`), ...(count ? [count] : [])].join(", ")} };`;

const commentText = (text: string): string => text.replaceAll("*/", "* /").replaceAll("/*", "/ *").replace(/\s+/g, " ").trim();

const precision = ({ store }: Variant): string =>
  store === "f32"
    ? "Everything is float32."
    : `Mixed precision: operands and results of matrix products are ${store} (weights rounded from their float32 masters, activations
 * rounded before they enter a product, products rounded when they leave it); sums, the residual stream, norms, softmax, loss, gradients of
 * weights, masters and moments are float32.`;

/** `forge_trainer.h`: what a trainer in C or C++ includes and implements. */
export function generateTrainerHeader(spec: TrainerSpec, variant: Variant): string {
  return `/*
 * ${spec.name}: ${commentText(spec.summary)}
 * ${precision(variant)}
 * Generated from the spec: changes here are not read.
 *
 * One trainer lives in the process. The harness creates it, writes weights and moments, seeks a step, and then has it take steps on batches
 * that it draws; it may read any tensor at any time, save, and restore in another process. Every function returns 0 on success.
 */
#ifndef FORGE_TRAINER_H
#define FORGE_TRAINER_H

#include <stdint.h>

/* Threads that a call may use at once; the build sets it. */
#ifndef FORGE_THREADS
#define FORGE_THREADS 1
#endif

#ifdef __cplusplus
extern "C" {
#endif

${enumOf("SHAPE", shapeFields, "SHAPE_COUNT")}
${enumOf("CONSTANT", constantFields, "CONSTANT_COUNT")}
${enumOf("SCHEDULE", scheduleNames)}
${enumOf("PART", tensorParts)}
${enumOf("REPORT", reportFields, "REPORT_COUNT")}

/*
 * Tensors are numbered: 0 the embedding [vocabulary, hidden]; then for each layer input norm [hidden], q [query_heads * head_dim, hidden],
 * k and v [kv_heads * head_dim, hidden], o [hidden, query_heads * head_dim], second norm [hidden], gate and up [feed_forward, hidden],
 * down [hidden, feed_forward]; then the last norm [hidden]; then, unless it is tied, the LM head [vocabulary, hidden]. All row-major.
 */
enum { TENSOR_EMBEDDING = 0, TENSORS_PER_LAYER = 9 };
enum { LAYER_INPUT_NORM, LAYER_Q, LAYER_K, LAYER_V, LAYER_O, LAYER_SECOND_NORM, LAYER_GATE, LAYER_UP, LAYER_DOWN };

/* A new trainer in place of any that there was: weights undefined until written, moments and completed steps zero. */
int trainer_create(const int32_t *shape, const float *constants, int64_t shape_count, int64_t constant_count);

/* All elements of one tensor: its weight (the float32 master), or a moment of AdamW. */
int trainer_write(const float *values, int64_t count, int32_t tensor, int32_t part);
int trainer_read(float *values, int64_t count, int32_t tensor, int32_t part);

/* Sets how many steps have been completed (count is 1): the schedule and the bias correction of AdamW go by it. */
int trainer_seek(const int32_t *completed_steps, int64_t count);

/* logits[batch][length][vocabulary] of tokens[batch][length]; changes nothing. */
int trainer_logits(const int32_t *tokens, float *logits, int64_t batch, int64_t length, int64_t vocabulary);

/*
 * One step of training on tokens[micro_batches][batch][length]. The loss is the mean of -log softmax(logits)[target] over all targets of all
 * micro-batches that are not -100. Its gradient is scaled by min(1, max_gradient_norm / (norm + 1e-6)), norm over all parameters; then AdamW
 * with the learning rate of step completed_steps (from 0), bias correction for completed_steps + 1, and weight decay on every tensor but
 * the gains of norms. report[REPORT_COUNT]: the loss before the step, the norm before it is scaled, the learning rate.
 */
int trainer_step(const int32_t *tokens, const int32_t *targets, float *report, int64_t micro_batches, int64_t batch, int64_t length,
                 int64_t report_count);

/* A checkpoint: how many 32-bit words it has (count is 1), all that a later step depends on, and a trainer made of it in another process. */
int trainer_image_words(int32_t *words, int64_t count);
int trainer_save(int32_t *image, int64_t words);
int trainer_restore(const int32_t *image, int64_t words);

#ifdef __cplusplus
}
#endif

#endif
`;
}
