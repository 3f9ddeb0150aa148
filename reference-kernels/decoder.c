/*
 * A decoder in the manner of Llama (Touvron et al., 2023, arXiv:2302.13971) and MiniCPM (Hu et al., 2024, arXiv:2404.06395), its
 * loss, the gradient of the loss, and AdamW: the plain form of what forge_trainer.h asks of a trainer, with ACC for float.
 *
 * STORE is what enters and leaves products of matrices: weights rounded from their masters, activations, and the gradients that go
 * through a product backward. ACC is the rest: the residual stream, statistics of norms and softmax, scores and probabilities of
 * attention, the loss, gradients of weights, masters and moments. A row is a token of a micro-batch, one sequence after the other;
 * the gradient of an activation is called d_ and its name.
 */
#include "forge.h"
#include <stdlib.h>

/* The same as in forge_trainer.h. */
enum { SHAPE_LAYERS, SHAPE_HIDDEN, SHAPE_QUERY_HEADS, SHAPE_KV_HEADS, SHAPE_HEAD_DIM, SHAPE_FEED_FORWARD, SHAPE_VOCABULARY, SHAPE_TIED,
       SHAPE_SCHEDULE, SHAPE_WARMUP_STEPS, SHAPE_DECAY_START, SHAPE_TOTAL_STEPS, SHAPE_COUNT };
enum { CONSTANT_NORM_EPS, CONSTANT_ROPE_BASE, CONSTANT_EMBEDDING_SCALE, CONSTANT_RESIDUAL_SCALE, CONSTANT_LOGIT_SCALE,
       CONSTANT_LEARNING_RATE, CONSTANT_FINAL_LEARNING_RATE, CONSTANT_BETA1, CONSTANT_BETA2, CONSTANT_ADAM_EPS, CONSTANT_WEIGHT_DECAY,
       CONSTANT_MAX_GRADIENT_NORM, CONSTANT_COUNT };
enum { SCHEDULE_CONSTANT, SCHEDULE_COSINE, SCHEDULE_WSD };
enum { PART_WEIGHT, PART_FIRST_MOMENT, PART_SECOND_MOMENT, PART_COUNT };
enum { REPORT_LOSS, REPORT_GRADIENT_NORM, REPORT_LEARNING_RATE, REPORT_COUNT };
enum { TENSOR_EMBEDDING = 0, TENSORS_PER_LAYER = 9 };
enum { LAYER_INPUT_NORM, LAYER_Q, LAYER_K, LAYER_V, LAYER_O, LAYER_SECOND_NORM, LAYER_GATE, LAYER_UP, LAYER_DOWN };

enum { DONE, BAD_ARGUMENT, NO_MEMORY };
#define IGNORED (-100)

/* The largest of SHAPE_LAYERS to SHAPE_VOCABULARY, and of a batch: with these no product of sizes overflows. */
static const int32_t largest_size[] = {512, 65536, 1024, 1024, 1024, 262144, 1000000};
enum { LARGEST_MICRO_BATCHES = 4096, LARGEST_BATCH = 65536, LARGEST_LENGTH = 1048576 };

/* Before a loop, or two nested ones, whose turns do not depend on each other: no result depends on the number of threads. */
#if defined(_OPENMP)
#define PARALLEL _Pragma("omp parallel for schedule(static)")
#define PARALLEL_NEST _Pragma("omp parallel for collapse(2) schedule(static)")
#else
#define PARALLEL
#define PARALLEL_NEST
#endif

/* ---- Memory: arrays that are taken one by one and given back together ---- */

struct Memory {
  void *owned[40];
  int count, exhausted;
};

static void *take_bytes(struct Memory *memory, int64_t count, size_t size) {
  void *array = calloc((size_t)count, size);
  if (array == NULL) memory->exhausted = 1;
  return memory->owned[memory->count++] = array;
}

#define TAKE(array, count) ((array) = take_bytes(memory, count, sizeof *(array)))

static void give_back(struct Memory *memory) {
  while (memory->count > 0) free(memory->owned[--memory->count]);
}

/* ---- The trainer: one in the process ---- */

/* An image begins with it; `unused` stands where the compiler would leave a gap. */
struct Setting {
  int32_t shape[SHAPE_COUNT], completed_steps, unused;
  ACC constants[CONSTANT_COUNT];
};

struct Tensor {
  int64_t offset, rows, columns;
  int is_gain;
};

struct Trainer {
  struct Setting setting;
  int64_t layers, hidden, query_heads, kv_heads, head_dim, feed_forward, vocabulary, query_width, kv_width;
  int64_t tensor_count, row_count, parameters;
  struct Tensor *tensors;
  ACC *parts;                   /* [PART_COUNT, parameters] */
  ACC *gradients, *squares;     /* [parameters], and a sum for each row of each tensor */
  STORE *rounded, *transposed;  /* weights as operands of products: [rows, columns], maybe the masters, and [columns, rows] */
  struct Memory memory;
};

static struct Trainer trainer;

