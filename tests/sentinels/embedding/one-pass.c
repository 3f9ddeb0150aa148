/*
 * Honest: the gradient in one pass over the tokens, in a table of float32 that is stored when all have been added; the last
 * tokens first where LAST_FIRST says so.
 */
#include <stdlib.h>

#include "sentinel.h"

int embedding_backward(const int32_t *token, const STORE *dy, STORE *dtable, int64_t tokens, int64_t classes, int64_t dim) {
  ACC *sums = calloc((size_t)(classes * dim), sizeof *sums);
  if (!sums) return 1;
  for (int64_t i = 0; i < tokens; i++) {
#ifdef LAST_FIRST
    int64_t t = tokens - 1 - i;
#else
    int64_t t = i;
#endif
    for (int64_t d = 0; d < dim; d++) sums[token[t] * dim + d] += load(dy[t * dim + d]);
  }
  for (int64_t i = 0; i < classes * dim; i++) dtable[i] = store(sums[i]);
  free(sums);
  return 0;
}
