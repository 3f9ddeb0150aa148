/*
 * Honest: the embedding with its places sorted by class first (a counting sort, which keeps their order). Forward copies rows as
 * they are; backward sums the rows of a class in pairs of neighbours, and fills with zeros what does not occur.
 */
#include <stdlib.h>

#include "sentinel.h"

int embedding_forward(const int32_t *token, const STORE *table, STORE *y, int64_t tokens, int64_t classes, int64_t dim) {
  (void)classes;
  for (int64_t t = 0; t < tokens; t++) memcpy(y + t * dim, table + token[t] * dim, (size_t)dim * sizeof *y);
  return 0;
}

int embedding_backward(const int32_t *token, const STORE *dy, STORE *dtable, int64_t tokens, int64_t classes, int64_t dim) {
  int64_t *begin = calloc((size_t)(classes + 1 + tokens), sizeof *begin);
  if (!begin) return 1;
  int64_t *place = begin + classes + 1;
  for (int64_t t = 0; t < tokens; t++) begin[token[t] + 1]++;
  for (int64_t c = 0; c < classes; c++) begin[c + 1] += begin[c];
  for (int64_t t = 0; t < tokens; t++) place[begin[token[t]]++] = t;
  /* Every begin now is the end of its class. */
  for (int64_t c = 0; c < classes; c++) {
    int64_t first = c > 0 ? begin[c - 1] : 0, end = begin[c];
    STORE *row = dtable + c * dim;
    if (first == end) memset(row, 0, (size_t)dim * sizeof *row);
    else
      for (int64_t d = 0; d < dim; d++) {
        ACC sum = 0;
        int64_t i = first;
        for (; i + 1 < end; i += 2) sum += load(dy[place[i] * dim + d]) + load(dy[place[i + 1] * dim + d]);
        if (i < end) sum += load(dy[place[i] * dim + d]);
        row[d] = store(sum);
      }
  }
  free(begin);
  return 0;
}
