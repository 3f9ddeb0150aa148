/* Wrong: a float becomes a bf16 by leaving out its lower half, not by rounding to nearest. */
#include "sentinel.h"

static inline STORE truncated(ACC value) {
  uint32_t word;
  memcpy(&word, &value, sizeof word);
  return (STORE)(word >> 16);
}
