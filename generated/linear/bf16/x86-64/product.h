/* C[m,n] = sum over k of A[m,k] B[k,n], from panels in which k comes first. */
#include "forge_kernel.h"
#include <immintrin.h>
#include <omp.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#ifdef BF16
typedef forge_bf16 element;
#else
typedef float element;
#endif

/* Which index of a factor is contiguous in memory. */
typedef enum { INNER_CONTIGUOUS, OUTER_CONTIGUOUS } layout;

typedef struct {
  const element *at;
  /* Elements between one line of contiguous ones and the next. */
  int64_t stride;
  layout layout;
} factor;

#if defined(__AVX512F__) && (!defined(BF16) || (defined(__AVX512BW__) && defined(__AVX512BF16__)))
#include "avx512.h"
#elif defined(__AVX2__) && defined(__FMA__)
#include "avx2.h"
#else
#error "This kernel needs AVX2 with FMA, or AVX-512 (for bf16 with AVX512-BW and AVX512-BF16): build it with -march=native on such a machine."
#endif

/* Panels `from_panel` to `to_panel`; where k runs across pages, a stretch of it at a time, so that each is looked up once for all panels. */
static void pack_panels(factor from, int64_t from_panel, int64_t to_panel, int64_t width, int64_t outer, int64_t inner, word *to) {
  int64_t steps = steps_of(inner);
  int64_t stretch = from.layout == OUTER_CONTIGUOUS ? STRETCH : steps;
  for (int64_t begin = 0; begin < steps; begin += stretch) {
    int64_t end = begin + stretch < steps ? begin + stretch : steps;
    for (int64_t panel = from_panel; panel < to_panel; panel++)
      pack_panel(from, panel * width, width, outer, inner, begin, end, to + (panel - from_panel) * panel_words(width, steps));
  }
}

/* Room for the panels of both factors, kept between calls; nothing of a call is looked at by another. */
static word *room;
static size_t room_words;

static word *room_for(size_t words) {
  if (words > room_words) {
    free(room);
    room_words = 0;
    room = aligned_alloc(2 << 20, (words * sizeof *room + (2 << 20) - 1) / (2 << 20) * (2 << 20));
    if (room) room_words = words;
  }
  return room;
}

static int multiply(factor a, factor b, element *c, int64_t rows, int64_t columns, int64_t inner) {
  int64_t steps = steps_of(inner), a_size = panel_words(TILE_ROWS, steps), b_size = panel_words(TILE_COLUMNS, steps);
  int64_t a_panels = (rows + TILE_ROWS - 1) / TILE_ROWS, b_panels = (columns + TILE_COLUMNS - 1) / TILE_COLUMNS;
  /* As many blocks for each thread, all alike to a panel. */
  int64_t share = FORGE_THREADS * block_panels(steps), blocks = FORGE_THREADS * ((a_panels + share - 1) / share);
  size_t b_words = (size_t)(b_panels * b_size), a_words = (size_t)((block_panels(steps) + 1) * a_size + 15) / 16 * 16;
  word *packed_b = room_for(b_words + FORGE_THREADS * a_words);
  if (!packed_b) return 1;
#pragma omp parallel num_threads(FORGE_THREADS)
  {
    word *packed_a = packed_b + b_words + (size_t)omp_get_thread_num() * a_words;
#pragma omp for schedule(static)
    for (int64_t group = 0; group < b_panels; group += B_GROUP)
      pack_panels(b, group, group + B_GROUP < b_panels ? group + B_GROUP : b_panels, TILE_COLUMNS, columns, inner,
                  packed_b + group * b_size);
#pragma omp for schedule(dynamic)
    for (int64_t block = 0; block < blocks; block++) {
      int64_t first = block * a_panels / blocks, last = (block + 1) * a_panels / blocks;
      pack_panels(a, first, last, TILE_ROWS, rows, inner, packed_a);
      for (int64_t panel = 0; panel < b_panels; panel++)
        multiply_panel(packed_a, last - first, packed_b + panel * b_size, steps, c + first * TILE_ROWS * columns + panel * TILE_COLUMNS,
                       columns, rows - first * TILE_ROWS, columns - panel * TILE_COLUMNS);
    }
  }
  return 0;
}
