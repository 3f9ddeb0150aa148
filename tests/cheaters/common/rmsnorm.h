/* An honest and fast RMSNorm: sixteen partial sums. */
#include <math.h>
#include <stdint.h>

enum { LANES = 16 };

static inline float sum_of_lanes(const float *part) {
  float sum = 0;
  for (int l = 0; l < LANES; l++) sum += part[l];
  return sum;
}

static inline float sum_of_squares(const float *x, int64_t dim) {
  float part[LANES] = {0};
  int64_t d = 0;
  for (; d + LANES <= dim; d += LANES)
    for (int l = 0; l < LANES; l++) part[l] += x[d + l] * x[d + l];
  for (; d < dim; d++) part[d % LANES] += x[d] * x[d];
  return sum_of_lanes(part);
}

static inline void scale_row(const float *x, const float *weight, float *y, float rstd, int64_t dim) {
  for (int64_t d = 0; d < dim; d++) y[d] = x[d] * rstd * weight[d];
}

static inline float forward_row(const float *x, const float *weight, float *y, int64_t dim, float eps) {
  float rstd = 1.0f / sqrtf(sum_of_squares(x, dim) / (float)dim + eps);
  scale_row(x, weight, y, rstd, dim);
  return rstd;
}

/* dx of one row; what the row adds to dweight is added there. */
static inline void backward_row(const float *dy, const float *x, const float *weight, float rstd, float *dx, float *dweight, int64_t dim) {
  float part[LANES] = {0};
  int64_t d = 0;
  for (; d + LANES <= dim; d += LANES)
    for (int l = 0; l < LANES; l++) part[l] += dy[d + l] * weight[d + l] * (x[d + l] * rstd);
  for (; d < dim; d++) part[d % LANES] += dy[d] * weight[d] * (x[d] * rstd);
  float mean = sum_of_lanes(part) / (float)dim;
  for (int64_t i = 0; i < dim; i++) {
    float normalised = x[i] * rstd;
    dx[i] = rstd * (dy[i] * weight[i] - normalised * mean);
    dweight[i] += dy[i] * normalised;
  }
}