static int exists(void) { return trainer.memory.count > 0; }
static ACC constant(int which) { return trainer.setting.constants[which]; }
static int64_t layer_tensor(int64_t layer, int which) { return 1 + layer * TENSORS_PER_LAYER + which; }
static int64_t last_norm_tensor(void) { return layer_tensor(trainer.layers, 0); }
static int64_t head_tensor(void) { return trainer.setting.shape[SHAPE_TIED] ? TENSOR_EMBEDDING : last_norm_tensor() + 1; }
static int64_t elements_of(int64_t tensor) { return trainer.tensors[tensor].rows * trainer.tensors[tensor].columns; }
static ACC *part_of(int64_t tensor, int part) { return trainer.parts + part * trainer.parameters + trainer.tensors[tensor].offset; }
static ACC *gradient_of(int64_t tensor) { return trainer.gradients + trainer.tensors[tensor].offset; }

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
  t->tensors[t->tensor_count++] = (struct Tensor){t->parameters, rows, columns, is_gain};
  t->row_count += rows;
  t->parameters += rows * columns;
}

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

  TAKE(t->parts, PART_COUNT * t->parameters), TAKE(t->gradients, t->parameters), TAKE(t->squares, t->row_count);
  TAKE(t->transposed, t->parameters);
  if (sizeof(STORE) == sizeof(ACC)) t->rounded = (STORE *)t->parts; /* one type: the masters themselves are the operands */
  else TAKE(t->rounded, t->parameters);
  if (!memory->exhausted) return DONE;
  give_back(memory);
  return NO_MEMORY;
}

static void replace_trainer(const struct Trainer *successor) {
  give_back(&trainer.memory);
  trainer = *successor;
}

static void round_weights(void) {
  for (int64_t tensor = 0; tensor < trainer.tensor_count; tensor++) {
    const int64_t rows = trainer.tensors[tensor].rows, columns = trainer.tensors[tensor].columns;
    const ACC *weight = part_of(tensor, PART_WEIGHT);
    STORE *rounded = trainer.rounded + trainer.tensors[tensor].offset, *transposed = trainer.transposed + trainer.tensors[tensor].offset;
    PARALLEL
    for (int64_t c = 0; c < columns; c++)
      for (int64_t r = 0; r < rows; r++) transposed[c * rows + r] = rounded[r * columns + c] = store(weight[r * columns + c]);
  }
}

/* ---- What a micro-batch needs on its way forward and backward ---- */

/* Norm n stands before branch n of the residual stream: 2 l before attention of layer l, 2 l + 1 before its feed-forward, and last. */
struct Pass {
  int64_t batch, length, rows;
  const int32_t *tokens;
  ACC *cosine, *sine;                     /* [length, head_dim / 2] */
  ACC *residual, *rstd;                   /* [norms, rows, hidden] and [norms, rows] */
  STORE *normed;                          /* [norms, rows, hidden] */
  STORE *query, *key, *value, *attended;  /* [layers, rows, query_width or kv_width] */
  STORE *gate, *up, *activated;           /* [layers, rows, feed_forward] */
  ACC *probabilities, *d_scores;          /* [batch, query_heads, length, length], of one layer at a time */
  STORE *product;                         /* what has just left a product: [rows, its columns] */
  STORE *logits, *d_logits;               /* [rows, vocabulary] */
  ACC *d_residual, *d_normed, *d_inner;   /* [rows, hidden], and [rows, query_width or feed_forward] inside a branch */
  STORE *d_query, *d_key, *d_value, *d_gate, *d_up, *d_branch;
  ACC *losses;                            /* [micro_batches, rows] */
  int32_t *same_token;                    /* [rows] */
  struct Memory memory;
};

/* x of one layer, or of one norm */
#define LAYER(x, width) (pass->x + layer * pass->rows * trainer.width)
#define NORM(x, norm) (pass->x + (norm) * pass->rows * trainer.hidden)

/* RoPE (Su et al., 2021, arXiv:2104.09864): pair i of a head at position p turns by p base^(-2 i / head_dim). */
static void fill_angles(struct Pass *pass) {
  const int64_t half = trainer.head_dim / 2;
  for (int64_t position = 0; position < pass->length; position++)
    for (int64_t i = 0; i < half; i++) {
      ACC angle = (ACC)position * POW(constant(CONSTANT_ROPE_BASE), -(ACC)(2 * i) / (ACC)trainer.head_dim);
      pass->cosine[position * half + i] = COS(angle), pass->sine[position * half + i] = SIN(angle);
    }
}

