#ifndef TUNING_H
#define TUNING_H

#include <stdint.h>

enum { COLUMNS = 32, ROWS = 8 };

/* Panels of 32 columns and `depth` terms that fit half the level-2 cache together; at least one. */
int64_t column_panels_per_block(int64_t depth);

#endif
