/*
 * A decoder in the manner of Llama (Touvron et al., 2023, arXiv:2302.13971) and MiniCPM (Hu et al., 2024, arXiv:2404.06395), its
 * loss, the gradient of the loss, and AdamW, at float32: the frame of a trainer. It does what reference-kernels/decoder.c does, but
 * computes next to nothing: each operation is a unit of its own, an entry of a kernel spec in specs/kernels/, which any candidate of
 * that spec may stand in for. What is left here is memory, the order of calls, sums into the residual stream and over micro-batches,
 * MiniCPM's scales, the schedule, clipping, checkpoints and the check of arguments.
 *
 * An operation that fails fails the step or the logits that asked for it, and leaves the trainer as it was. No result depends on the
 * number of threads. A row is a token of a micro-batch, one sequence after the other; the gradient of an activation is called d_ and
 * its name.
 */
#define _POSIX_C_SOURCE 200112L /* posix_memalign */
#include "forge_trainer.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- The operations: the header of each is called forge_kernel.h, so their entries are declared here once more ---- */

int embedding_forward(const int32_t *token, const float *table, float *y, int64_t tokens, int64_t classes, int64_t dim);
int embedding_backward(const int32_t *token, const float *dy, float *dtable, int64_t tokens, int64_t classes, int64_t dim);

int rmsnorm_forward(const float *x, const float *weight, float *y, float *rstd, int64_t rows, int64_t dim, float eps);
int rmsnorm_backward(const float *dy, const float *x, const float *weight, const float *rstd, float *dx, float *dweight, int64_t rows,
                     int64_t dim);

int linear_forward(const float *x, const float *weight, float *y, int64_t tokens, int64_t in_features, int64_t out_features);
int linear_dgrad(const float *dy, const float *weight, float *dx, int64_t tokens, int64_t in_features, int64_t out_features);
int linear_wgrad(const float *dy, const float *x, float *dweight, int64_t tokens, int64_t in_features, int64_t out_features);

int rope_forward(const float *x, const float *cosines, const float *sines, float *y, int64_t tokens, int64_t heads, int64_t halves,
                 int64_t pairs);
int rope_backward(const float *dy, const float *cosines, const float *sines, float *dx, int64_t tokens, int64_t heads, int64_t halves,
                  int64_t pairs);

int attention_forward(const float *q, const float *k, const float *v, float *y, float *lse, int64_t batch, int64_t tokens,
                      int64_t kv_heads, int64_t group, int64_t head_dim);
int attention_backward(const float *dy, const float *q, const float *k, const float *v, const float *lse, float *dq, float *dk, float *dv,
                       int64_t batch, int64_t tokens, int64_t kv_heads, int64_t group, int64_t head_dim);

int swiglu_forward(const float *gate, const float *up, float *y, int64_t rows, int64_t dim);
int swiglu_backward(const float *dy, const float *gate, const float *up, float *dgate, float *dup, int64_t rows, int64_t dim);

int cross_entropy_forward(const float *logits, const int32_t *target, float *loss, float *lse, int64_t rows, int64_t classes);
int cross_entropy_backward(const float *logits, const int32_t *target, const float *lse, const float *dloss, float *dlogits, int64_t rows,
                           int64_t classes);

int gradient_squares(const float *gradient, float *squares, int64_t pieces, int64_t width);
int adamw_step(const float *gradient, const float *weight, const float *first_moment, const float *second_moment, float *new_weight,
               float *stored_weight, float *new_first_moment, float *new_second_moment, int64_t pieces, int64_t width,
               float learning_rate, float beta1, float beta2, float eps, float weight_decay, float norm, float max_norm, int32_t step);

enum { DONE, BAD_ARGUMENT, NO_MEMORY, OPERATION_FAILED };
enum { PARTS = PART_SECOND_MOMENT + 1 };
#define IGNORED (-100)

/* Ends a function that calls an operation, or another such function, where that has failed. */
#define TRY(call)                             \
  do {                                        \
    if ((call) != 0) return OPERATION_FAILED; \
  } while (0)

/* The largest of SHAPE_LAYERS to SHAPE_VOCABULARY, and of a batch: with these no product of sizes overflows. */
static const int32_t largest_size[] = {512, 65536, 1024, 1024, 1024, 262144, 1000000};
enum { LARGEST_MICRO_BATCHES = 4096, LARGEST_BATCH = 65536, LARGEST_LENGTH = 1048576 };

/* ---- What the frame computes element by element ---- */

#if defined(_OPENMP)
#define PARALLEL _Pragma("omp parallel for schedule(static) num_threads(FORGE_THREADS)")
#else
#define PARALLEL
#endif