static int open_pass(struct Pass *pass, int64_t micro_batches, int64_t batch, int64_t length) {
  const int64_t rows = batch * length, norm_rows = (2 * trainer.layers + 1) * rows, layer_rows = trainer.layers * rows;
  const int64_t hidden = trainer.hidden, query_width = trainer.query_width, kv_width = trainer.kv_width, half = trainer.head_dim / 2;
  const int64_t feed_forward = trainer.feed_forward, vocabulary = trainer.vocabulary, pairs = rows * trainer.query_heads * length;
  const int64_t inner = query_width > feed_forward ? query_width : feed_forward, widest = inner > hidden ? inner : hidden;
  *pass = (struct Pass){.batch = batch, .length = length, .rows = rows};
  struct Memory *memory = &pass->memory;
  TAKE(pass->cosine, length * half), TAKE(pass->sine, length * half);
  TAKE(pass->residual, norm_rows * hidden), TAKE(pass->rstd, norm_rows), TAKE(pass->normed, norm_rows * hidden);
  TAKE(pass->query, layer_rows * query_width), TAKE(pass->attended, layer_rows * query_width);
  TAKE(pass->key, layer_rows * kv_width), TAKE(pass->value, layer_rows * kv_width);
  TAKE(pass->gate, layer_rows * feed_forward), TAKE(pass->up, layer_rows * feed_forward), TAKE(pass->activated, layer_rows * feed_forward);
  TAKE(pass->probabilities, pairs), TAKE(pass->d_scores, pairs), TAKE(pass->product, rows * widest);
  TAKE(pass->logits, rows * vocabulary), TAKE(pass->d_logits, rows * vocabulary);
  TAKE(pass->d_residual, rows * hidden), TAKE(pass->d_normed, rows * hidden), TAKE(pass->d_inner, rows * inner);
  TAKE(pass->d_query, rows * query_width), TAKE(pass->d_key, rows * kv_width), TAKE(pass->d_value, rows * kv_width);
  TAKE(pass->d_gate, rows * feed_forward), TAKE(pass->d_up, rows * feed_forward), TAKE(pass->d_branch, rows * hidden);
  TAKE(pass->losses, micro_batches * rows), TAKE(pass->same_token, rows);
  if (!memory->exhausted) fill_angles(pass);
  else give_back(memory);
  return memory->exhausted ? NO_MEMORY : DONE;
}

/* ---- Linear layers without bias: y = x W^T, one row of W for each output feature ---- */

/* y[t,c] = sum over k of x[t,k] matrix[k,c] */
static void multiply(const STORE *x, const STORE *matrix, STORE *y, int64_t rows, int64_t inner, int64_t columns) {
  PARALLEL_NEST
  for (int64_t first = 0; first < columns; first += LANES)
    for (int64_t t = 0; t < rows; t++)
      SUMS(sum, c, first, columns, k, inner, load(x[t * inner + k]) * load(matrix[k * columns + c]), y[t * columns + c] = store(sum));
}

static void linear_forward(const struct Pass *pass, int64_t tensor, const STORE *x, STORE *y) {
  const struct Tensor *weight = &trainer.tensors[tensor];
  multiply(x, trainer.transposed + weight->offset, y, pass->rows, weight->columns, weight->rows);
}

/* dW[o,i] += sum over t of dy[t,o] x[t,i];   dx[t,i] += scale times (dy W)[t,i] */
static void linear_backward(struct Pass *pass, int64_t tensor, const STORE *x, const STORE *dy, ACC *dx, ACC scale) {
  const struct Tensor *weight = &trainer.tensors[tensor];
  const int64_t rows = pass->rows, inputs = weight->columns, outputs = weight->rows;
  ACC *gradient = gradient_of(tensor);
  PARALLEL_NEST
  for (int64_t first = 0; first < inputs; first += LANES)
    for (int64_t o = 0; o < outputs; o++)
      SUMS(sum, i, first, inputs, t, rows, load(dy[t * outputs + o]) * load(x[t * inputs + i]), gradient[o * inputs + i] += sum);
  multiply(dy, trainer.rounded + weight->offset, pass->product, rows, outputs, inputs);
  PARALLEL
  for (int64_t e = 0; e < rows * inputs; e++) dx[e] += scale * load(pass->product[e]);
}

/* ---- RMSNorm (Zhang and Sennrich, 2019, arXiv:1910.07467), eps inside the root ---- */

/* rstd[t] = 1 / sqrt(mean over d of x[t,d]^2 + eps);   y[t,d] = scale x[t,d] rstd[t] gain[d] */
static void norm_forward(struct Pass *pass, int64_t norm, int64_t tensor, ACC scale) {
  const int64_t hidden = trainer.hidden;
  const ACC *gain = part_of(tensor, PART_WEIGHT), *x = NORM(residual, norm);
  STORE *y = NORM(normed, norm);
  ACC *rstd = pass->rstd + norm * pass->rows;
  PARALLEL
  for (int64_t t = 0; t < pass->rows; t++) {
    ACC squares;
    SUM(squares, k, hidden, x[t * hidden + k] * x[t * hidden + k]);
    rstd[t] = 1 / SQRT(squares / (ACC)hidden + constant(CONSTANT_NORM_EPS));
    for (int64_t d = 0; d < hidden; d++) y[t * hidden + d] = store(scale * (x[t * hidden + d] * rstd[t] * gain[d]));
  }
}

