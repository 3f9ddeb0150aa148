/* AVX2: tiles of 6 x 16 sums in twelve registers, from panels of f32; bf16 is widened while it is packed. */

/* Steps of k in which sixteen columns of B stay in the first-level cache; words of A that stay in the second while all of B passes by. */
enum { CHUNK = 256, BLOCK_WORDS = 64 << 10, AHEAD = 64, AHEAD_ACROSS = 16 };
enum { TILE_ROWS = 6, TILE_COLUMNS = 16, MOST_PANELS = 32, STRETCH = 64, B_GROUP = 8 };

typedef float word;

static inline int64_t steps_of(int64_t inner) { return inner; }

/* Panels are written eight words at a time, beyond the last of them too. */
static inline int64_t panel_words(int64_t width, int64_t steps) { return (steps * width + 2 + 15) / 16 * 16; }

static inline int64_t block_panels(int64_t steps) {
  int64_t fit = BLOCK_WORDS / (TILE_ROWS * steps);
  return fit < 1 ? 1 : fit < MOST_PANELS ? fit : MOST_PANELS - 1;
}

static inline __m256 eight(const element *x) {
#ifdef BF16
  return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(_mm_loadu_si128((const __m128i *)x)), 16));
#else
  return _mm256_loadu_ps(x);
#endif
}

/* Zeros after `count`. */
static inline __m256 up_to_eight(const element *x, int64_t count) {
  if (count >= 8) return eight(x);
  element some[8] = {0};
  if (count > 0) memcpy(some, x, (size_t)count * sizeof *x);
  return eight(some);
}

static inline void transpose(__m256 t[8]) {
  __m256 u[8];
  for (int i = 0; i < 8; i += 2) {
    u[i] = _mm256_unpacklo_ps(t[i], t[i + 1]);
    u[i + 1] = _mm256_unpackhi_ps(t[i], t[i + 1]);
  }
  for (int i = 0; i < 8; i += 4) {
    t[i] = _mm256_shuffle_ps(u[i], u[i + 2], 0x44);
    t[i + 1] = _mm256_shuffle_ps(u[i], u[i + 2], 0xee);
    t[i + 2] = _mm256_shuffle_ps(u[i + 1], u[i + 3], 0x44);
    t[i + 3] = _mm256_shuffle_ps(u[i + 1], u[i + 3], 0xee);
  }
  for (int i = 0; i < 4; i++) {
    u[i] = _mm256_permute2f128_ps(t[i], t[i + 4], 0x20);
    u[i + 4] = _mm256_permute2f128_ps(t[i], t[i + 4], 0x31);
  }
  for (int i = 0; i < 8; i++) t[i] = u[i];
}

/* One panel: outer indices `first` to `first + width`, steps `begin` to `end` of k; what lies beyond `outer` is zero. */
static void pack_panel(factor from, int64_t first, int64_t width, int64_t outer, int64_t inner, int64_t begin, int64_t end, word *panel) {
  for (int64_t part = 0; part < width; part += 8) {
    int64_t count = outer - first - part;
    if (from.layout == OUTER_CONTIGUOUS) {
      for (int64_t step = begin; step < end; step++) {
        const element *at = from.at + step * from.stride + first + part;
        _mm_prefetch((const char *)(at + AHEAD_ACROSS * from.stride), _MM_HINT_T0);
        _mm256_storeu_ps(panel + step * width + part, up_to_eight(at, count));
      }
      continue;
    }
    int64_t lines = count < width - part ? count : width - part;
    for (int64_t step = begin; step < end; step += 8) {
      __m256 t[8];
      for (int i = 0; i < 8; i++)
        if (i < lines) {
          const element *at = from.at + (first + part + i) * from.stride + step;
          _mm_prefetch((const char *)(at + AHEAD), _MM_HINT_T0);
          t[i] = up_to_eight(at, inner - step);
        } else
          t[i] = _mm256_setzero_ps();
      transpose(t);
      int64_t left = end - step < 8 ? end - step : 8;
      for (int i = 0; i < left; i++) _mm256_storeu_ps(panel + (step + i) * width + part, t[i]);
    }
  }
}