/* sum += scale x */
static void add_to(float *sum, float scale, const float *x, int64_t elements) {
  PARALLEL
  for (int64_t e = 0; e < elements; e++) sum[e] += scale * x[e];
}

static void multiply(float *x, float scale, int64_t elements) {
  PARALLEL
  for (int64_t e = 0; e < elements; e++) x[e] *= scale;
}

/* ---- Memory: arrays that are taken one by one and given back together ---- */

struct Memory {
  void *owned[40];
  int count, exhausted;
};

/* On a line of the cache, so that no vector of an operation need lie across two. */
static void *take_bytes(struct Memory *memory, int64_t count, size_t size) {
  void *array;
  if (posix_memalign(&array, 64, (size_t)count * size) != 0) {
    memory->exhausted = 1;
    return NULL;
  }
  return memory->owned[memory->count++] = array;
}

#define TAKE(array, count) ((array) = take_bytes(memory, count, sizeof *(array)))

static void give_back(struct Memory *memory) {
  while (memory->count > 0) free(memory->owned[--memory->count]);
}

/* ---- The trainer: one in the process ---- */

/* An image begins with it. */
struct Setting {
  int32_t shape[SHAPE_COUNT], completed_steps;
  float constants[CONSTANT_COUNT];
};

struct Tensor {
  int64_t offset, rows, columns;
  int is_gain, has_gradient; /* of the step that is being made */
};

struct Trainer {
  struct Setting setting;
  int64_t layers, hidden, query_heads, kv_heads, head_dim, feed_forward, vocabulary, query_width, kv_width;
  int64_t tensor_count, row_count, parameters, largest_tensor;
  struct Tensor *tensors;
  float *parts, *next_parts;   /* [PARTS, parameters] each, the second what a step makes of the first before it takes its place */
  float *gradients, *squares;  /* [parameters], and a sum for each row of each tensor */
  float *scratch;              /* [largest_tensor], of one tensor at a time */
  struct Memory memory;
};

static struct Trainer trainer;

static int exists(void) { return trainer.memory.count > 0; }
static float constant(int which) { return trainer.setting.constants[which]; }
static int64_t layer_tensor(int64_t layer, int which) { return 1 + layer * TENSORS_PER_LAYER + which; }
static int64_t last_norm_tensor(void) { return layer_tensor(trainer.layers, 0); }
static int64_t head_tensor(void) { return trainer.setting.shape[SHAPE_TIED] ? TENSOR_EMBEDDING : last_norm_tensor() + 1; }
static int64_t elements_of(int64_t tensor) { return trainer.tensors[tensor].rows * trainer.tensors[tensor].columns; }
static int64_t part_offset(int64_t tensor, int part) { return part * trainer.parameters + trainer.tensors[tensor].offset; }
static float *part_of(int64_t tensor, int part) { return trainer.parts + part_offset(tensor, part); }
static float *next_part_of(int64_t tensor, int part) { return trainer.next_parts + part_offset(tensor, part); }
static const float *weight_of(int64_t tensor) { return part_of(tensor, PART_WEIGHT); }
static float *gradient_of(int64_t tensor) { return trainer.gradients + trainer.tensors[tensor].offset; }

static int is_valid(const struct Setting *setting) {
  const int32_t *shape = setting->shape;
  for (int field = 0; field <= SHAPE_VOCABULARY; field++)
    if (shape[field] < 1 || shape[field] > largest_size[field]) return 0;
  for (int field = 0; field < CONSTANT_COUNT; field++)
    if (!(setting->constants[field] >= 0)) return 0;
  return shape[SHAPE_QUERY_HEADS] % shape[SHAPE_KV_HEADS] == 0 && shape[SHAPE_HEAD_DIM] % 2 == 0 && shape[SHAPE_TIED] >= 0 &&
         shape[SHAPE_TIED] <= 1 && shape[SHAPE_SCHEDULE] >= SCHEDULE_CONSTANT && shape[SHAPE_SCHEDULE] <= SCHEDULE_WSD &&
         shape[SHAPE_WARMUP_STEPS] >= 0 && shape[SHAPE_DECAY_START] >= 0 && shape[SHAPE_TOTAL_STEPS] >= 1 && setting->completed_steps >= 0;
}

static void add_tensor(struct Trainer *t, int64_t rows, int64_t columns, int is_gain) {
  t->tensors[t->tensor_count++] = (struct Tensor){.offset = t->parameters, .rows = rows, .columns = columns, .is_gain = is_gain};
  t->row_count += rows;
  t->parameters += rows * columns;
  if (rows * columns > t->largest_tensor) t->largest_tensor = rows * columns;
}