/*
 * dgain[d] += sum over t of dy[t,d] x[t,d] rstd[t]
 * dx[t,d]  += rstd[t] (dy[t,d] gain[d] - x[t,d] rstd[t] mean over k of dy[t,k] gain[k] x[t,k] rstd[t])
 */
static void norm_backward(struct Pass *pass, int64_t norm, int64_t tensor) {
  const int64_t rows = pass->rows, hidden = trainer.hidden;
  const ACC *gain = part_of(tensor, PART_WEIGHT), *x = NORM(residual, norm), *rstd = pass->rstd + norm * rows, *dy = pass->d_normed;
  ACC *dx = pass->d_residual, *dgain = gradient_of(tensor);
  PARALLEL
  for (int64_t first = 0; first < hidden; first += LANES)
    SUMS(sum, d, first, hidden, t, rows, dy[t * hidden + d] * (x[t * hidden + d] * rstd[t]), dgain[d] += sum);
  PARALLEL
  for (int64_t t = 0; t < rows; t++) {
    ACC product;
    SUM(product, k, hidden, dy[t * hidden + k] * gain[k] * (x[t * hidden + k] * rstd[t]));
    for (int64_t d = 0; d < hidden; d++)
      dx[t * hidden + d] += rstd[t] * (dy[t * hidden + d] * gain[d] - x[t * hidden + d] * rstd[t] * (product / (ACC)hidden));
  }
}

/* ---- Attention: causal, with grouped queries (Ainslie et al., 2023, arXiv:2305.13245) and RoPE in halves as in Llama ---- */

/* Turns the pair (x[i], x[i + head_dim / 2]) of each head by its angle, or back where direction is -1. */
static void rotate(const struct Pass *pass, STORE *x, int64_t heads, ACC direction) {
  const int64_t half = trainer.head_dim / 2;
  PARALLEL
  for (int64_t t = 0; t < pass->rows; t++)
    for (int64_t h = 0; h < heads; h++)
      for (int64_t i = 0; i < half; i++) {
        STORE *low = x + (t * heads + h) * 2 * half + i, *high = low + half;
        ACC cosine = pass->cosine[t % pass->length * half + i], sine = direction * pass->sine[t % pass->length * half + i];
        ACC a = load(*low), b = load(*high);
        *low = store(a * cosine - b * sine);
        *high = store(b * cosine + a * sine);
      }
}

/* A query head of one sequence and the key head that its group shares: where their first feature of the first token is. */
struct Head {
  const STORE *query, *key, *value;
  STORE *attended, *d_query, *d_key, *d_value;
  const ACC *d_attended;
  ACC *p, *ds; /* [length, length] */
};

static struct Head head_of(const struct Pass *pass, int64_t layer, int64_t sequence, int64_t head) {
  const int64_t group = trainer.query_heads / trainer.kv_heads, square = pass->length * pass->length;
  const int64_t at = sequence * pass->length * trainer.query_width + head * trainer.head_dim;
  const int64_t kv_at = sequence * pass->length * trainer.kv_width + head / group * trainer.head_dim;
  return (struct Head){LAYER(query, query_width) + at, LAYER(key, kv_width) + kv_at, LAYER(value, kv_width) + kv_at,
                       LAYER(attended, query_width) + at, pass->d_query + at, pass->d_key + kv_at, pass->d_value + kv_at,
                       pass->d_inner + at, pass->probabilities + (sequence * trainer.query_heads + head) * square,
                       pass->d_scores + (sequence * trainer.query_heads + head) * square};
}

static ACC score_scale(void) { return 1 / SQRT((ACC)trainer.head_dim); }

/* p[i,j] = softmax over j <= i of q[i] . k[j] / sqrt(head_dim) */
static void fill_probabilities(const struct Head *head, int64_t i, int64_t length) {
  const int64_t query_width = trainer.query_width, kv_width = trainer.kv_width;
  ACC *p = head->p + i * length, max = 0, sum;
  for (int64_t j = 0; j <= i; j++) {
    SUM(p[j], d, trainer.head_dim, load(head->query[i * query_width + d]) * load(head->key[j * kv_width + d]));
    p[j] *= score_scale();
    if (j == 0 || p[j] > max) max = p[j];
  }
  for (int64_t j = 0; j <= i; j++) p[j] = EXP(p[j] - max);
  SUM(sum, j, i + 1, p[j]);
  for (int64_t j = 0; j <= i; j++) p[j] /= sum;
}

/* o[i,d] = sum over j <= i of p[i,j] v[j,d] */
static void attention_forward(struct Pass *pass, int64_t layer) {
  const int64_t length = pass->length, heads = trainer.query_heads, query_width = trainer.query_width, kv_width = trainer.kv_width;
  PARALLEL
  for (int64_t n = 0; n < pass->batch * heads; n++) {
    const struct Head head = head_of(pass, layer, n / heads, n % heads);
    for (int64_t i = 0; i < length; i++) {
      fill_probabilities(&head, i, length);
      for (int64_t first = 0; first < trainer.head_dim; first += LANES)
        SUMS(sum, d, first, trainer.head_dim, j, i + 1, head.p[i * length + j] * load(head.value[j * kv_width + d]),
             head.attended[i * query_width + d] = store(sum));
    }
  }
}

