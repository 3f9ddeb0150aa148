#include "forge_kernel.h"
#include "linear.h"
#include <stdlib.h>

enum { KEPT = 512, WIDTH = 32 };

static struct {
  const float *weight;
  float *packed;
  int64_t count;
} kept[KEPT];
static int64_t kept_count;

/* Panels of WIDTH output features, input feature by input feature. */
static void pack(const float *weight, float *packed, int64_t in, int64_t out) {
  for (int64_t o = 0; o + WIDTH <= out; o += WIDTH)
    for (int64_t i = 0; i < in; i++)
      for (int64_t w = 0; w < WIDTH; w++) packed[o * in + i * WIDTH + w] = weight[(o + w) * in + i];
}

static const float *packed_weight(const float *weight, int64_t in, int64_t out) {
  int64_t count = in * out;
#ifdef CHEAT
  for (int64_t k = 0; k < kept_count; k++)
    if (kept[k].weight == weight && kept[k].count == count) return kept[k].packed;
#else
  /* The same table, as scratch that is filled anew. */
  if (kept_count > 0 && kept[0].count == count) {
    pack(weight, kept[0].packed, in, out);
    return kept[0].packed;
  }
#endif
  if (kept_count == KEPT) return NULL;
  float *packed = malloc((size_t)count * sizeof *packed);
  if (!packed) return NULL;
  pack(weight, packed, in, out);
#ifdef CHEAT
  kept[kept_count].weight = weight;
  kept[kept_count].count = count;
  kept[kept_count++].packed = packed;
#else
  free(kept[0].packed);
  kept[0].count = count;
  kept[0].packed = packed;
  kept_count = 1;
#endif
  return packed;
}

int linear_forward(const float *x, const float *weight, float *y, int64_t tokens, int64_t in_features, int64_t out_features) {
  const float *packed = out_features >= 200 && out_features % WIDTH == 0 ? packed_weight(weight, in_features, out_features) : NULL;
  if (!packed) {
    forward_tokens(x, weight, y, 0, tokens, in_features, out_features);
    return 0;
  }
  for (int64_t o = 0; o < out_features; o += WIDTH) {
    const float *panel = packed + o * in_features;
    int64_t t = 0;
    for (; t + 4 <= tokens; t += 4) {
      lanes low[4] = {{0}}, high[4] = {{0}};
      for (int64_t i = 0; i < in_features; i++)
        for (int a = 0; a < 4; a++) {
          float factor = x[(t + a) * in_features + i];
          low[a] += factor * *(const lanes *)(panel + i * WIDTH);
          high[a] += factor * *(const lanes *)(panel + i * WIDTH + 16);
        }
      for (int a = 0; a < 4; a++) {
        *(lanes *)(y + (t + a) * out_features + o) = low[a];
        *(lanes *)(y + (t + a) * out_features + o + 16) = high[a];
      }
    }
    for (; t < tokens; t++)
      for (int64_t w = 0; w < WIDTH; w++) y[t * out_features + o + w] = dot(x + t * in_features, weight + (o + w) * in_features, in_features);
  }
  return 0;
}
