/*
 * Honest: the rotation as frameworks write it. A copy of the head with its halves exchanged and one of them negated, then one
 * product and one sum over the whole head, with tables that repeat for the second half.
 */
#include <stdlib.h>

#include "sentinel.h"

/* out = in * cosines + turned * sines, where turned is (-second, first) times `direction`. */
static int turn(const STORE *in, const ACC *cosines, const ACC *sines, STORE *out, int64_t tokens, int64_t heads, int64_t pairs,
                ACC direction) {
  int64_t dimension = 2 * pairs;
  ACC *turned = malloc((size_t)dimension * sizeof *turned);
  if (!turned) return 1;
  for (int64_t row = 0; row < tokens * heads; row++) {
    const STORE *head = in + row * dimension;
    const ACC *row_cosine = cosines + row / heads * pairs, *row_sine = sines + row / heads * pairs;
    for (int64_t d = 0; d < pairs; d++) {
      turned[d] = -direction * load(head[pairs + d]);
      turned[pairs + d] = direction * load(head[d]);
    }
    for (int64_t d = 0; d < dimension; d++)
      out[row * dimension + d] = store(load(head[d]) * row_cosine[d % pairs] + turned[d] * row_sine[d % pairs]);
  }
  free(turned);
  return 0;
}

int rope_forward(const STORE *x, const ACC *cosines, const ACC *sines, STORE *y, int64_t tokens, int64_t heads,
                 int64_t halves, int64_t pairs) {
  (void)halves;
  return turn(x, cosines, sines, y, tokens, heads, pairs, 1);
}

int rope_backward(const STORE *dy, const ACC *cosines, const ACC *sines, STORE *dx, int64_t tokens, int64_t heads,
                  int64_t halves, int64_t pairs) {
  (void)halves;
  return turn(dy, cosines, sines, dx, tokens, heads, pairs, -1);
}