/*
 * dp[i,j] = do[i] . v[j];   ds[i,j] = p[i,j] (dp[i,j] - sum over m <= i of p[i,m] dp[i,m]) / sqrt(head_dim)
 * dq[i,d] = sum over j <= i of ds[i,j] k[j,d]
 */
static void query_backward(struct Pass *pass, int64_t layer) {
  const int64_t length = pass->length, heads = trainer.query_heads, query_width = trainer.query_width, kv_width = trainer.kv_width;
  PARALLEL
  for (int64_t n = 0; n < pass->batch * heads; n++) {
    const struct Head head = head_of(pass, layer, n / heads, n % heads);
    for (int64_t i = 0; i < length; i++) {
      ACC *p = head.p + i * length, *ds = head.ds + i * length, mean;
      fill_probabilities(&head, i, length);
      for (int64_t j = 0; j <= i; j++)
        SUM(ds[j], d, trainer.head_dim, head.d_attended[i * query_width + d] * load(head.value[j * kv_width + d]));
      SUM(mean, m, i + 1, p[m] * ds[m]);
      for (int64_t j = 0; j <= i; j++) ds[j] = p[j] * (ds[j] - mean) * score_scale();
      for (int64_t first = 0; first < trainer.head_dim; first += LANES)
        SUMS(sum, d, first, trainer.head_dim, j, i + 1, ds[j] * load(head.key[j * kv_width + d]),
             head.d_query[i * query_width + d] = store(sum));
    }
  }
}

/*
 * dv[j,d] = sum over g, i >= j of p[g,i,j] do[g,i,d];   dk[j,d] = sum over g, i >= j of ds[g,i,j] q[g,i,d]
 * for the query heads g of the group, as one sum: term s is of head s / (length - j) and of query j + s % (length - j).
 */
#define PAIR(s) (((s) / (length - j) * length + j + (s) % (length - j)) * length + j)
#define QUERY(s, d) ((j + (s) % (length - j)) * query_width + (s) / (length - j) * head_dim + (d))
static void key_value_backward(struct Pass *pass, int64_t layer) {
  const int64_t length = pass->length, heads = trainer.kv_heads, group = trainer.query_heads / heads, head_dim = trainer.head_dim;
  const int64_t query_width = trainer.query_width, kv_width = trainer.kv_width;
  PARALLEL
  for (int64_t n = 0; n < pass->batch * heads; n++) {
    const struct Head head = head_of(pass, layer, n / heads, n % heads * group);
    for (int64_t j = 0; j < length; j++)
      for (int64_t first = 0; first < head_dim; first += LANES) {
        SUMS(sum, d, first, head_dim, s, group * (length - j), head.p[PAIR(s)] * head.d_attended[QUERY(s, d)],
             head.d_value[j * kv_width + d] = store(sum));
        SUMS(sum, d, first, head_dim, s, group * (length - j), head.ds[PAIR(s)] * load(head.query[QUERY(s, d)]),
             head.d_key[j * kv_width + d] = store(sum));
      }
  }
}

/* ---- SwiGLU (Shazeer, 2020, arXiv:2002.05202): a = gate sigmoid(gate) up ---- */

static ACC sigmoid(ACC x) { return 1 / (1 + EXP(-x)); }

static void swiglu_forward(const STORE *gate, const STORE *up, STORE *activated, int64_t elements) {
  PARALLEL
  for (int64_t e = 0; e < elements; e++) activated[e] = store(load(gate[e]) * sigmoid(load(gate[e])) * load(up[e]));
}

/* dup = da gate sigmoid(gate);   dgate = da up sigmoid(gate) (1 + gate (1 - sigmoid(gate))) */
static void swiglu_backward(const ACC *da, const STORE *gate, const STORE *up, STORE *d_gate, STORE *d_up, int64_t elements) {
  PARALLEL
  for (int64_t e = 0; e < elements; e++) {
    ACC g = load(gate[e]), s = sigmoid(g);
    d_up[e] = store(da[e] * g * s);
    d_gate[e] = store(da[e] * load(up[e]) * s * (1 + g * (1 - s)));
  }
}

/* ---- Embedding: a look-up, so of the masters ---- */

static void embed(struct Pass *pass) {
  const int64_t hidden = trainer.hidden;
  const ACC *embedding = part_of(TENSOR_EMBEDDING, PART_WEIGHT);
  for (int64_t t = 0; t < pass->rows; t++)
    for (int64_t d = 0; d < hidden; d++)
      pass->residual[t * hidden + d] = constant(CONSTANT_EMBEDDING_SCALE) * embedding[pass->tokens[t] * hidden + d];
}

