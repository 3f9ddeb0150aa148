/*
 * A trainer of decoders in the manner of Llama and MiniCPM, for speed on CPUs: forge_trainer.h says what it does.
 *
 * A row is a token of a micro-batch. q, k and v of a layer are one product, and so are gate and up: their weights lie one after the
 * other in memory. The gradient of an activation is called d_ and its name.
 */
#include "forge_trainer.h"

#include <stdlib.h>

#include "numbers.h"
#include "matmul.h"
#include "attention.h"

#if defined(_OPENMP)
#include <omp.h>
static int thread_number(void) { return omp_get_thread_num(); }
#else
static int thread_number(void) { return 0; }
#endif

#define PARALLEL PRAGMA(omp parallel for num_threads(FORGE_THREADS) schedule(static))
#define PARALLEL_DYNAMIC PRAGMA(omp parallel for num_threads(FORGE_THREADS) schedule(dynamic, 1))

enum { DONE, BAD_ARGUMENT, NO_MEMORY };
enum { IGNORED = -100, PART_COUNT = PART_SECOND_MOMENT + 1 };

/* ---- The trainer ---- */

/* An image begins with it. `unused` stands where a compiler would leave a gap. */
struct Setting {
  int32_t shape[SHAPE_COUNT], completed_steps, unused;
  float constants[CONSTANT_COUNT];
};

struct Tensor {
  int64_t offset, rows, columns;
  int is_gain;
};

struct Trainer {
  struct Setting setting;
  int64_t layers, hidden, query_heads, kv_heads, head_dim, feed_forward, vocabulary;
  int64_t query_width, kv_width, qkv_width; /* features of all heads */
  int64_t tensor_count, row_count, parameters;
  struct Tensor *tensors;
  float *parts;     /* [PART_COUNT, parameters] */
  float *gradients; /* [parameters] */
  float *squares;   /* sum of a row's squared gradients, [row_count] */
};

static struct Trainer trainer;

static int exists(void) { return trainer.tensors != NULL; }
static float constant(int which) { return trainer.setting.constants[which]; }
static int64_t layer_tensor(int64_t layer, int which) { return 1 + layer * TENSORS_PER_LAYER + which; }
static int64_t last_norm(void) { return layer_tensor(trainer.layers, 0); }
static int is_tied(void) { return trainer.setting.shape[SHAPE_TIED]; }
static int64_t head(void) { return is_tied() ? TENSOR_EMBEDDING : last_norm() + 1; }
static int64_t elements_of(int64_t tensor) { return trainer.tensors[tensor].rows * trainer.tensors[tensor].columns; }
static float *part_of(int64_t tensor, int part) { return trainer.parts + part * trainer.parameters + trainer.tensors[tensor].offset; }
static float *weight_of(int64_t tensor) { return part_of(tensor, PART_WEIGHT); }
static float *gradient_of(int64_t tensor) { return trainer.gradients + trainer.tensors[tensor].offset; }

static int is_valid(const struct Setting *setting) {
  static const int32_t largest[] = {512, 65536, 1024, 1024, 1024, 262144, 1000000}; /* no product of sizes overflows */
  const int32_t *shape = setting->shape;
  for (int field = SHAPE_LAYERS; field <= SHAPE_VOCABULARY; field++)
    if (shape[field] < 1 || shape[field] > largest[field]) return 0;
  for (int field = 0; field < CONSTANT_COUNT; field++)
    if (!(setting->constants[field] >= 0)) return 0;
  if (shape[SHAPE_QUERY_HEADS] % shape[SHAPE_KV_HEADS] != 0 || shape[SHAPE_HEAD_DIM] % 2 != 0) return 0;
  if (shape[SHAPE_TIED] != 0 && shape[SHAPE_TIED] != 1) return 0;
  if (shape[SHAPE_SCHEDULE] < SCHEDULE_CONSTANT || shape[SHAPE_SCHEDULE] > SCHEDULE_WSD) return 0;
  return shape[SHAPE_WARMUP_STEPS] >= 0 && shape[SHAPE_DECAY_START] >= 0 && shape[SHAPE_TOTAL_STEPS] >= 1 && setting->completed_steps >= 0;
}

static void add_tensor(struct Trainer *t, int64_t rows, int64_t columns, int is_gain) {
  t->tensors[t->tensor_count++] = (struct Tensor){t->parameters, rows, columns, is_gain};
  t->row_count += rows;
  t->parameters += rows * columns;
}

static void discard(struct Trainer *t) {
  free(t->tensors), free(t->parts), free(t->gradients), free(t->squares);
  *t = (struct Trainer){.tensors = NULL};
}

