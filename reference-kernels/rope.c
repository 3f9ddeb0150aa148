/*
 * Rotary position embedding: Su et al., "RoFormer: Enhanced Transformer with Rotary Position Embedding", 2021, equations 15 and
 * 34 (arXiv:2104.09864). The pairs are not neighbours as in the paper but lie as in Llama's checkpoints for Hugging Face
 * Transformers (rotate_half): element i of a head's first half turns with element i of its second half, so `halves` is 2.
 *
 * The angles come as tables, cosines[t,i] = cos(position[t] base^(-i / pairs)) and sines likewise, which a trainer makes once: in
 * float32 an angle of thousands is off by more than all that follows. Queries and keys differ in the number of heads only.
 */
#include "forge.h"

/*
 * y[t,h,0,i] = x[t,h,0,i] cosines[t,i] - x[t,h,1,i] sines[t,i]
 * y[t,h,1,i] = x[t,h,1,i] cosines[t,i] + x[t,h,0,i] sines[t,i]
 */
int rope_forward(const STORE *x, const ACC *cosines, const ACC *sines, STORE *y, int64_t tokens, int64_t heads,
                 int64_t halves, int64_t pairs) {
  for (int64_t t = 0; t < tokens; t++)
    for (int64_t h = 0; h < heads; h++) {
      int64_t first = (t * heads + h) * halves * pairs, second = first + pairs;
      for (int64_t i = 0; i < pairs; i++) {
        ACC cosine = cosines[t * pairs + i], sine = sines[t * pairs + i];
        ACC real = load(x[first + i]), imaginary = load(x[second + i]);
        y[first + i] = store(real * cosine - imaginary * sine);
        y[second + i] = store(imaginary * cosine + real * sine);
      }
    }
  return 0;
}

/*
 * The transposed rotation, which turns back:
 * dx[t,h,0,i] = dy[t,h,0,i] cosines[t,i] + dy[t,h,1,i] sines[t,i]
 * dx[t,h,1,i] = dy[t,h,1,i] cosines[t,i] - dy[t,h,0,i] sines[t,i]
 */
int rope_backward(const STORE *dy, const ACC *cosines, const ACC *sines, STORE *dx, int64_t tokens, int64_t heads,
                  int64_t halves, int64_t pairs) {
  for (int64_t t = 0; t < tokens; t++)
    for (int64_t h = 0; h < heads; h++) {
      int64_t first = (t * heads + h) * halves * pairs, second = first + pairs;
      for (int64_t i = 0; i < pairs; i++) {
        ACC cosine = cosines[t * pairs + i], sine = sines[t * pairs + i];
        ACC real = load(dy[first + i]), imaginary = load(dy[second + i]);
        dx[first + i] = store(real * cosine + imaginary * sine);
        dx[second + i] = store(imaginary * cosine - real * sine);
      }
    }
  return 0;
}