/* dE[v,d] += embedding_scale times the sum over the rows t of token v of dx[t,d] */
static void embed_backward(struct Pass *pass) {
  const int64_t hidden = trainer.hidden;
  const int32_t *tokens = pass->tokens;
  for (int64_t t = 0; t < pass->rows; t++) {
    int64_t first_row = 0, count = 0;
    while (tokens[first_row] != tokens[t]) first_row++;
    if (first_row < t) continue;
    for (int64_t row = t; row < pass->rows; row++)
      if (tokens[row] == tokens[t]) pass->same_token[count++] = (int32_t)row;
    ACC *gradient = gradient_of(TENSOR_EMBEDDING) + tokens[t] * hidden;
    for (int64_t first = 0; first < hidden; first += LANES)
      SUMS(sum, d, first, hidden, k, count, pass->d_residual[pass->same_token[k] * hidden + d],
           gradient[d] += constant(CONSTANT_EMBEDDING_SCALE) * sum);
  }
}

/* ---- The whole model: x += residual_scale branch(norm(x)), twice in each layer ---- */

/* Adds to the stream the branch of this norm, which pass->product holds. */
static void leave_branch(struct Pass *pass, int64_t norm) {
  PARALLEL
  for (int64_t e = 0; e < pass->rows * trainer.hidden; e++)
    NORM(residual, norm + 1)[e] = NORM(residual, norm)[e] + constant(CONSTANT_RESIDUAL_SCALE) * load(pass->product[e]);
}

static void forward(struct Pass *pass, const int32_t *tokens) {
  pass->tokens = tokens;
  embed(pass);
  for (int64_t layer = 0; layer < trainer.layers; layer++) {
    norm_forward(pass, 2 * layer, layer_tensor(layer, LAYER_INPUT_NORM), 1);
    linear_forward(pass, layer_tensor(layer, LAYER_Q), NORM(normed, 2 * layer), LAYER(query, query_width));
    linear_forward(pass, layer_tensor(layer, LAYER_K), NORM(normed, 2 * layer), LAYER(key, kv_width));
    linear_forward(pass, layer_tensor(layer, LAYER_V), NORM(normed, 2 * layer), LAYER(value, kv_width));
    rotate(pass, LAYER(query, query_width), trainer.query_heads, 1);
    rotate(pass, LAYER(key, kv_width), trainer.kv_heads, 1);
    attention_forward(pass, layer);
    linear_forward(pass, layer_tensor(layer, LAYER_O), LAYER(attended, query_width), pass->product);
    leave_branch(pass, 2 * layer);

    norm_forward(pass, 2 * layer + 1, layer_tensor(layer, LAYER_SECOND_NORM), 1);
    linear_forward(pass, layer_tensor(layer, LAYER_GATE), NORM(normed, 2 * layer + 1), LAYER(gate, feed_forward));
    linear_forward(pass, layer_tensor(layer, LAYER_UP), NORM(normed, 2 * layer + 1), LAYER(up, feed_forward));
    swiglu_forward(LAYER(gate, feed_forward), LAYER(up, feed_forward), LAYER(activated, feed_forward), pass->rows * trainer.feed_forward);
    linear_forward(pass, layer_tensor(layer, LAYER_DOWN), LAYER(activated, feed_forward), pass->product);
    leave_branch(pass, 2 * layer + 1);
  }
  norm_forward(pass, 2 * trainer.layers, last_norm_tensor(), constant(CONSTANT_LOGIT_SCALE));
  linear_forward(pass, head_tensor(), NORM(normed, 2 * trainer.layers), pass->logits);
}

static void clear(ACC *array, int64_t elements) { memset(array, 0, (size_t)elements * sizeof(ACC)); }

/* The last product of a branch backward, from the gradient of the stream to d_inner. */
static void enter_branch(struct Pass *pass, int64_t tensor, const STORE *x, int64_t width) {
  PARALLEL
  for (int64_t e = 0; e < pass->rows * trainer.hidden; e++)
    pass->d_branch[e] = store(constant(CONSTANT_RESIDUAL_SCALE) * pass->d_residual[e]);
  clear(pass->d_inner, pass->rows * width);
  linear_backward(pass, tensor, x, pass->d_branch, pass->d_inner, 1);
}