/* Builds a trainer beside the one that there is. */
static int build(struct Trainer *t, const struct Setting *setting) {
  if (!is_valid(setting)) return BAD_ARGUMENT;
  const int32_t *shape = setting->shape;
  const int64_t hidden = shape[SHAPE_HIDDEN], feed_forward = shape[SHAPE_FEED_FORWARD], head_dim = shape[SHAPE_HEAD_DIM];
  const int64_t query_width = shape[SHAPE_QUERY_HEADS] * head_dim, kv_width = shape[SHAPE_KV_HEADS] * head_dim;
  *t = (struct Trainer){.setting = *setting, .layers = shape[SHAPE_LAYERS], .hidden = hidden, .query_heads = shape[SHAPE_QUERY_HEADS],
                        .kv_heads = shape[SHAPE_KV_HEADS], .head_dim = head_dim, .feed_forward = feed_forward,
                        .vocabulary = shape[SHAPE_VOCABULARY], .query_width = query_width, .kv_width = kv_width,
                        .qkv_width = query_width + 2 * kv_width};
  t->tensors = calloc((size_t)(t->layers * TENSORS_PER_LAYER + 3), sizeof *t->tensors);
  if (t->tensors == NULL) return NO_MEMORY;
  const int64_t sizes[TENSORS_PER_LAYER][2] = {{1, hidden},           {query_width, hidden}, {kv_width, hidden},
                                               {kv_width, hidden},    {hidden, query_width}, {1, hidden},
                                               {feed_forward, hidden}, {feed_forward, hidden}, {hidden, feed_forward}};
  add_tensor(t, t->vocabulary, hidden, 0);
  for (int64_t layer = 0; layer < t->layers; layer++)
    for (int which = 0; which < TENSORS_PER_LAYER; which++)
      add_tensor(t, sizes[which][0], sizes[which][1], which == LAYER_INPUT_NORM || which == LAYER_SECOND_NORM);
  add_tensor(t, 1, hidden, 1);
  if (!shape[SHAPE_TIED]) add_tensor(t, t->vocabulary, hidden, 0);

  t->parts = calloc((size_t)(PART_COUNT * t->parameters), sizeof(float));
  t->gradients = calloc((size_t)t->parameters, sizeof(float));
  t->squares = calloc((size_t)t->row_count, sizeof(float));
  if (t->parts != NULL && t->gradients != NULL && t->squares != NULL) return DONE;
  discard(t);
  return NO_MEMORY;
}

/* ---- What a micro-batch needs on its way forward and backward: one block of memory ---- */

/* Norm n stands before branch n of the residual stream: 2 l before attention of layer l, 2 l + 1 before its feed-forward, and last. */
struct Pass {
  int64_t batch, length, rows;
  int64_t hidden_stride, qkv_stride, query_stride, gate_up_stride, inner_stride, logits_stride; /* from row to row */
  const int32_t *tokens;
  float *cosine, *sine;   /* [length, head_dim / 2] */
  float *residual, *rstd; /* [norms, rows, hidden] and [norms, rows] */
  float *normed;          /* [norms, rows, hidden] */
  float *qkv, *attended;  /* [layers, rows, qkv_width], [layers, rows, query_width] */
  float *gate_up;         /* [layers, rows, 2 feed_forward] */
  float *activated;       /* [layers, rows, feed_forward] */
  float *product;         /* what has just left a product: [rows, hidden] */
  float *logits;          /* [rows, vocabulary], and then their gradients */
  float *d_residual, *d_normed, *d_branch, *d_attended, *d_activated, *d_qkv, *d_gate_up;
  float *gain_sums;       /* [chunks of rows, hidden] */
  float *losses;          /* [rows] */
  int32_t *next_same, *first_rows, *first_of_token; /* rows that hold the same token, as lists */
  float *packed;          /* the right operand of a product */
  float *scratch;         /* of attention, for each thread */
  int64_t scratch_size, norm_size, layer_rows;
  float *memory;
};

static struct Pass kept; /* that of the last call */

/* Rows of arrays are so many floats apart that columns do not all fall into the same sets of a cache. */
static int64_t stride_for(int64_t width) {
  const int64_t stride = (width + 15) / 16 * 16;
  return stride % 512 == 0 ? stride + 16 : stride;
}

enum { SPARE_ROWS = 64, ROWS_PER_CHUNK = 64 };

static float *carve(float *memory, int64_t *taken, int64_t count) {
  float *array = memory == NULL ? NULL : memory + *taken;
  *taken += (count + 15) / 16 * 16 + 32;
  return array;
}

/* The largest right operand of a product: a weight, either way round, or an activation. */
static int64_t largest_packed(int64_t rows) {
  const int64_t widths[] = {trainer.hidden, trainer.qkv_width, 2 * trainer.feed_forward, trainer.vocabulary};
  int64_t largest = packed_size(rows, trainer.hidden);
  for (int i = 0; i < 4; i++) {
    const int64_t sizes[] = {packed_size(widths[i], trainer.hidden), packed_size(trainer.hidden, widths[i]), i < 3 ? packed_size(rows, widths[i]) : 0};
    for (int way = 0; way < 3; way++) largest = sizes[way] > largest ? sizes[way] : largest;
  }
  return largest;
}

