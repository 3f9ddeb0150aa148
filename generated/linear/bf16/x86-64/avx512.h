/* AVX-512: tiles of 14 x 32 sums in registers, held there from the first k to the last; at bf16 by its dot products of two. */

/* Of C that one tile is in registers; panels of A that stay in the second-level cache while all of B passes by. */
enum { TILE_ROWS = 14, TILE_COLUMNS = 32, BLOCK_PANELS = 9, STRETCH = 64, AHEAD = 64, AHEAD_ACROSS = 16, B_GROUP = 4 };

/* A panel is a list of 32-bit words, `width` for each step of k: an f32, or two bf16 with k and k + 1. */
typedef uint32_t word;

static inline int64_t steps_of(int64_t inner) {
#ifdef BF16
  return (inner + 1) / 2;
#else
  return inner;
#endif
}

static inline int64_t panel_words(int64_t width, int64_t steps) { return width * steps; }

static inline int64_t block_panels(int64_t steps) {
  (void)steps;
  return BLOCK_PANELS;
}

static inline __mmask16 first_lanes(int64_t count) { return count >= 16 ? 0xffff : count <= 0 ? 0 : (__mmask16)((1u << count) - 1); }

/* Sixteen words of one line, from step `step` of `inner` elements on; zeros after its end. */
static inline __m512i words_along(const element *line, int64_t step, int64_t inner) {
#ifdef BF16
  int64_t left = inner - 2 * step;
  __mmask32 lanes = left >= 32 ? 0xffffffff : left <= 0 ? 0 : (1u << left) - 1;
  return _mm512_maskz_loadu_epi16(lanes, line + 2 * step);
#else
  return _mm512_maskz_loadu_epi32(first_lanes(inner - step), line + step);
#endif
}

/* Sixteen words of one step across lines: `at` is element (k, outer) where lines run along the outer index. */
static inline __m512i words_across(const element *at, int64_t stride, int64_t step, int64_t inner, __mmask16 lanes) {
#ifdef BF16
  const element *even = at + 2 * step * stride;
  __m512i low = _mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(lanes, even));
  if (2 * step + 1 >= inner) return low;
  __m512i high = _mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(lanes, even + stride));
  return _mm512_or_si512(low, _mm512_slli_epi32(high, 16));
#else
  (void)inner;
  return _mm512_maskz_loadu_epi32(lanes, at + step * stride);
#endif
}

/* Asks for what `words_across` will read at a later step; past the end of a factor that is no harm. */
static inline void fetch_across(const element *at, int64_t stride, int64_t step) {
#ifdef BF16
  _mm_prefetch((const char *)(at + 2 * step * stride), _MM_HINT_T0);
  _mm_prefetch((const char *)(at + (2 * step + 1) * stride), _MM_HINT_T0);
#else
  _mm_prefetch((const char *)(at + step * stride), _MM_HINT_T0);
#endif
}

static inline void transpose(__m512i t[16]) {
  __m512i u[16];
  for (int i = 0; i < 16; i += 2) {
    u[i] = _mm512_unpacklo_epi32(t[i], t[i + 1]);
    u[i + 1] = _mm512_unpackhi_epi32(t[i], t[i + 1]);
  }
  for (int i = 0; i < 16; i += 4) {
    t[i] = _mm512_unpacklo_epi64(u[i], u[i + 2]);
    t[i + 1] = _mm512_unpackhi_epi64(u[i], u[i + 2]);
    t[i + 2] = _mm512_unpacklo_epi64(u[i + 1], u[i + 3]);
    t[i + 3] = _mm512_unpackhi_epi64(u[i + 1], u[i + 3]);
  }
  for (int i = 0; i < 4; i++) {
    u[i] = _mm512_shuffle_i32x4(t[i], t[i + 4], 0x88);
    u[i + 4] = _mm512_shuffle_i32x4(t[i], t[i + 4], 0xdd);
    u[i + 8] = _mm512_shuffle_i32x4(t[i + 8], t[i + 12], 0x88);
    u[i + 12] = _mm512_shuffle_i32x4(t[i + 8], t[i + 12], 0xdd);
  }
  for (int i = 0; i < 4; i++) {
    t[i] = _mm512_shuffle_i32x4(u[i], u[i + 8], 0x88);
    t[i + 8] = _mm512_shuffle_i32x4(u[i], u[i + 8], 0xdd);
    t[i + 4] = _mm512_shuffle_i32x4(u[i + 4], u[i + 12], 0x88);
    t[i + 12] = _mm512_shuffle_i32x4(u[i + 4], u[i + 12], 0xdd);
  }
}