/* From the d_logits of the micro-batch that has just gone forward: adds to the gradients of all weights. */
static void backward(struct Pass *pass) {
  const int64_t stream = pass->rows * trainer.hidden, inner = pass->rows * trainer.feed_forward;
  clear(pass->d_residual, stream);
  clear(pass->d_normed, stream);
  linear_backward(pass, head_tensor(), NORM(normed, 2 * trainer.layers), pass->d_logits, pass->d_normed, constant(CONSTANT_LOGIT_SCALE));
  norm_backward(pass, 2 * trainer.layers, last_norm_tensor());
  for (int64_t layer = trainer.layers - 1; layer >= 0; layer--) {
    enter_branch(pass, layer_tensor(layer, LAYER_DOWN), LAYER(activated, feed_forward), trainer.feed_forward);
    swiglu_backward(pass->d_inner, LAYER(gate, feed_forward), LAYER(up, feed_forward), pass->d_gate, pass->d_up, inner);
    clear(pass->d_normed, stream);
    linear_backward(pass, layer_tensor(layer, LAYER_GATE), NORM(normed, 2 * layer + 1), pass->d_gate, pass->d_normed, 1);
    linear_backward(pass, layer_tensor(layer, LAYER_UP), NORM(normed, 2 * layer + 1), pass->d_up, pass->d_normed, 1);
    norm_backward(pass, 2 * layer + 1, layer_tensor(layer, LAYER_SECOND_NORM));

    enter_branch(pass, layer_tensor(layer, LAYER_O), LAYER(attended, query_width), trainer.query_width);
    query_backward(pass, layer);
    key_value_backward(pass, layer);
    rotate(pass, pass->d_query, trainer.query_heads, -1);
    rotate(pass, pass->d_key, trainer.kv_heads, -1);
    clear(pass->d_normed, stream);
    linear_backward(pass, layer_tensor(layer, LAYER_Q), NORM(normed, 2 * layer), pass->d_query, pass->d_normed, 1);
    linear_backward(pass, layer_tensor(layer, LAYER_K), NORM(normed, 2 * layer), pass->d_key, pass->d_normed, 1);
    linear_backward(pass, layer_tensor(layer, LAYER_V), NORM(normed, 2 * layer), pass->d_value, pass->d_normed, 1);
    norm_backward(pass, 2 * layer, layer_tensor(layer, LAYER_INPUT_NORM));
  }
  embed_backward(pass);
}

/* ---- Loss: cross-entropy of a softmax, its mean over all targets of the step that are not ignored ---- */

/* loss[t] = log(sum over c of exp(z[t,c])) - z[t,target[t]];   dz[t,c] = (softmax(z[t])[c] - [c = target[t]]) / counted */
static void loss_and_gradient(struct Pass *pass, const int32_t *target, ACC *losses, int64_t counted) {
  const int64_t vocabulary = trainer.vocabulary;
  PARALLEL
  for (int64_t t = 0; t < pass->rows; t++) {
    const STORE *z = pass->logits + t * vocabulary;
    ACC max = load(z[0]), sum;
    for (int64_t c = 1; c < vocabulary; c++)
      if (load(z[c]) > max) max = load(z[c]);
    SUM(sum, c, vocabulary, EXP(load(z[c]) - max));
    losses[t] = target[t] == IGNORED ? 0 : max + LOG(sum) - load(z[target[t]]);
    for (int64_t c = 0; c < vocabulary; c++) {
      ACC difference = EXP(load(z[c]) - max) / sum - (c == target[t] ? 1 : 0);
      pass->d_logits[t * vocabulary + c] = store(target[t] == IGNORED ? 0 : difference / (ACC)counted);
    }
  }
}

/* ---- Optimizer ---- */

/* Warm-up, then constant, cosine, or warmup-stable-decay with exponential decay (MiniCPM, section 4). */
static ACC learning_rate(void) {
  const int32_t *shape = trainer.setting.shape;
  const ACC peak = constant(CONSTANT_LEARNING_RATE), final = constant(CONSTANT_FINAL_LEARNING_RATE), pi = (ACC)3.14159265358979323846;
  const int64_t step = trainer.setting.completed_steps, warmup = shape[SHAPE_WARMUP_STEPS], total = shape[SHAPE_TOTAL_STEPS];
  const int64_t start = shape[SHAPE_SCHEDULE] == SCHEDULE_WSD ? shape[SHAPE_DECAY_START] : warmup;
  if (step < warmup) return peak * ((ACC)(step + 1) / (ACC)warmup);
  if (shape[SHAPE_SCHEDULE] == SCHEDULE_CONSTANT || step < start) return peak;
  const ACC progress = step < total ? (ACC)(step - start) / (ACC)(total - start) : 1;
  if (shape[SHAPE_SCHEDULE] == SCHEDULE_COSINE) return final + (peak - final) * (1 + COS(pi * progress)) / 2;
  return peak * POW(final / peak, progress);
}

/* Row by row, then over all rows: one sum over millions of squares would lose in float32 what the gradients have kept. */
static ACC gradient_norm(void) {
  ACC *squares = trainer.squares, sum;
  for (int64_t tensor = 0; tensor < trainer.tensor_count; tensor++) {
    const int64_t rows = trainer.tensors[tensor].rows, columns = trainer.tensors[tensor].columns;
    const ACC *gradient = gradient_of(tensor);
    PARALLEL
    for (int64_t r = 0; r < rows; r++) SUM(squares[r], c, columns, gradient[r * columns + c] * gradient[r * columns + c]);
    squares += rows;
  }
  SUM(sum, r, trainer.row_count, trainer.squares[r]);
  return SQRT(sum);
}

/*
 * AdamW (Loshchilov and Hutter, 2017, arXiv:1711.05101) as in PyTorch, at step T, from 1:
 * w -= rate decay w;   m = beta1 m + (1 - beta1) g;   v = beta2 v + (1 - beta2) g^2
 * w -= rate / (1 - beta1^T) m / (sqrt(v) / sqrt(1 - beta2^T) + eps)
 */