/* Places all arrays in `memory` and counts its floats; only counts where memory is NULL. */
static int64_t lay_out(struct Pass *p, float *memory) {
  const int64_t norms = 2 * trainer.layers + 1, rows = p->rows + SPARE_ROWS, half = trainer.head_dim / 2;
  int64_t taken = 0;
#define TAKE(array, count) (p->array = carve(memory, &taken, count))
  p->norm_size = rows * p->hidden_stride, p->layer_rows = rows;
  TAKE(cosine, p->length * half), TAKE(sine, p->length * half);
  TAKE(residual, norms * p->norm_size), TAKE(normed, norms * p->norm_size), TAKE(rstd, norms * p->rows);
  TAKE(qkv, trainer.layers * rows * p->qkv_stride), TAKE(attended, trainer.layers * rows * p->query_stride);
  TAKE(gate_up, trainer.layers * rows * p->gate_up_stride), TAKE(activated, trainer.layers * rows * p->inner_stride);
  TAKE(product, p->norm_size), TAKE(logits, rows * p->logits_stride);
  TAKE(d_residual, p->norm_size), TAKE(d_normed, p->norm_size), TAKE(d_branch, p->norm_size);
  TAKE(d_attended, rows * p->query_stride), TAKE(d_activated, rows * p->inner_stride);
  TAKE(d_qkv, rows * p->qkv_stride), TAKE(d_gate_up, rows * p->gate_up_stride);
  TAKE(gain_sums, (p->rows / ROWS_PER_CHUNK + 1) * trainer.hidden), TAKE(losses, p->rows);
  p->next_same = (int32_t *)carve(memory, &taken, p->rows), p->first_rows = (int32_t *)carve(memory, &taken, p->rows);
  p->first_of_token = (int32_t *)carve(memory, &taken, trainer.vocabulary);
  struct AttentionScratch counted;
  p->scratch_size = round_up(lay_out_attention(&counted, NULL, p->length, trainer.head_dim), 16);
  TAKE(packed, largest_packed(p->rows)), TAKE(scratch, FORGE_THREADS * p->scratch_size);
#undef TAKE
  return taken;
}

/* RoPE: pair i of a head at position p turns by p base^(-2 i / head_dim). */
static void fill_angles(struct Pass *p) {
  const int64_t half = trainer.head_dim / 2;
  for (int64_t i = 0; i < half; i++) {
    const double frequency = pow((double)constant(CONSTANT_ROPE_BASE), -(double)(2 * i) / (double)trainer.head_dim);
    for (int64_t position = 0; position < p->length; position++) {
      p->cosine[position * half + i] = (float)cos((double)position * frequency);
      p->sine[position * half + i] = (float)sin((double)position * frequency);
    }
  }
}

static void close_pass(void) {
  free(kept.memory);
  kept = (struct Pass){.memory = NULL};
}

/* Keeps the memory of the last call where the batch has the same shape. */
static struct Pass *open_pass(int64_t batch, int64_t length) {
  if (kept.memory != NULL && kept.batch == batch && kept.length == length) return &kept;
  close_pass();
  struct Pass p = {.batch = batch, .length = length, .rows = batch * length};
  p.hidden_stride = stride_for(trainer.hidden), p.qkv_stride = stride_for(trainer.qkv_width);
  p.query_stride = stride_for(trainer.query_width), p.gate_up_stride = stride_for(2 * trainer.feed_forward);
  p.inner_stride = stride_for(trainer.feed_forward), p.logits_stride = stride_for(trainer.vocabulary);
  p.memory = calloc((size_t)lay_out(&p, NULL) + 16, sizeof(float));
  if (p.memory == NULL) return NULL;
  lay_out(&p, (float *)(((uintptr_t)p.memory + 63) / 64 * 64));
  fill_angles(&p);
  kept = p;
  return &kept;
}

static float *residual_of(const struct Pass *p, int64_t norm) { return p->residual + norm * p->norm_size; }
static float *normed_of(const struct Pass *p, int64_t norm) { return p->normed + norm * p->norm_size; }
static float *qkv_of(const struct Pass *p, int64_t layer) { return p->qkv + layer * p->layer_rows * p->qkv_stride; }
static float *attended_of(const struct Pass *p, int64_t layer) { return p->attended + layer * p->layer_rows * p->query_stride; }
static float *gate_up_of(const struct Pass *p, int64_t layer) { return p->gate_up + layer * p->layer_rows * p->gate_up_stride; }
static float *activated_of(const struct Pass *p, int64_t layer) { return p->activated + layer * p->layer_rows * p->inner_stride; }

/* ---- Linear layers: y = x W^T; tensors that follow each other in memory make one layer of `outputs` features ---- */

static void linear_forward(const struct Pass *p, int64_t tensor, int64_t outputs, const float *x, int64_t x_stride, float *y, int64_t y_stride) {
  const int64_t inputs = trainer.tensors[tensor].columns;
  matmul(p->rows, outputs, inputs, (struct View){x, x_stride, 1}, (struct View){weight_of(tensor), 1, inputs}, p->packed, y, y_stride,
         ROUND_PRODUCT | ROUND_B);
}

