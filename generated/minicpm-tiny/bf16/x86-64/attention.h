/*
 * Causal attention with grouped queries, one key head of one sequence at a time, by blocks of queries and register tiles of
 * matmul.h. Nothing quadratic is kept for the way back, which makes the probabilities again; what the mask hides is left out,
 * down to a panel.
 *
 * p[i,j] = softmax over j <= i of q[i] . k[j] / sqrt(head_dim);   o[i,d] = sum over j <= i of p[i,j] v[j,d]
 */
#ifndef ATTENTION_H
#define ATTENTION_H

#include "matmul.h"

enum { QUERY_BLOCK = 48 }; /* a multiple of PANEL_ROWS */

/* One key head, and the `group` query heads that share it, which lie side by side. */
struct Heads {
  int64_t length, head_dim, group, stride, out_stride;
  const float *query, *key, *value; /* parts of one array, rows `stride` apart */
  float *out;                       /* attended, rows `out_stride` apart */
  const float *d_out;
  float *d_query, *d_key, *d_value; /* parts of one array, rows `stride` apart */
};

/* Scratch of one thread. A panel of keys is [head_dim][PANEL_COLUMNS keys], one of features [rows][PANEL_COLUMNS features]. */
struct AttentionScratch {
  int64_t width;                            /* head_dim, rounded up to panels */
  int64_t row;                              /* from query to query in p and ds */
  float *keys_across, *values_across;       /* panels of keys */
  float *keys_along, *values_along;         /* panels of features */
  float *queries, *d_outs;                  /* panels of features, of a block of queries */
  float *p, *ds;                            /* [QUERY_BLOCK, row] */
  float *result;                            /* [QUERY_BLOCK, width] */
  float *d_key, *d_value;                   /* [length, width] */
};

static int64_t round_up(int64_t count, int64_t unit) { return (count + unit - 1) / unit * unit; }

/* Places it at `memory`, and returns how many floats it takes. */
static int64_t lay_out_attention(struct AttentionScratch *s, float *memory, int64_t length, int64_t head_dim) {
  const int64_t keys = round_up(length, PANEL_COLUMNS) + QUERY_BLOCK, width = round_up(head_dim, PANEL_COLUMNS);
  int64_t taken = 0;
  s->width = width, s->row = keys + (keys % 64 == 0 ? 16 : 0);
  float **const arrays[] = {&s->keys_across, &s->values_across, &s->keys_along, &s->values_along, &s->queries, &s->d_outs,
                            &s->p, &s->ds, &s->result, &s->d_key, &s->d_value};
  const int64_t sizes[] = {keys * head_dim, keys * head_dim, keys * width, keys * width, QUERY_BLOCK * width, QUERY_BLOCK * width,
                           QUERY_BLOCK * s->row, QUERY_BLOCK * s->row, QUERY_BLOCK * width, keys * width, keys * width};
  for (int i = 0; i < 11; i++) {
    *arrays[i] = memory == NULL ? NULL : memory + taken;
    taken += round_up(sizes[i], 16) + 16;
  }
  return taken;
}

static void pack_across(const float *x, int64_t stride, int64_t length, int64_t head_dim, float *panels) {
  for (int64_t j = 0; j < length; j += PANEL_COLUMNS)
    pack((struct View){x, stride, 1}, j, length, 0, head_dim, panels + j * head_dim, 0);
}

static void pack_along(const float *x, int64_t stride, int64_t length, int64_t head_dim, float *panels) {
  for (int64_t d = 0; d < head_dim; d += PANEL_COLUMNS)
    pack((struct View){x, 1, stride}, d, head_dim, 0, length, panels + d * length, 0);
}

/* So many keys are seen by the PANEL_ROWS queries from i on. */
static int64_t keys_seen(int64_t i, int64_t length) { return smaller(i + PANEL_ROWS, length); }

/* scores[i,j] = x[i] . y[j] for the keys j that are seen by the block's `count` queries from `first` on, in whole panels */
static void score_block(const struct Heads *h, const float *x, int64_t stride, const float *panels, int64_t first, int64_t count, float *scores,
                        int64_t row) {
  for (int64_t i = 0; i < count; i += PANEL_ROWS)
    for (int64_t j = 0; j < keys_seen(first + i, h->length); j += PANEL_COLUMNS)
      multiply_rows(h->head_dim, x + i * stride, stride, panels + j * h->head_dim, (struct Destination){scores + i * row + j, row, 0, 0});
}

/* The probabilities of a block, zero for what is not seen and in the rows after the last. */
static void probabilities_of(const struct Heads *h, const struct AttentionScratch *s, const float *query, int64_t first, int64_t count) {
  const float scale = 1 / sqrtf((float)h->head_dim);
  score_block(h, query, h->stride, s->keys_across, first, count, s->p, s->row);
  for (int64_t i = 0; i < round_up(count, PANEL_ROWS); i++) {
    float *p = s->p + i * s->row, max = -INFINITY, sum = 0;
    const int64_t seen = i < count ? first + i + 1 : 0, end = round_up(keys_seen(first + i / PANEL_ROWS * PANEL_ROWS, h->length), PANEL_COLUMNS);
    SIMD_MAX(max)
    for (int64_t j = 0; j < seen; j++) {
      p[j] *= scale;
      max = p[j] > max ? p[j] : max;
    }
    SIMD_SUM(sum)
    for (int64_t j = 0; j < seen; j++) sum += p[j] = exponential(p[j] - max);
    SIMD
    for (int64_t j = 0; j < seen; j++) p[j] /= sum;
    for (int64_t j = seen; j < end; j++) p[j] = 0;
  }
}

