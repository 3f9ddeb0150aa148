/*
 * Embedding: a row of the table for every token. Bengio, Ducharme, Vincent and Jauvin, "A Neural Probabilistic Language Model",
 * 2003, section 2 (the mapping C, a matrix whose row i is the feature vector of word i), as in torch.nn.functional.embedding.
 * The gradient is that of the chain rule: a class that stands in several places collects from all of them.
 */
#include "forge.h"

/* y[t,d] = table[token[t],d] */
int embedding_forward(const int32_t *token, const STORE *table, STORE *y, int64_t tokens, int64_t classes, int64_t dim) {
  (void)classes; /* All tokens are below it. */
  for (int64_t t = 0; t < tokens; t++)
    for (int64_t d = 0; d < dim; d++) y[t * dim + d] = store(load(table[token[t] * dim + d]));
  return 0;
}

/* dtable[c,d] = sum over all t with token[t] = c of dy[t,d], 0 where there is none */
int embedding_backward(const int32_t *token, const STORE *dy, STORE *dtable, int64_t tokens, int64_t classes, int64_t dim) {
  /* Where each class stands first, and behind each place where the same class stands next; `tokens`: nowhere. */
  int64_t head[classes], next[tokens];
  for (int64_t c = 0; c < classes; c++) head[c] = tokens;
  for (int64_t t = tokens - 1; t >= 0; t--) {
    next[t] = head[token[t]];
    head[token[t]] = t;
  }
  for (int64_t r = 0; r < classes; r++) {
    int64_t place[tokens], count = 0;
    for (int64_t t = head[r]; t < tokens; t = next[t]) place[count++] = t;
    for (int64_t first = 0; first < dim; first += LANES)
      SUMS(sum, d, first, dim, i, count, load(dy[place[i] * dim + d]), dtable[r * dim + d] = store(sum));
  }
  return 0;
}