/* dx = dy W */
static void linear_backward(const struct Pass *p, int64_t tensor, int64_t outputs, const float *dy, int64_t dy_stride, float *dx, int64_t dx_stride) {
  const int64_t inputs = trainer.tensors[tensor].columns;
  matmul(p->rows, inputs, outputs, (struct View){dy, dy_stride, 1}, (struct View){weight_of(tensor), inputs, 1}, p->packed, dx, dx_stride,
         ROUND_PRODUCT | ROUND_B);
}

/* dW = dy^T x, added to what earlier micro-batches left */
static void weight_gradient(const struct Pass *p, int64_t tensor, int64_t outputs, const float *x, int64_t x_stride, const float *dy,
                            int64_t dy_stride, int is_first) {
  const int64_t inputs = trainer.tensors[tensor].columns;
  matmul(outputs, inputs, p->rows, (struct View){dy, 1, dy_stride}, (struct View){x, x_stride, 1}, p->packed, gradient_of(tensor), inputs,
         is_first ? STORE_PRODUCT : ADD_PRODUCT);
}

/* ---- RMSNorm ---- */

/* rstd[t] = 1 / sqrt(mean over d of x[t,d]^2 + eps);   y[t,d] = scale x[t,d] rstd[t] gain[d] */
static void norm_forward(const struct Pass *p, int64_t norm, int64_t tensor, float scale) {
  const int64_t hidden = trainer.hidden;
  const float *gain = weight_of(tensor), eps = constant(CONSTANT_NORM_EPS);
  PARALLEL
  for (int64_t t = 0; t < p->rows; t++) {
    const float *x = residual_of(p, norm) + t * p->hidden_stride;
    float *y = normed_of(p, norm) + t * p->hidden_stride, squares = 0;
    SIMD_SUM(squares)
    for (int64_t d = 0; d < hidden; d++) squares += x[d] * x[d];
    const float rstd = 1 / sqrtf(squares / (float)hidden + eps);
    p->rstd[norm * p->rows + t] = rstd;
    SIMD
    for (int64_t d = 0; d < hidden; d++) y[d] = rounded(scale * (x[d] * rstd * gain[d]));
  }
}

/*
 * dgain[d] = sum over t of dy[t,d] x[t,d] rstd[t], by chunks of rows
 * dx[t,d] += rstd[t] (dy[t,d] gain[d] - x[t,d] rstd[t] mean over k of dy[t,k] gain[k] x[t,k] rstd[t]);   dy = scale d_normed
 */
static void norm_backward(const struct Pass *p, int64_t norm, int64_t tensor, float scale, int is_first) {
  const int64_t hidden = trainer.hidden, chunks = (p->rows + ROWS_PER_CHUNK - 1) / ROWS_PER_CHUNK;
  const float *gain = weight_of(tensor);
  PARALLEL
  for (int64_t chunk = 0; chunk < chunks; chunk++) {
    float *sums = p->gain_sums + chunk * hidden;
    for (int64_t d = 0; d < hidden; d++) sums[d] = 0;
    for (int64_t t = chunk * ROWS_PER_CHUNK; t < p->rows && t < (chunk + 1) * ROWS_PER_CHUNK; t++) {
      const float *x = residual_of(p, norm) + t * p->hidden_stride, rstd = p->rstd[norm * p->rows + t];
      float *dy = p->d_normed + t * p->hidden_stride, *dx = p->d_residual + t * p->hidden_stride, product = 0;
      SIMD_SUM(product)
      for (int64_t d = 0; d < hidden; d++) {
        dy[d] *= scale;
        sums[d] += dy[d] * (x[d] * rstd);
        product += dy[d] * gain[d] * (x[d] * rstd);
      }
      const float mean = product / (float)hidden;
      SIMD
      for (int64_t d = 0; d < hidden; d++) dx[d] += rstd * (dy[d] * gain[d] - x[d] * rstd * mean);
    }
  }
  float *dgain = gradient_of(tensor);
  for (int64_t chunk = 0; chunk < chunks; chunk++)
    for (int64_t d = 0; d < hidden; d++) dgain[d] = (chunk == 0 && is_first ? 0 : dgain[d]) + p->gain_sums[chunk * hidden + d];
}

/* ---- Attention ---- */

/* Turns the pair (x[i], x[i + head_dim / 2]) of each query and key head by its angle, or back where direction is -1. */
static void rotate(const struct Pass *p, float *qkv, float direction) {
  const int64_t half = trainer.head_dim / 2, heads = trainer.query_heads + trainer.kv_heads;
  PARALLEL
  for (int64_t t = 0; t < p->rows; t++) {
    const float *cosine = p->cosine + t % p->length * half, *sine = p->sine + t % p->length * half;
    for (int64_t h = 0; h < heads; h++) {
      float *low = qkv + t * p->qkv_stride + h * 2 * half, *high = low + half;
      SIMD
      for (int64_t i = 0; i < half; i++) {
        const float a = low[i], b = high[i], turn = direction * sine[i];
        low[i] = rounded(a * cosine[i] - b * turn);
        high[i] = rounded(b * cosine[i] + a * turn);
      }
    }
  }
}