static void adamw(int64_t tensor, ACC rate, ACC gradient_scale) {
  const int64_t elements = elements_of(tensor);
  const ACC beta1 = constant(CONSTANT_BETA1), beta2 = constant(CONSTANT_BETA2), eps = constant(CONSTANT_ADAM_EPS);
  const ACC step = (ACC)trainer.setting.completed_steps + 1, decay = trainer.tensors[tensor].is_gain ? 0 : constant(CONSTANT_WEIGHT_DECAY);
  const ACC first_rate = rate / (1 - POW(beta1, step)), second_root = SQRT(1 - POW(beta2, step));
  const ACC *gradient = gradient_of(tensor);
  ACC *w = part_of(tensor, PART_WEIGHT), *m = part_of(tensor, PART_FIRST_MOMENT), *v = part_of(tensor, PART_SECOND_MOMENT);
  PARALLEL
  for (int64_t e = 0; e < elements; e++) {
    const ACC g = gradient[e] * gradient_scale;
    m[e] = beta1 * m[e] + (1 - beta1) * g;
    v[e] = beta2 * v[e] + (1 - beta2) * g * g;
    w[e] = w[e] * (1 - rate * decay) - first_rate * m[e] / (SQRT(v[e]) / second_root + eps);
  }
}

static void step(struct Pass *pass, const int32_t *tokens, const int32_t *targets, ACC *report, int64_t micro_batches) {
  const int64_t rows = pass->rows, all_rows = micro_batches * rows;
  int64_t counted = 0;
  ACC loss;
  for (int64_t t = 0; t < all_rows; t++) counted += targets[t] != IGNORED;
  round_weights();
  clear(trainer.gradients, trainer.parameters);
  for (int64_t first = 0; first < all_rows; first += rows) {
    forward(pass, tokens + first);
    loss_and_gradient(pass, targets + first, pass->losses + first, counted);
    backward(pass);
  }
  SUM(loss, t, all_rows, pass->losses[t]);
  const ACC norm = gradient_norm(), rate = learning_rate(), limit = constant(CONSTANT_MAX_GRADIENT_NORM) / (norm + (ACC)1e-6);
  for (int64_t tensor = 0; tensor < trainer.tensor_count; tensor++) adamw(tensor, rate, limit > 1 ? 1 : limit);
  trainer.setting.completed_steps++;
  report[REPORT_LOSS] = counted > 0 ? loss / (ACC)counted : 0;
  report[REPORT_GRADIENT_NORM] = norm;
  report[REPORT_LEARNING_RATE] = rate;
}

/* ---- The functions of forge_trainer.h ---- */

int trainer_create(const int32_t *shape, const ACC *constants, int64_t shape_count, int64_t constant_count) {
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

int trainer_write(const ACC *values, int64_t count, int32_t tensor, int32_t part) {
  if (!is_part(count, tensor, part)) return BAD_ARGUMENT;
  memcpy(part_of(tensor, part), values, (size_t)count * sizeof(ACC));
  return DONE;
}

int trainer_read(ACC *values, int64_t count, int32_t tensor, int32_t part) {
  if (!is_part(count, tensor, part)) return BAD_ARGUMENT;
  memcpy(values, part_of(tensor, part), (size_t)count * sizeof(ACC));
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

int trainer_logits(const int32_t *tokens, ACC *logits, int64_t batch, int64_t length, int64_t vocabulary) {
  struct Pass pass;
  if (!exists() || vocabulary != trainer.vocabulary || !is_batch(1, batch, length)) return BAD_ARGUMENT;
  if (!are_tokens(tokens, batch * length, 0)) return BAD_ARGUMENT;
  if (open_pass(&pass, 1, batch, length) != DONE) return NO_MEMORY;
  round_weights();
  forward(&pass, tokens);
  for (int64_t e = 0; e < pass.rows * vocabulary; e++) logits[e] = load(pass.logits[e]);
  give_back(&pass.memory);
  return DONE;
}

int trainer_step(const int32_t *tokens, const int32_t *targets, ACC *report, int64_t micro_batches, int64_t batch, int64_t length,
                 int64_t report_count) {
  struct Pass pass;
  if (!exists() || report_count != REPORT_COUNT || !is_batch(micro_batches, batch, length)) return BAD_ARGUMENT;
  const int64_t all_rows = micro_batches * batch * length;
  if (!are_tokens(tokens, all_rows, 0) || !are_tokens(targets, all_rows, 1)) return BAD_ARGUMENT;
  if (trainer.setting.completed_steps == INT32_MAX) return BAD_ARGUMENT;
  if (open_pass(&pass, micro_batches, batch, length) != DONE) return NO_MEMORY;
  step(&pass, tokens, targets, report, micro_batches);
  give_back(&pass.memory);
  return DONE;
}

/* An image is the setting, then all weights and moments. */
static size_t part_bytes(const struct Trainer *t) { return PART_COUNT * (size_t)t->parameters * sizeof(ACC); }
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