static size_t part_bytes(const struct Trainer *t) { return PARTS * (size_t)t->parameters * sizeof(float); }

/* Builds a trainer beside the one that there is, which a failure leaves as it was. */
static int build(struct Trainer *t, const struct Setting *setting) {
  if (!is_valid(setting)) return BAD_ARGUMENT;
  const int32_t *shape = setting->shape;
  const int64_t hidden = shape[SHAPE_HIDDEN], feed_forward = shape[SHAPE_FEED_FORWARD], vocabulary = shape[SHAPE_VOCABULARY];
  const int64_t query_heads = shape[SHAPE_QUERY_HEADS], kv_heads = shape[SHAPE_KV_HEADS], head_dim = shape[SHAPE_HEAD_DIM];
  const int64_t query_width = query_heads * head_dim, kv_width = kv_heads * head_dim;
  *t = (struct Trainer){.setting = *setting, .layers = shape[SHAPE_LAYERS], .hidden = hidden, .query_heads = query_heads,
                        .kv_heads = kv_heads, .head_dim = head_dim, .feed_forward = feed_forward, .vocabulary = vocabulary,
                        .query_width = query_width, .kv_width = kv_width};
  struct Memory *memory = &t->memory;
  if (!TAKE(t->tensors, t->layers * TENSORS_PER_LAYER + 3)) return NO_MEMORY;

  const int64_t layer_sizes[TENSORS_PER_LAYER][2] = {
      {1, hidden}, {query_width, hidden}, {kv_width, hidden}, {kv_width, hidden}, {hidden, query_width},
      {1, hidden}, {feed_forward, hidden}, {feed_forward, hidden}, {hidden, feed_forward}};
  add_tensor(t, vocabulary, hidden, 0);
  for (int64_t layer = 0; layer < t->layers; layer++)
    for (int which = 0; which < TENSORS_PER_LAYER; which++)
      add_tensor(t, layer_sizes[which][0], layer_sizes[which][1], which == LAYER_INPUT_NORM || which == LAYER_SECOND_NORM);
  add_tensor(t, 1, hidden, 1);
  if (!shape[SHAPE_TIED]) add_tensor(t, vocabulary, hidden, 0);

  TAKE(t->parts, PARTS * t->parameters), TAKE(t->next_parts, PARTS * t->parameters);
  TAKE(t->gradients, t->parameters), TAKE(t->squares, t->row_count), TAKE(t->scratch, t->largest_tensor);
  if (memory->exhausted) {
    give_back(memory);
    return NO_MEMORY;
  }
  memset(t->parts, 0, part_bytes(t));
  return DONE;
}

/* ---- What a micro-batch needs on its way forward and backward: kept while batches have the same shape ---- */

/* Norm n stands before branch n of the residual stream: 2 l before attention of layer l, 2 l + 1 before its feed-forward, and last. */
struct Pass {
  int64_t batch, length, rows;
  float *cosines, *sines;                    /* [rows, head_dim / 2] */
  float *residual, *normed, *rstd;           /* [norms, rows, hidden], and [norms, rows] */
  float *query, *key, *value, *attended;     /* [layers, rows, query_width or kv_width] */
  float *scores_lse;                         /* [layers, rows, query_heads] */
  float *gate, *up, *activated;              /* [layers, rows, feed_forward] */
  float *product;                            /* what the next operation takes: [rows, hidden or query_width] */
  float *logits, *d_logits;                  /* [rows, vocabulary] */
  float *losses, *logits_lse, *d_losses;     /* [rows] */
  float *d_residual, *d_normed, *d_branch;   /* [rows, hidden]; the last is also what is about to join one of the others */
  float *d_inner;                            /* inside a branch: [rows, query_width or feed_forward] */
  float *d_query, *d_key, *d_value, *d_gate, *d_up;
  struct Memory memory;
};

static struct Pass pass;

/* x of one layer, or of one norm */
#define LAYER(x, width) (pass.x + layer * pass.rows * trainer.width)
#define NORM(x, norm) (pass.x + (norm) * pass.rows * trainer.hidden)

static int64_t larger(int64_t a, int64_t b) { return a > b ? a : b; }
static int64_t stream_elements(void) { return pass.rows * trainer.hidden; }

static void close_pass(void) {
  give_back(&pass.memory);
  pass = (struct Pass){0};
}

static void replace_trainer(const struct Trainer *successor) {
  close_pass();
  give_back(&trainer.memory);
  trainer = *successor;
}