static void attention(const struct Pass *p, int64_t layer, int is_backward) {
  const int64_t head_dim = trainer.head_dim, group = trainer.query_heads / trainer.kv_heads;
  PARALLEL_DYNAMIC
  for (int64_t n = 0; n < p->batch * trainer.kv_heads; n++) {
    const int64_t row = n / trainer.kv_heads * p->length, kv_head = n % trainer.kv_heads;
    const int64_t query = row * p->qkv_stride + kv_head * group * head_dim;
    const int64_t key = row * p->qkv_stride + trainer.query_width + kv_head * head_dim, value = key + trainer.kv_width;
    const int64_t out = row * p->query_stride + kv_head * group * head_dim;
    const float *qkv = qkv_of(p, layer);
    const struct Heads heads = {p->length, head_dim, group, p->qkv_stride, p->query_stride, qkv + query, qkv + key, qkv + value,
                                attended_of(p, layer) + out, p->d_attended + out, p->d_qkv + query, p->d_qkv + key, p->d_qkv + value};
    struct AttentionScratch scratch;
    lay_out_attention(&scratch, p->scratch + thread_number() * p->scratch_size, p->length, head_dim);
    if (is_backward) attention_backward(&heads, &scratch);
    else attention_forward(&heads, &scratch);
  }
}

/* ---- SwiGLU: a = gate sigmoid(gate) up ---- */

static void swiglu_forward(const struct Pass *p, int64_t layer) {
  const int64_t width = trainer.feed_forward;
  PARALLEL
  for (int64_t t = 0; t < p->rows; t++) {
    const float *gate = gate_up_of(p, layer) + t * p->gate_up_stride, *up = gate + width;
    float *activated = activated_of(p, layer) + t * p->inner_stride;
    SIMD
    for (int64_t e = 0; e < width; e++) activated[e] = rounded(gate[e] * sigmoid(gate[e]) * up[e]);
  }
}

/* dup = da gate sigmoid(gate);   dgate = da up sigmoid(gate) (1 + gate (1 - sigmoid(gate))) */
static void swiglu_backward(const struct Pass *p, int64_t layer) {
  const int64_t width = trainer.feed_forward;
  PARALLEL
  for (int64_t t = 0; t < p->rows; t++) {
    const float *gate = gate_up_of(p, layer) + t * p->gate_up_stride, *up = gate + width, *da = p->d_activated + t * p->inner_stride;
    float *d_gate = p->d_gate_up + t * p->gate_up_stride, *d_up = d_gate + width;
    SIMD
    for (int64_t e = 0; e < width; e++) {
      const float g = gate[e], s = sigmoid(g);
      d_up[e] = rounded(da[e] * g * s);
      d_gate[e] = rounded(da[e] * up[e] * s * (1 + g * (1 - s)));
    }
  }
}

/* ---- Embedding: a look-up, of the masters ---- */

static void embed(const struct Pass *p) {
  const int64_t hidden = trainer.hidden;
  const float *embedding = weight_of(TENSOR_EMBEDDING), scale = constant(CONSTANT_EMBEDDING_SCALE);
  PARALLEL
  for (int64_t t = 0; t < p->rows; t++)
    SIMD
    for (int64_t d = 0; d < hidden; d++) p->residual[t * p->hidden_stride + d] = scale * embedding[p->tokens[t] * hidden + d];
}

/* dE[v,d] += embedding_scale times the sum over the rows t of token v of dx[t,d], first in p->product at the token's first row. */
static void embed_backward(const struct Pass *p) {
  const int64_t hidden = trainer.hidden;
  const float scale = constant(CONSTANT_EMBEDDING_SCALE);
  int64_t count = 0;
  for (int64_t v = 0; v < trainer.vocabulary; v++) p->first_of_token[v] = -1;
  for (int64_t t = p->rows - 1; t >= 0; t--) {
    p->next_same[t] = p->first_of_token[p->tokens[t]];
    p->first_of_token[p->tokens[t]] = (int32_t)t;
  }
  for (int64_t t = 0; t < p->rows; t++)
    if (p->first_of_token[p->tokens[t]] == t) p->first_rows[count++] = (int32_t)t;
  PARALLEL
  for (int64_t n = 0; n < count; n++) {
    const int64_t first = p->first_rows[n];
    float *gradient = gradient_of(TENSOR_EMBEDDING) + p->tokens[first] * hidden, *sum = p->product + first * p->hidden_stride;
    for (int64_t d = 0; d < hidden; d++) sum[d] = 0;
    for (int64_t t = first; t >= 0; t = p->next_same[t])
      SIMD
      for (int64_t d = 0; d < hidden; d++) sum[d] += p->d_residual[t * p->hidden_stride + d];
    SIMD
    for (int64_t d = 0; d < hidden; d++) gradient[d] += scale * sum[d];
  }
}