/* y[i] = sum over the keys j that i sees of weights[i,j] x[j], rounded; x in panels of features */
static void combine_block(const struct Heads *h, const struct AttentionScratch *s, const float *weights, const float *panels, int64_t first,
                          int64_t count, float *y, int64_t stride) {
  for (int64_t i = 0; i < count; i += PANEL_ROWS)
    for (int64_t d = 0; d < h->head_dim; d += PANEL_COLUMNS)
      multiply_rows(keys_seen(first + i, h->length), weights + i * s->row, s->row, panels + d * h->length,
                    (struct Destination){s->result + i * s->width + d, s->width, 0, 1});
  for (int64_t i = 0; i < count; i++) memcpy(y + i * stride, s->result + i * s->width, (size_t)h->head_dim * sizeof(float));
}

static void attention_forward(const struct Heads *h, const struct AttentionScratch *s) {
  pack_across(h->key, h->stride, h->length, h->head_dim, s->keys_across);
  pack_along(h->value, h->stride, h->length, h->head_dim, s->values_along);
  for (int64_t g = 0; g < h->group; g++)
    for (int64_t first = 0; first < h->length; first += QUERY_BLOCK) {
      const int64_t count = smaller(QUERY_BLOCK, h->length - first);
      probabilities_of(h, s, h->query + first * h->stride + g * h->head_dim, first, count);
      combine_block(h, s, s->p, s->values_along, first, count, h->out + first * h->out_stride + g * h->head_dim, h->out_stride);
    }
}

/* ds[i,j] = p[i,j] (dp[i,j] - sum over m of p[i,m] dp[i,m]) / sqrt(head_dim), in place of dp */
static void score_gradients(const struct Heads *h, const struct AttentionScratch *s, int64_t first, int64_t count) {
  const float scale = 1 / sqrtf((float)h->head_dim);
  for (int64_t i = 0; i < round_up(count, PANEL_ROWS); i++) {
    const float *p = s->p + i * s->row;
    float *ds = s->ds + i * s->row, mean = 0;
    const int64_t seen = i < count ? first + i + 1 : 0, end = round_up(keys_seen(first + i / PANEL_ROWS * PANEL_ROWS, h->length), PANEL_COLUMNS);
    SIMD_SUM(mean)
    for (int64_t j = 0; j < seen; j++) mean += p[j] * ds[j];
    SIMD
    for (int64_t j = 0; j < seen; j++) ds[j] = p[j] * (ds[j] - mean) * scale;
    for (int64_t j = seen; j < end; j++) ds[j] = 0;
  }
}

/* y[j] += sum over the block's queries i that see j of weights[i,j] x[i]; x in panels of features */
static void spread_block(const struct Heads *h, const struct AttentionScratch *s, const float *weights, const float *panels, int64_t first,
                         int64_t count, float *y) {
  const int64_t end = keys_seen(first + (count - 1) / PANEL_ROWS * PANEL_ROWS, h->length);
  for (int64_t j = 0; j < end; j += PANEL_ROWS) {
    const int64_t skipped = j > first ? j - first : 0;
    for (int64_t d = 0; d < h->head_dim; d += PANEL_COLUMNS)
      multiply_columns(count - skipped, weights + skipped * s->row + j, s->row, panels + d * count + skipped * PANEL_COLUMNS,
                       (struct Destination){y + j * s->width + d, s->width, 1, 0});
  }
}

static void copy_rounded(const float *x, int64_t stride, int64_t rows, int64_t columns, float *y, int64_t y_stride) {
  for (int64_t i = 0; i < rows; i++) {
    SIMD
    for (int64_t d = 0; d < columns; d++) y[i * y_stride + d] = rounded(x[i * stride + d]);
  }
}

/*
 * dp[i,j] = do[i] . v[j];   dq[i] = sum over j of ds[i,j] k[j]
 * dk[j] = sum over heads and i of ds[i,j] q[i];   dv[j] = the same of p[i,j] do[i]
 */
static void attention_backward(const struct Heads *h, const struct AttentionScratch *s) {
  const size_t bytes = (size_t)((h->length + PANEL_ROWS) * s->width) * sizeof(float);
  pack_across(h->key, h->stride, h->length, h->head_dim, s->keys_across);
  pack_across(h->value, h->stride, h->length, h->head_dim, s->values_across);
  pack_along(h->key, h->stride, h->length, h->head_dim, s->keys_along);
  memset(s->d_key, 0, bytes), memset(s->d_value, 0, bytes);
  for (int64_t g = 0; g < h->group; g++)
    for (int64_t first = 0; first < h->length; first += QUERY_BLOCK) {
      const int64_t count = smaller(QUERY_BLOCK, h->length - first);
      const float *query = h->query + first * h->stride + g * h->head_dim, *d_out = h->d_out + first * h->out_stride + g * h->head_dim;
      probabilities_of(h, s, query, first, count);
      score_block(h, d_out, h->out_stride, s->values_across, first, count, s->ds, s->row);
      score_gradients(h, s, first, count);
      combine_block(h, s, s->ds, s->keys_along, first, count, h->d_query + first * h->stride + g * h->head_dim, h->stride);
      pack_along(query, h->stride, count, h->head_dim, s->queries);
      pack_along(d_out, h->out_stride, count, h->head_dim, s->d_outs);
      spread_block(h, s, s->ds, s->queries, first, count, s->d_key);
      spread_block(h, s, s->p, s->d_outs, first, count, s->d_value);
    }
  copy_rounded(s->d_key, s->width, h->length, h->head_dim, h->d_key, h->stride);
  copy_rounded(s->d_value, s->width, h->length, h->head_dim, h->d_value, h->stride);
}

#endif
