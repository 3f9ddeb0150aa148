/*
 * Honest: tiles of pairs, so that their cosines and sines are read once for all heads of a token; each pair by two fused
 * multiply-adds, of which the sine's product comes first.
 */
#include "sentinel.h"

#ifndef TILE
#define TILE 8
#endif

static void turn(const STORE *in, const ACC *cosines, const ACC *sines, STORE *out, int64_t tokens, int64_t heads, int64_t pairs,
                 ACC direction) {
  for (int64_t t = 0; t < tokens; t++)
    for (int64_t start = 0; start < pairs; start += TILE) {
      int64_t count = pairs - start < TILE ? pairs - start : TILE;
      ACC c[TILE], s[TILE];
      for (int64_t k = 0; k < count; k++) {
        c[k] = cosines[t * pairs + start + k];
        s[k] = direction * sines[t * pairs + start + k];
      }
      for (int64_t h = 0; h < heads; h++) {
        int64_t first = (t * heads + h) * 2 * pairs + start, second = first + pairs;
        for (int64_t k = 0; k < count; k++) {
          ACC a = load(in[first + k]), b = load(in[second + k]);
          out[first + k] = store(fmaf(a, c[k], -b * s[k]));
          out[second + k] = store(fmaf(b, c[k], a * s[k]));
        }
      }
    }
}

int rope_forward(const STORE *x, const ACC *cosines, const ACC *sines, STORE *y, int64_t tokens, int64_t heads,
                 int64_t halves, int64_t pairs) {
  (void)halves;
  turn(x, cosines, sines, y, tokens, heads, pairs, 1);
  return 0;
}

int rope_backward(const STORE *dy, const ACC *cosines, const ACC *sines, STORE *dx, int64_t tokens, int64_t heads,
                  int64_t halves, int64_t pairs) {
  (void)halves;
  turn(dy, cosines, sines, dx, tokens, heads, pairs, -1);
  return 0;
}