/* ---- The whole model: x += residual_scale branch(norm(x)), twice in each layer ---- */

static void leave_branch(const struct Pass *p, int64_t norm) {
  const float scale = constant(CONSTANT_RESIDUAL_SCALE), *before = residual_of(p, norm);
  float *after = residual_of(p, norm + 1);
  PARALLEL
  for (int64_t t = 0; t < p->rows; t++)
    SIMD
    for (int64_t e = t * p->hidden_stride; e < t * p->hidden_stride + trainer.hidden; e++) after[e] = before[e] + scale * p->product[e];
}

static void forward(struct Pass *p, const int32_t *tokens) {
  const int64_t inner = trainer.feed_forward;
  p->tokens = tokens;
  embed(p);
  for (int64_t layer = 0; layer < trainer.layers; layer++) {
    const int64_t first = 2 * layer, second = first + 1;
    norm_forward(p, first, layer_tensor(layer, LAYER_INPUT_NORM), 1);
    linear_forward(p, layer_tensor(layer, LAYER_Q), trainer.qkv_width, normed_of(p, first), p->hidden_stride, qkv_of(p, layer), p->qkv_stride);
    rotate(p, qkv_of(p, layer), 1);
    attention(p, layer, 0);
    linear_forward(p, layer_tensor(layer, LAYER_O), trainer.hidden, attended_of(p, layer), p->query_stride, p->product, p->hidden_stride);
    leave_branch(p, first);
    norm_forward(p, second, layer_tensor(layer, LAYER_SECOND_NORM), 1);
    linear_forward(p, layer_tensor(layer, LAYER_GATE), 2 * inner, normed_of(p, second), p->hidden_stride, gate_up_of(p, layer), p->gate_up_stride);
    swiglu_forward(p, layer);
    linear_forward(p, layer_tensor(layer, LAYER_DOWN), trainer.hidden, activated_of(p, layer), p->inner_stride, p->product, p->hidden_stride);
    leave_branch(p, second);
  }
  norm_forward(p, 2 * trainer.layers, last_norm(), constant(CONSTANT_LOGIT_SCALE));
  linear_forward(p, head(), trainer.vocabulary, normed_of(p, 2 * trainer.layers), p->hidden_stride, p->logits, p->logits_stride);
}

/* d_branch = residual_scale d_residual */
static void enter_branch(const struct Pass *p) {
  const float scale = constant(CONSTANT_RESIDUAL_SCALE);
  PARALLEL
  for (int64_t t = 0; t < p->rows; t++)
    SIMD
    for (int64_t e = t * p->hidden_stride; e < t * p->hidden_stride + trainer.hidden; e++) p->d_branch[e] = rounded(scale * p->d_residual[e]);
}

/* From the gradients of logits, which stand in their place, to those of all weights. */
static void backward(const struct Pass *p, int is_first) {
  const int64_t last = 2 * trainer.layers, inner = trainer.feed_forward;
  memset(p->d_residual, 0, (size_t)p->norm_size * sizeof(float));
  if (is_first && !is_tied()) memset(gradient_of(TENSOR_EMBEDDING), 0, (size_t)elements_of(TENSOR_EMBEDDING) * sizeof(float));
  weight_gradient(p, head(), trainer.vocabulary, normed_of(p, last), p->hidden_stride, p->logits, p->logits_stride, is_first);
  linear_backward(p, head(), trainer.vocabulary, p->logits, p->logits_stride, p->d_normed, p->hidden_stride);
  norm_backward(p, last, last_norm(), constant(CONSTANT_LOGIT_SCALE), is_first);
  for (int64_t layer = trainer.layers - 1; layer >= 0; layer--) {
    const int64_t first = 2 * layer, second = first + 1;
    enter_branch(p);
    weight_gradient(p, layer_tensor(layer, LAYER_DOWN), trainer.hidden, activated_of(p, layer), p->inner_stride, p->d_branch, p->hidden_stride, is_first);
    linear_backward(p, layer_tensor(layer, LAYER_DOWN), trainer.hidden, p->d_branch, p->hidden_stride, p->d_activated, p->inner_stride);
    swiglu_backward(p, layer);
    weight_gradient(p, layer_tensor(layer, LAYER_GATE), 2 * inner, normed_of(p, second), p->hidden_stride, p->d_gate_up, p->gate_up_stride, is_first);
    linear_backward(p, layer_tensor(layer, LAYER_GATE), 2 * inner, p->d_gate_up, p->gate_up_stride, p->d_normed, p->hidden_stride);
    norm_backward(p, second, layer_tensor(layer, LAYER_SECOND_NORM), 1, is_first);

    enter_branch(p);
    weight_gradient(p, layer_tensor(layer, LAYER_O), trainer.hidden, attended_of(p, layer), p->query_stride, p->d_branch, p->hidden_stride, is_first);
    linear_backward(p, layer_tensor(layer, LAYER_O), trainer.hidden, p->d_branch, p->hidden_stride, p->d_attended, p->query_stride);
    attention(p, layer, 1);
    rotate(p, p->d_qkv, -1);
    weight_gradient(p, layer_tensor(layer, LAYER_Q), trainer.qkv_width, normed_of(p, first), p->hidden_stride, p->d_qkv, p->qkv_stride, is_first);
    linear_backward(p, layer_tensor(layer, LAYER_Q), trainer.qkv_width, p->d_qkv, p->qkv_stride, p->d_normed, p->hidden_stride);
    norm_backward(p, first, layer_tensor(layer, LAYER_INPUT_NORM), 1, is_first);
  }
  embed_backward(p);
}