/* Adds `steps` of k to the sums of one tile. */
static inline void tile(const float *a, const float *b, int64_t steps, const float *next_b, float *sums) {
  __m256 left[TILE_ROWS], right[TILE_ROWS];
#pragma GCC unroll 6
  for (int r = 0; r < TILE_ROWS; r++) {
    left[r] = _mm256_load_ps(sums + 16 * r);
    right[r] = _mm256_load_ps(sums + 16 * r + 8);
  }
#pragma GCC unroll 4
  for (int64_t step = 0; step < steps; step++) {
    __m256 b0 = _mm256_load_ps(b + 16 * step), b1 = _mm256_load_ps(b + 16 * step + 8);
    if (step % 4 == 0) {
      _mm_prefetch((const char *)(next_b + 4 * step), _MM_HINT_T1);
    }
#pragma GCC unroll 6
    for (int r = 0; r < TILE_ROWS; r++) {
      __m256 value = _mm256_broadcast_ss(a + TILE_ROWS * step + r);
      left[r] = _mm256_fmadd_ps(value, b0, left[r]);
      right[r] = _mm256_fmadd_ps(value, b1, right[r]);
    }
  }
#pragma GCC unroll 6
  for (int r = 0; r < TILE_ROWS; r++) {
    _mm256_store_ps(sums + 16 * r, left[r]);
    _mm256_store_ps(sums + 16 * r + 8, right[r]);
  }
}

#ifdef BF16
/* To the nearest bf16, ties to even. A NaN stays one: it comes of a bf16 or of the processor, with nothing in its lower half to carry. */
static inline __m256i rounded(__m256 x) {
  __m256i bits = _mm256_castps_si256(x);
  __m256i last = _mm256_and_si256(_mm256_srli_epi32(bits, 16), _mm256_set1_epi32(1));
  return _mm256_srli_epi32(_mm256_add_epi32(bits, _mm256_add_epi32(last, _mm256_set1_epi32(0x7fff))), 16);
}
#endif

/* Sixteen sums of a row. A whole line goes past the caches: nobody reads it here, and it need not be fetched to be overwritten. */
static inline void put(element *to, const float *sums, int64_t columns) {
#ifdef BF16
  __m256i pairs = _mm256_packus_epi32(rounded(_mm256_load_ps(sums)), rounded(_mm256_load_ps(sums + 8)));
  __m256i words = _mm256_permute4x64_epi64(pairs, 0xd8);
  if (columns >= TILE_COLUMNS) {
    _mm256_storeu_si256((__m256i *)to, words);
    return;
  }
  element some[TILE_COLUMNS];
  _mm256_storeu_si256((__m256i *)some, words);
  memcpy(to, some, (size_t)columns * sizeof *to);
#else
  if (columns < TILE_COLUMNS) memcpy(to, sums, (size_t)columns * sizeof *to);
  else if (((uintptr_t)to & 63) == 0) {
    _mm256_stream_ps(to, _mm256_load_ps(sums));
    _mm256_stream_ps(to + 8, _mm256_load_ps(sums + 8));
  } else
    memcpy(to, sums, TILE_COLUMNS * sizeof *to);
#endif
}

/* Some panels of A times one of B: `strips` tiles of C, one below the other. */
static void multiply_panel(const word *a, int64_t strips, const word *b, int64_t steps, element *c, int64_t stride, int64_t rows,
                           int64_t columns) {
  _Alignas(64) float sums[MOST_PANELS * TILE_ROWS * TILE_COLUMNS];
  memset(sums, 0, (size_t)(strips * TILE_ROWS * TILE_COLUMNS) * sizeof *sums);
  for (int64_t begin = 0; begin < steps; begin += CHUNK) {
    int64_t count = steps - begin < CHUNK ? steps - begin : CHUNK;
    for (int64_t strip = 0; strip < strips; strip++) {
      const word *at = a + strip * panel_words(TILE_ROWS, steps) + begin * TILE_ROWS;
      tile(at, b + begin * TILE_COLUMNS, count,
           b + (begin + count) * TILE_COLUMNS + strip % 4 * (CHUNK * TILE_COLUMNS / 4), sums + strip * TILE_ROWS * TILE_COLUMNS);
    }
  }
  for (int64_t r = 0; r < strips * TILE_ROWS && r < rows; r++) put(c + r * stride, sums + r * TILE_COLUMNS, columns);
}