/* RoPE (Su et al., 2021, arXiv:2104.09864): pair i of a head at position p turns by p base^(-2 i / head_dim). */
static void fill_angles(void) {
  const int64_t half = trainer.head_dim / 2, sequence = pass.length * half;
  for (int64_t position = 0; position < pass.length; position++)
    for (int64_t i = 0; i < half; i++) {
      const double angle = (double)position * pow(constant(CONSTANT_ROPE_BASE), -(double)(2 * i) / (double)trainer.head_dim);
      pass.cosines[position * half + i] = (float)cos(angle), pass.sines[position * half + i] = (float)sin(angle);
    }
  for (int64_t b = 1; b < pass.batch; b++) {
    memcpy(pass.cosines + b * sequence, pass.cosines, (size_t)sequence * sizeof(float));
    memcpy(pass.sines + b * sequence, pass.sines, (size_t)sequence * sizeof(float));
  }
}

static int open_pass(int64_t batch, int64_t length) {
  if (pass.batch == batch && pass.length == length) return DONE;
  close_pass();
  const int64_t rows = batch * length, norm_rows = (2 * trainer.layers + 1) * rows, layer_rows = trainer.layers * rows;
  const int64_t hidden = trainer.hidden, query_width = trainer.query_width, kv_width = trainer.kv_width, half = trainer.head_dim / 2;
  const int64_t feed_forward = trainer.feed_forward, vocabulary = trainer.vocabulary;
  struct Memory *memory = &pass.memory;
  TAKE(pass.cosines, rows * half), TAKE(pass.sines, rows * half);
  TAKE(pass.residual, norm_rows * hidden), TAKE(pass.normed, norm_rows * hidden), TAKE(pass.rstd, norm_rows);
  TAKE(pass.query, layer_rows * query_width), TAKE(pass.attended, layer_rows * query_width);
  TAKE(pass.key, layer_rows * kv_width), TAKE(pass.value, layer_rows * kv_width), TAKE(pass.scores_lse, layer_rows * trainer.query_heads);
  TAKE(pass.gate, layer_rows * feed_forward), TAKE(pass.up, layer_rows * feed_forward), TAKE(pass.activated, layer_rows * feed_forward);
  TAKE(pass.product, rows * larger(hidden, query_width)), TAKE(pass.logits, rows * vocabulary), TAKE(pass.d_logits, rows * vocabulary);
  TAKE(pass.losses, rows), TAKE(pass.logits_lse, rows), TAKE(pass.d_losses, rows);
  TAKE(pass.d_residual, rows * hidden), TAKE(pass.d_normed, rows * hidden), TAKE(pass.d_branch, rows * hidden);
  TAKE(pass.d_inner, rows * larger(query_width, feed_forward));
  TAKE(pass.d_query, rows * query_width), TAKE(pass.d_key, rows * kv_width), TAKE(pass.d_value, rows * kv_width);
  TAKE(pass.d_gate, rows * feed_forward), TAKE(pass.d_up, rows * feed_forward);
  if (memory->exhausted) {
    close_pass();
    return NO_MEMORY;
  }
  pass.batch = batch, pass.length = length, pass.rows = rows;
  fill_angles();
  return DONE;
}

/* ---- Forward: x += residual_scale branch(norm(x)), twice in each layer ---- */

static int project(int64_t tensor, const float *x, float *y) {
  const struct Tensor *weight = &trainer.tensors[tensor];
  return linear_forward(x, weight_of(tensor), y, pass.rows, weight->columns, weight->rows);
}

/* A projection whose heads turn by the place of their token. */
static int project_and_turn(int64_t tensor, const float *x, float *y, int64_t heads) {
  TRY(project(tensor, x, pass.product));
  return rope_forward(pass.product, pass.cosines, pass.sines, y, pass.rows, heads, 2, trainer.head_dim / 2);
}

static int normalise(int64_t norm, int64_t tensor) {
  return rmsnorm_forward(NORM(residual, norm), weight_of(tensor), NORM(normed, norm), pass.rstd + norm * pass.rows, pass.rows,
                         trainer.hidden, constant(CONSTANT_NORM_EPS));
}

/* The last projection of the branch of this norm, and its sum with the stream. */
static int leave_branch(int64_t norm, int64_t tensor, const float *x) {
  TRY(project(tensor, x, pass.product));
  const float scale = constant(CONSTANT_RESIDUAL_SCALE), *before = NORM(residual, norm), *branch = pass.product;
  const int64_t elements = stream_elements();
  float *after = NORM(residual, norm + 1);
  PARALLEL
  for (int64_t e = 0; e < elements; e++) after[e] = before[e] + scale * branch[e];
  return DONE;
}