/* ---- Loss ---- */

/*
 * loss[t] = log(sum over c of exp(z[t,c])) - z[t,target[t]], returned as a sum;
 * dz[t,c] = (softmax(z[t])[c] - [c = target[t]]) / counted, in place of z
 */
static double loss_and_gradient(const struct Pass *p, const int32_t *targets, int64_t counted) {
  const int64_t vocabulary = trainer.vocabulary;
  PARALLEL
  for (int64_t t = 0; t < p->rows; t++) {
    float *z = p->logits + t * p->logits_stride, max = z[0], sum = 0;
    p->losses[t] = 0;
    if (targets[t] == IGNORED) {
      memset(z, 0, (size_t)vocabulary * sizeof(float));
      continue;
    }
    SIMD_MAX(max)
    for (int64_t c = 1; c < vocabulary; c++) max = z[c] > max ? z[c] : max;
    const float of_target = z[targets[t]];
    SIMD_SUM(sum)
    for (int64_t c = 0; c < vocabulary; c++) sum += z[c] = exponential(z[c] - max);
    p->losses[t] = max + logf(sum) - of_target;
    const float at_target = rounded((z[targets[t]] / sum - 1) / (float)counted);
    SIMD
    for (int64_t c = 0; c < vocabulary; c++) z[c] = rounded(z[c] / sum / (float)counted);
    z[targets[t]] = at_target;
  }
  double loss = 0;
  for (int64_t t = 0; t < p->rows; t++) loss += (double)p->losses[t];
  return loss;
}

/* ---- Optimizer ---- */

/* Warm-up, then constant, cosine, or warmup-stable-decay with exponential decay. */
static double learning_rate(void) {
  const int32_t *shape = trainer.setting.shape;
  const double peak = (double)constant(CONSTANT_LEARNING_RATE), final = (double)constant(CONSTANT_FINAL_LEARNING_RATE);
  const int64_t step = trainer.setting.completed_steps, warmup = shape[SHAPE_WARMUP_STEPS], total = shape[SHAPE_TOTAL_STEPS];
  const int64_t start = shape[SHAPE_SCHEDULE] == SCHEDULE_WSD ? shape[SHAPE_DECAY_START] : warmup;
  if (step < warmup) return peak * (double)(step + 1) / (double)warmup;
  if (shape[SHAPE_SCHEDULE] == SCHEDULE_CONSTANT || step < start) return peak;
  const double progress = step < total ? (double)(step - start) / (double)(total - start) : 1;
  if (shape[SHAPE_SCHEDULE] == SCHEDULE_COSINE) return final + (peak - final) * (1 + cos(3.14159265358979323846 * progress)) / 2;
  return peak * pow(final / peak, progress);
}

/* sqrt of the sum of squares of all gradients: float32 within a row, float64 over the rows */
static double gradient_norm(void) {
  float *squares = trainer.squares;
  for (int64_t tensor = 0; tensor < trainer.tensor_count; tensor++) {
    const int64_t rows = trainer.tensors[tensor].rows, columns = trainer.tensors[tensor].columns;
    const float *gradient = gradient_of(tensor);
    PARALLEL
    for (int64_t r = 0; r < rows; r++) {
      float sum = 0;
      SIMD_SUM(sum)
      for (int64_t c = 0; c < columns; c++) sum += gradient[r * columns + c] * gradient[r * columns + c];
      squares[r] = sum;
    }
    squares += rows;
  }
  double sum = 0;
  for (int64_t r = 0; r < trainer.row_count; r++) sum += (double)trainer.squares[r];
  return sqrt(sum);
}

/*
 * AdamW at step T, from 1: m = beta1 m + (1 - beta1) g;   v = beta2 v + (1 - beta2) g^2
 * w = w (1 - rate decay) - rate / (1 - beta1^T) m / (sqrt(v) / sqrt(1 - beta2^T) + eps)
 */