/* One panel: outer indices `first` to `first + width`, steps `begin` to `end` of k; what lies beyond `outer` is zero. */
static void pack_panel(factor from, int64_t first, int64_t width, int64_t outer, int64_t inner, int64_t begin, int64_t end, word *panel) {
  for (int64_t part = 0; part < width; part += 16) {
    int64_t count = outer - first - part;
    __mmask16 stored = first_lanes(width - part);
    if (from.layout == OUTER_CONTIGUOUS) {
      __mmask16 lanes = first_lanes(count) & stored;
      for (int64_t step = begin; step < end; step++) {
        const element *at = from.at + first + part;
        fetch_across(at, from.stride, step + AHEAD_ACROSS);
        _mm512_mask_storeu_epi32(panel + step * width + part, stored, words_across(at, from.stride, step, inner, lanes));
      }
      continue;
    }
    for (int64_t step = begin; step < end; step += 16) {
      __m512i t[16];
      for (int i = 0; i < 16; i++)
        if (i < count) {
          const element *line = from.at + (first + part + i) * from.stride;
          _mm_prefetch((const char *)(line) + (step + AHEAD) * 4, _MM_HINT_T0);
          t[i] = words_along(line, step, inner);
        } else
          t[i] = _mm512_setzero_si512();
      transpose(t);
      int64_t left = end - step < 16 ? end - step : 16;
      for (int i = 0; i < left; i++) _mm512_mask_storeu_epi32(panel + (step + i) * width + part, stored, t[i]);
    }
  }
}

static inline __m512 multiply_add(__m512 sum, word a, __m512i b) {
#ifdef BF16
  return _mm512_dpbf16_ps(sum, (__m512bh)_mm512_set1_epi32((int)a), (__m512bh)b);
#else
  return _mm512_fmadd_ps(_mm512_castsi512_ps(_mm512_set1_epi32((int)a)), _mm512_castsi512_ps(b), sum);
#endif
}

static inline void put(element *to, __mmask16 lanes, __m512 value) {
#ifdef BF16
  _mm256_mask_storeu_epi16(to, lanes, (__m256i)_mm512_cvtneps_pbh(value));
#else
  _mm512_mask_storeu_ps(to, lanes, value);
#endif
}

/* A whole line of the tile past the caches: nobody reads it here, and it need not be fetched to be overwritten. */
static inline void stream_line(element *to, __m512 left, __m512 right) {
#ifdef BF16
  _mm512_stream_si512((void *)to, (__m512i)_mm512_cvtne2ps_pbh(right, left));
#else
  _mm512_stream_ps(to, left);
  _mm512_stream_ps(to + 16, right);
#endif
}

static void tile(const word *a, const word *b, int64_t steps, element *c, int64_t stride, int64_t rows, int64_t columns) {
  __m512 left[TILE_ROWS], right[TILE_ROWS];
  for (int r = 0; r < TILE_ROWS; r++) left[r] = right[r] = _mm512_setzero_ps();
  for (int64_t step = 0; step < steps; step++) {
    __m512i b0 = _mm512_load_si512(b + step * TILE_COLUMNS), b1 = _mm512_load_si512(b + step * TILE_COLUMNS + 16);
#pragma clang loop unroll(full)
    for (int r = 0; r < TILE_ROWS; r++) {
      left[r] = multiply_add(left[r], a[step * TILE_ROWS + r], b0);
      right[r] = multiply_add(right[r], a[step * TILE_ROWS + r], b1);
    }
  }
  __mmask16 in_left = first_lanes(columns), in_right = first_lanes(columns - 16);
#pragma clang loop unroll(full)
  for (int r = 0; r < TILE_ROWS; r++) {
    if (r >= rows) continue;
    element *to = c + r * stride;
    if (columns >= TILE_COLUMNS && ((uintptr_t)to & 63) == 0) {
      stream_line(to, left[r], right[r]);
      continue;
    }
    put(to, in_left, left[r]);
    if (in_right) put(to + 16, in_right, right[r]);
  }
}

/* Some panels of A times one of B: `strips` tiles of C, one below the other. */
static void multiply_panel(const word *a, int64_t strips, const word *b, int64_t steps, element *c, int64_t stride, int64_t rows,
                           int64_t columns) {
  for (int64_t strip = 0; strip < strips; strip++)
    tile(a + strip * TILE_ROWS * steps, b, steps, c + strip * TILE_ROWS * stride, stride, rows - strip * TILE_ROWS, columns);
}