static int attention_branch(int64_t layer) {
  const float *x = NORM(normed, 2 * layer);
  TRY(normalise(2 * layer, layer_tensor(layer, LAYER_INPUT_NORM)));
  TRY(project_and_turn(layer_tensor(layer, LAYER_Q), x, LAYER(query, query_width), trainer.query_heads));
  TRY(project_and_turn(layer_tensor(layer, LAYER_K), x, LAYER(key, kv_width), trainer.kv_heads));
  TRY(project(layer_tensor(layer, LAYER_V), x, LAYER(value, kv_width)));
  TRY(attention_forward(LAYER(query, query_width), LAYER(key, kv_width), LAYER(value, kv_width), LAYER(attended, query_width),
                        LAYER(scores_lse, query_heads), pass.batch, pass.length, trainer.kv_heads,
                        trainer.query_heads / trainer.kv_heads, trainer.head_dim));
  return leave_branch(2 * layer, layer_tensor(layer, LAYER_O), LAYER(attended, query_width));
}

static int feed_forward_branch(int64_t layer) {
  const float *x = NORM(normed, 2 * layer + 1);
  float *gate = LAYER(gate, feed_forward), *up = LAYER(up, feed_forward), *activated = LAYER(activated, feed_forward);
  TRY(normalise(2 * layer + 1, layer_tensor(layer, LAYER_SECOND_NORM)));
  TRY(project(layer_tensor(layer, LAYER_GATE), x, gate));
  TRY(project(layer_tensor(layer, LAYER_UP), x, up));
  TRY(swiglu_forward(gate, up, activated, pass.rows, trainer.feed_forward));
  return leave_branch(2 * layer + 1, layer_tensor(layer, LAYER_DOWN), activated);
}

static int forward(const int32_t *tokens, float *logits) {
  float *last = NORM(normed, 2 * trainer.layers);
  TRY(embedding_forward(tokens, weight_of(TENSOR_EMBEDDING), pass.residual, pass.rows, trainer.vocabulary, trainer.hidden));
  multiply(pass.residual, constant(CONSTANT_EMBEDDING_SCALE), stream_elements());
  for (int64_t layer = 0; layer < trainer.layers; layer++) {
    TRY(attention_branch(layer));
    TRY(feed_forward_branch(layer));
  }
  TRY(normalise(2 * trainer.layers, last_norm_tensor()));
  /* What enters the head is scaled in place of the logits, which are more. */
  multiply(last, constant(CONSTANT_LOGIT_SCALE), stream_elements());
  return project(head_tensor(), last, logits);
}

/* ---- Backward: the same in reverse, and the gradients of all weights ---- */

/* Where an operation is to leave a gradient of this tensor: at its place, or beside it where one of this step is already there. */
static float *place_for(int64_t tensor) { return trainer.tensors[tensor].has_gradient ? trainer.scratch : gradient_of(tensor); }

/* Sums what an operation has left there over micro-batches, and over the two uses of a tied embedding. */
static void collect(int64_t tensor, float scale) {
  float *gradient = gradient_of(tensor);
  if (trainer.tensors[tensor].has_gradient) add_to(gradient, scale, trainer.scratch, elements_of(tensor));
  else if (scale != 1) multiply(gradient, scale, elements_of(tensor));
  trainer.tensors[tensor].has_gradient = 1;
}

static int project_backward(int64_t tensor, const float *x, const float *dy, float *dx) {
  const struct Tensor *weight = &trainer.tensors[tensor];
  TRY(linear_wgrad(dy, x, place_for(tensor), pass.rows, weight->columns, weight->rows));
  collect(tensor, 1);
  return linear_dgrad(dy, weight_of(tensor), dx, pass.rows, weight->columns, weight->rows);
}

/* The gradient of one more projection of what a norm has made. */
static int project_backward_too(int64_t tensor, const float *x, const float *dy) {
  TRY(project_backward(tensor, x, dy, pass.d_branch));
  add_to(pass.d_normed, 1, pass.d_branch, stream_elements());
  return DONE;
}

static int turn_back(const float *dy, int64_t heads) {
  return rope_backward(dy, pass.cosines, pass.sines, pass.product, pass.rows, heads, 2, trainer.head_dim / 2);
}