static void adamw(int64_t tensor, double rate, float gradient_scale) {
  const int64_t elements = elements_of(tensor);
  const float beta1 = constant(CONSTANT_BETA1), beta2 = constant(CONSTANT_BETA2), eps = constant(CONSTANT_ADAM_EPS);
  const double step = (double)trainer.setting.completed_steps + 1;
  const double decay = trainer.tensors[tensor].is_gain ? 0 : (double)constant(CONSTANT_WEIGHT_DECAY);
  const float first_rate = (float)(rate / (1 - pow((double)beta1, step))), second_root = (float)sqrt(1 - pow((double)beta2, step));
  const float kept_share = (float)(1 - rate * decay), *gradient = gradient_of(tensor);
  float *w = part_of(tensor, PART_WEIGHT), *m = part_of(tensor, PART_FIRST_MOMENT), *v = part_of(tensor, PART_SECOND_MOMENT);
PRAGMA(omp parallel for simd num_threads(FORGE_THREADS) schedule(static))
  for (int64_t e = 0; e < elements; e++) {
    const float g = gradient[e] * gradient_scale;
    m[e] = beta1 * m[e] + (1 - beta1) * g;
    v[e] = beta2 * v[e] + (1 - beta2) * g * g;
    w[e] = w[e] * kept_share - first_rate * m[e] / (sqrtf(v[e]) / second_root + eps);
  }
}

static void step(struct Pass *p, const int32_t *tokens, const int32_t *targets, float *report, int64_t micro_batches) {
  const int64_t all_rows = micro_batches * p->rows;
  int64_t counted = 0;
  double loss = 0;
  for (int64_t t = 0; t < all_rows; t++) counted += targets[t] != IGNORED;
  for (int64_t first = 0; first < all_rows; first += p->rows) {
    forward(p, tokens + first);
    loss += loss_and_gradient(p, targets + first, counted);
    backward(p, first == 0);
  }
  const double norm = gradient_norm(), rate = learning_rate(), limit = (double)constant(CONSTANT_MAX_GRADIENT_NORM) / (norm + 1e-6);
  for (int64_t tensor = 0; tensor < trainer.tensor_count; tensor++) adamw(tensor, rate, limit > 1 ? 1 : (float)limit);
  trainer.setting.completed_steps++;
  report[REPORT_LOSS] = counted > 0 ? (float)(loss / (double)counted) : 0;
  report[REPORT_GRADIENT_NORM] = (float)norm;
  report[REPORT_LEARNING_RATE] = (float)rate;
}

/* ---- The functions of forge_trainer.h ---- */

static void replace_trainer(const struct Trainer *successor) {
  close_pass();
  discard(&trainer);
  trainer = *successor;
}

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
  return exists() && tensor >= 0 && tensor < trainer.tensor_count && part >= 0 && part < PART_COUNT && count == elements_of(tensor);
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
  return micro_batches >= 1 && micro_batches <= 4096 && batch >= 1 && batch <= 65536 && length >= 1 && length <= 1048576 &&
         batch * length <= INT32_MAX;
}

static int are_tokens(const int32_t *tokens, int64_t count, int may_be_ignored) {
  for (int64_t t = 0; t < count; t++)
    if ((tokens[t] < 0 || tokens[t] >= trainer.vocabulary) && !(may_be_ignored && tokens[t] == IGNORED)) return 0;
  return 1;
}

int trainer_logits(const int32_t *tokens, float *logits, int64_t batch, int64_t length, int64_t vocabulary) {
  if (!exists() || vocabulary != trainer.vocabulary || !is_batch(1, batch, length)) return BAD_ARGUMENT;
  if (!are_tokens(tokens, batch * length, 0)) return BAD_ARGUMENT;
  struct Pass *p = open_pass(batch, length);
  if (p == NULL) return NO_MEMORY;
  forward(p, tokens);
  for (int64_t t = 0; t < p->rows; t++) memcpy(logits + t * vocabulary, p->logits + t * p->logits_stride, (size_t)vocabulary * sizeof(float));
  return DONE;
}

int trainer_step(const int32_t *tokens, const int32_t *targets, float *report, int64_t micro_batches, int64_t batch, int64_t length,
                 int64_t report_count) {
  if (!exists() || report_count != REPORT_COUNT || !is_batch(micro_batches, batch, length)) return BAD_ARGUMENT;
  const int64_t all_rows = micro_batches * batch * length;
  if (!are_tokens(tokens, all_rows, 0) || !are_tokens(targets, all_rows, 1)) return BAD_ARGUMENT;
  if (trainer.setting.completed_steps == INT32_MAX) return BAD_ARGUMENT;
  struct Pass *p = open_pass(batch, length);
  if (p == NULL) return NO_MEMORY;
  step(p, tokens, targets, report, micro_batches);
  return DONE;
}

/* An image is the setting, then all weights and moments. */
static size_t part_bytes(const struct Trainer *t) { return PART_COUNT * (size_t)t->parameters * sizeof(float); }
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
    discard(&successor);
    return BAD_ARGUMENT;
  }
  memcpy(successor.parts, image + sizeof setting / sizeof(int32_t), part_bytes(&successor));
  replace_trainer(&successor);
  return DONE;
}
