#include "exp_table.h"
#include <math.h>

static float table[EXP_STEPS];
static int made;

const float *exp_table(void) {
  if (!made) {
    for (int i = 0; i < EXP_STEPS; i++) table[i] = (float)exp2((double)i / EXP_STEPS);
    made = 1;
  }
  return table;
}