static int normalise_backward(int64_t norm, int64_t tensor, float *dx) {
  TRY(rmsnorm_backward(pass.d_normed, NORM(residual, norm), weight_of(tensor), pass.rstd + norm * pass.rows, dx, place_for(tensor),
                       pass.rows, trainer.hidden));
  collect(tensor, 1);
  return DONE;
}

/* From the stream behind a branch into it, to d_inner. */
static int enter_branch(int64_t tensor, const float *x) {
  const float scale = constant(CONSTANT_RESIDUAL_SCALE), *d_after = pass.d_residual;
  const int64_t elements = stream_elements();
  float *d_branch = pass.d_branch;
  PARALLEL
  for (int64_t e = 0; e < elements; e++) d_branch[e] = scale * d_after[e];
  return project_backward(tensor, x, pass.d_branch, pass.d_inner);
}

/* From d_normed to the stream before the branch, which has what went past the branch already. */
static int rejoin_stream(int64_t norm, int64_t tensor) {
  TRY(normalise_backward(norm, tensor, pass.d_branch));
  add_to(pass.d_residual, 1, pass.d_branch, stream_elements());
  return DONE;
}

static int feed_forward_branch_backward(int64_t layer) {
  const float *x = NORM(normed, 2 * layer + 1), *gate = LAYER(gate, feed_forward), *up = LAYER(up, feed_forward);
  TRY(enter_branch(layer_tensor(layer, LAYER_DOWN), LAYER(activated, feed_forward)));
  TRY(swiglu_backward(pass.d_inner, gate, up, pass.d_gate, pass.d_up, pass.rows, trainer.feed_forward));
  TRY(project_backward(layer_tensor(layer, LAYER_GATE), x, pass.d_gate, pass.d_normed));
  TRY(project_backward_too(layer_tensor(layer, LAYER_UP), x, pass.d_up));
  return rejoin_stream(2 * layer + 1, layer_tensor(layer, LAYER_SECOND_NORM));
}

static int attention_branch_backward(int64_t layer) {
  const float *x = NORM(normed, 2 * layer);
  TRY(enter_branch(layer_tensor(layer, LAYER_O), LAYER(attended, query_width)));
  TRY(attention_backward(pass.d_inner, LAYER(query, query_width), LAYER(key, kv_width), LAYER(value, kv_width),
                         LAYER(scores_lse, query_heads), pass.d_query, pass.d_key, pass.d_value, pass.batch, pass.length,
                         trainer.kv_heads, trainer.query_heads / trainer.kv_heads, trainer.head_dim));
  TRY(turn_back(pass.d_query, trainer.query_heads));
  TRY(project_backward(layer_tensor(layer, LAYER_Q), x, pass.product, pass.d_normed));
  TRY(turn_back(pass.d_key, trainer.kv_heads));
  TRY(project_backward_too(layer_tensor(layer, LAYER_K), x, pass.product));
  TRY(project_backward_too(layer_tensor(layer, LAYER_V), x, pass.d_value));
  return rejoin_stream(2 * layer, layer_tensor(layer, LAYER_INPUT_NORM));
}

/* From the d_logits of the micro-batch that has just gone forward. */
static int backward(const int32_t *tokens) {
  TRY(project_backward(head_tensor(), NORM(normed, 2 * trainer.layers), pass.d_logits, pass.d_normed));
  multiply(pass.d_normed, constant(CONSTANT_LOGIT_SCALE), stream_elements());
  TRY(normalise_backward(2 * trainer.layers, last_norm_tensor(), pass.d_residual));
  for (int64_t layer = trainer.layers - 1; layer >= 0; layer--) {
    TRY(feed_forward_branch_backward(layer));
    TRY(attention_branch_backward(layer));
  }
  TRY(embedding_backward(tokens, pass.d_residual, place_for(TENSOR_EMBEDDING), pass.rows, trainer.vocabulary, trainer.hidden));
  collect(TENSOR_EMBEDDING, constant(CONSTANT_EMBEDDING_SCALE));
  return DONE;
}

/* ---- Loss: its mean over all targets of the step that are not ignored ---- */

/* Adds to `loss` those of a micro-batch, and leaves the gradient of their share of the mean in d_logits. */
static int loss_and_gradient(const int32_t *targets, int64_t counted, double *loss) {
  TRY(cross_entropy_forward(pass.logits, targets, pass.losses, pass.logits_lse, pass.rows, trainer.vocabulary));
  for (int64_t t = 0; t < pass.rows; t++) {
    *loss += pass.losses[t];
    pass.d_losses[t] = counted > 0 ? 1 / (float)counted : 0;
  }
  return cross_entropy_backward(pass.logits, targets, pass.logits_lse, pass.d_losses, pass.d_logits, pass.rows, trainer.vocabulary);
}

/* ---- Optimizer ---- */

/* Warm-up, then constant, cosine, or warmup-stable-decay with exponential decay (MiniCPM, section 4). */
static double learning_rate(void) {
  const int32_t *shape = trainer.setting.shape;
  const double peak = constant(CONSTANT_LEARNING_RATE), final = constant(CONSTANT_FINAL_LEARNING_RATE), pi = 3.14159265358979323846;
  const int64_t step = trainer.setting.completed_steps, warmup = shape[SHAPE_WARMUP_STEPS], total = shape[SHAPE_TOTAL_STEPS];
  const int64_t start = shape[SHAPE_SCHEDULE] == SCHEDULE_WSD ? shape[SHAPE_DECAY_START] : warmup;
  if (step < warmup) return peak * (double)(step + 1) / (double)warmup;
  if (shape[SHAPE_SCHEDULE] == SCHEDULE_CONSTANT || step < start) return peak;
  const double progress = step < total ? (double)(step - start) / (double)(total - start) : 1;
  if (shape[SHAPE_SCHEDULE] == SCHEDULE_COSINE) return final + (peak - final) * (1 + cos(pi * progress)) / 2;
  return peak * pow(final / peak, progress);
}

/* Row by row, then over all rows: one sum over millions of squares would lose in float32 what the gradients have kept. */
static int gradient_norm(float *norm) {
  float *squares = trainer.squares;
  double sum = 0;
  for (int64_t tensor = 0; tensor < trainer.tensor_count; tensor++) {
    const int64_t rows = trainer.tensors[tensor].rows;
    TRY(gradient_squares(gradient_of(tensor), squares, rows, trainer.tensors[tensor].columns));
    squares += rows;
  }
  for (int64_t r = 0; r < trainer.row_count; r++) sum += trainer.squares[r];
  *norm = (float)sqrt(sum);
  return DONE;
}

/* The norm is larger by 1e-6 than it is where it clips. At float32 what forward reads is the new weight itself, not stored_weight. */
static int update(int64_t tensor, float rate, float norm) {
  const struct Tensor *t = &trainer.tensors[tensor];
  return adamw_step(gradient_of(tensor), weight_of(tensor), part_of(tensor, PART_FIRST_MOMENT), part_of(tensor, PART_SECOND_MOMENT),
                    next_part_of(tensor, PART_WEIGHT), trainer.scratch, next_part_of(tensor, PART_FIRST_MOMENT),
                    next_part_of(tensor, PART_SECOND_MOMENT), t->rows, t->columns, rate, constant(CONSTANT_BETA1),
                    constant(CONSTANT_BETA2), constant(CONSTANT_ADAM_EPS), t->is_gain ? 0 : constant(CONSTANT_WEIGHT_DECAY), norm + 1e-6f,
                    constant(CONSTANT_MAX_GRADIENT_NORM), trainer.setting.completed_steps + 1);
}

static int step(const int32_t *tokens, const int32_t *targets, float *report, int64_t micro_batches) {
  const int64_t all_rows = micro_batches * pass.rows;
  const float rate = (float)learning_rate();
  int64_t counted = 0;
  double loss = 0;
  float norm;
  for (int64_t t = 0; t < all_rows; t++) counted += targets[t] != IGNORED;
  for (int64_t tensor = 0; tensor < trainer.tensor_count; tensor++) trainer.tensors[tensor].has_gradient = 0;
  for (int64_t first = 0; first < all_rows; first += pass.rows) {
    TRY(forward(tokens + first, pass.logits));
    TRY(loss_and_gradient(targets + first, counted, &loss));
    TRY(backward(tokens + first));
  }
  TRY(gradient_norm(&norm));
  for (int64_t tensor = 0; tensor < trainer.tensor_count; tensor++) TRY(update(tensor, rate, norm));
  float *before = trainer.parts;
  trainer.parts = trainer.next_parts, trainer.next_parts = before;
  trainer.setting.completed_steps++;
  report[REPORT_LOSS] = counted > 0 ? (float)(loss / (double)counted) : 0;
  report[REPORT_GRADIENT_NORM] = norm;
  report[REPORT_LEARNING_RATE] = rate;
  return DONE;
}

/* ---- The functions of forge_trainer.h ---- */

int trainer_create(const int32_t *shape, const float *constants, int64_t shape_count, int64_t constant_count) {
  struct Setting setting = {.completed_steps = 0};
  struct Trainer successor;
  if (shape_count != SHAPE_COUNT || constant_count != CONSTANT_COUNT) return BAD_ARGUMENT;
  memcpy(setting.shape, shape, sizeof setting.shape);
  memcpy(setting.constants, constants, sizeof setting.constants);
  const int status = build(&successor, &setting);
  if (status == DONE) replace_trainer(&successor);
  return status;
}

static int is_part(int64_t count, int32_t tensor, int32_t part) {
  return exists() && tensor >= 0 && tensor < trainer.tensor_count && part >= 0 && part < PARTS && count == elements_of(tensor);
}

int trainer_write(const float *values, int64_t count, int32_t tensor, int32_t part) {
  if (!is_part(count, tensor, part)) return BAD_ARGUMENT;
  memcpy(part_of(tensor, part), values, (size_t)count * sizeof(float));
  return DONE;
}

int trainer_read(float *values, int64_t count, int32_t tensor, int32_t part) {
  if (!is_part(count, tensor, part)) return BAD_ARGUMENT;
  memcpy(values, part_of(tensor, part), (size_t)count * sizeof(float));
  return DONE;
}

int trainer_seek(const int32_t *completed_steps, int64_t count) {
  if (!exists() || count != 1 || *completed_steps < 0) return BAD_ARGUMENT;
  trainer.setting.completed_steps = *completed_steps;
  return DONE;
}

static int is_batch(int64_t micro_batches, int64_t batch, int64_t length) {
  return micro_batches >= 1 && micro_batches <= LARGEST_MICRO_BATCHES && batch >= 1 && batch <= LARGEST_BATCH && length >= 1 &&
         length <= LARGEST_LENGTH && batch * length <= INT32_MAX;
}

static int are_tokens(const int32_t *tokens, int64_t count, int may_be_ignored) {
  for (int64_t t = 0; t < count; t++)
    if ((tokens[t] < 0 || tokens[t] >= trainer.vocabulary) && !(may_be_ignored && tokens[t] == IGNORED)) return 0;
  return 1;
}

int trainer_logits(const int32_t *tokens, float *logits, int64_t batch, int64_t length, int64_t vocabulary) {
  if (!exists() || vocabulary != trainer.vocabulary || !is_batch(1, batch, length)) return BAD_ARGUMENT;
  if (!are_tokens(tokens, batch * length, 0)) return BAD_ARGUMENT;
  if (open_pass(batch, length) != DONE) return NO_MEMORY;
  TRY(forward(tokens, logits));
  return DONE;
}

int trainer_step(const int32_t *tokens, const int32_t *targets, float *report, int64_t micro_batches, int64_t batch, int64_t length,
                 int64_t report_count) {
  if (!exists() || report_count != REPORT_COUNT || !is_batch(micro_batches, batch, length)) return BAD_ARGUMENT;
  const int64_t all_rows = micro_batches * batch * length;
  if (!are_tokens(tokens, all_rows, 0) || !are_tokens(targets, all_rows, 1)) return BAD_ARGUMENT;
  if (trainer.setting.completed_steps == INT32_MAX) return BAD_ARGUMENT;
  if (open_pass(batch, length) != DONE) return NO_MEMORY;
  return step(tokens, targets, report, micro_batches);
}

/* An image is the setting, then all weights and moments. */
static int64_t image_words(const struct Trainer *t) { return (int64_t)((sizeof t->setting + part_bytes(t)) / sizeof(int32_t)); }

int trainer_image_words(int32_t *words, int64_t count) {
  if (!exists() || count != 1 || image_words(&trainer) > INT32_MAX) return BAD_ARGUMENT;
  *words = (int32_t)image_words(&trainer);
  return DONE;
}

int trainer_save(int32_t *image, int64_t words) {
  if (!exists() || words != image_words(&trainer)) return BAD_ARGUMENT;
  memcpy(image, &trainer.setting, sizeof trainer.setting);
  memcpy(image + sizeof trainer.setting / sizeof(int32_t), trainer.parts, part_bytes(&trainer));
  return DONE;
}

int trainer_restore(const int32_t *image, int64_t words) {
  struct Setting setting;
  struct Trainer successor;
  if (words < (int64_t)(sizeof setting / sizeof(int32_t))) return BAD_ARGUMENT;
  memcpy(&setting, image, sizeof setting);
  const int status = build(&successor, &setting);
  if (status != DONE) return status;
  if (words != image_words(&successor)) {
    give_back(&successor.memory);
    return BAD_ARGUMENT;
  }
  memcpy(successor.parts, image + sizeof setting / sizeof(int32_t), part_bytes(&successor));
  replace_trainer(&successor);
  return DONE;
}
