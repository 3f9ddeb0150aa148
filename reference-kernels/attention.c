/*
 * Causal attention with grouped queries: Vaswani et al., "Attention Is All You Need", 2017, equation 1 (arXiv:1706.03762),
 * where each head of keys and values serves `group` heads of queries: Ainslie et al., "GQA: Training Generalized Multi-Query
 * Transformer Models from Multi-Head Checkpoints", 2023, section 2.2 (arXiv:2305.13245). Query head h reads KV head h / group.
 * The maximum is subtracted so that no exponential overflows. Gradients: Dao et al., "FlashAttention: Fast and
 * Memory-Efficient Exact Attention with IO-Awareness", 2022, appendix B.2, equations 3 to 6 (arXiv:2205.14135).
 */
#include "forge.h"

/* sum over i of left[i] right[i] */
static ACC dot(const STORE *left, const STORE *right, int64_t n) {
  ACC sum;
  SUM(sum, i, n, load(left[i]) * load(right[i]));
  return sum;
}

/*
 * For every sequence and query head, with s[t,j] = q[t] . k[j] / sqrt(head_dim) and all sums over the tokens j <= t:
 * lse[t] = max[t] + log(sum of exp(s[t,j] - max[t])), with max[t] = max over j <= t of s[t,j]
 * y[t]   = (sum of exp(s[t,j] - max[t]) v[j]) / (sum of exp(s[t,j] - max[t]))
 */
int attention_forward(const STORE *q, const STORE *k, const STORE *v, STORE *y, ACC *lse, int64_t batch, int64_t tokens,
                      int64_t kv_heads, int64_t group, int64_t head_dim) {
  int64_t heads = kv_heads * group, stride = kv_heads * head_dim;
  ACC scale = 1 / SQRT((ACC)head_dim);
  for (int64_t n = 0; n < batch * heads; n++) {
    int64_t b = n / heads, h = n % heads;
    int64_t own = b * tokens * stride + h / group * head_dim;
    for (int64_t t = 0; t < tokens; t++) {
      int64_t row = (b * tokens + t) * heads + h, keys = t + 1;
      ACC weight[tokens];
      for (int64_t j = 0; j < keys; j++) weight[j] = scale * dot(q + row * head_dim, k + own + j * stride, head_dim);
      ACC max = weight[0];
      for (int64_t j = 1; j < keys; j++)
        if (weight[j] > max) max = weight[j];
      for (int64_t e = 0; e < keys; e++) weight[e] = EXP(weight[e] - max);
      ACC sum;
      SUM(sum, j, keys, weight[j]);
      lse[row] = max + LOG(sum);
      for (int64_t first = 0; first < head_dim; first += LANES)
        SUMS(mixed, d, first, head_dim, j, keys, weight[j] * load(v[own + j * stride + d]),
             y[row * head_dim + d] = store(mixed / sum));
    }
  }
  return 0;
}

/*
 * With p[t,j] = exp(s[t,j] - lse[t]) and dp[t,j] = dy[t] . v[j], for j <= t:
 * ds[t,j] = p[t,j] (dp[t,j] - delta[t]), with delta[t] = sum over j of p[t,j] dp[t,j]
 * dq[t]   = sum over j of ds[t,j] k[j] / sqrt(head_dim)
 * dk[j]   = sum over t and the query heads of the group of ds[t,j] q[t] / sqrt(head_dim)
 * dv[j]   = sum over t and the query heads of the group of p[t,j] dy[t]
 */
int attention_backward(const STORE *dy, const STORE *q, const STORE *k, const STORE *v, const ACC *lse, STORE *dq, STORE *dk,
                       STORE *dv, int64_t batch, int64_t tokens, int64_t kv_heads, int64_t group, int64_t head_dim) {
  int64_t queries = tokens * group, stride = kv_heads * head_dim;
  ACC scale = 1 / SQRT((ACC)head_dim);
  for (int64_t n = 0; n < batch * kv_heads; n++) {
    int64_t b = n / kv_heads, h = n % kv_heads, own = b * tokens * stride + h * head_dim;
    /* The queries of this KV head, token by token: query x is that of token x / group, and lies in row[x]. */
    int64_t row[queries];
    ACC delta[queries];
    for (int64_t x = 0; x < queries; x++) {
      int64_t keys = x / group + 1;
      row[x] = ((b * tokens + x / group) * kv_heads + h) * group + x % group;
      ACC p[tokens], ds[tokens];
      for (int64_t j = 0; j < keys; j++) {
        p[j] = EXP(scale * dot(q + row[x] * head_dim, k + own + j * stride, head_dim) - lse[row[x]]);
        ds[j] = dot(dy + row[x] * head_dim, v + own + j * stride, head_dim);
      }
      SUM(delta[x], j, keys, p[j] * ds[j]);
      for (int64_t j = 0; j < keys; j++) ds[j] = p[j] * (ds[j] - delta[x]);
      for (int64_t first = 0; first < head_dim; first += LANES)
        SUMS(sum, d, first, head_dim, j, keys, ds[j] * load(k[own + j * stride + d]),
             dq[row[x] * head_dim + d] = store(sum * scale));
    }
    for (int64_t j = 0; j < tokens; j++) {
      int64_t begin = j * group;
      ACC p[queries], ds[queries];
      for (int64_t x = begin; x < queries; x++) {
        p[x] = EXP(scale * dot(q + row[x] * head_dim, k + own + j * stride, head_dim) - lse[row[x]]);
        ds[x] = p[x] * (dot(dy + row[x] * head_dim, v + own + j * stride, head_dim) - delta[x]);
      }
      for (int64_t first = 0; first < head_dim; first += LANES) {
        SUMS(sum, d, first, head_dim, i, queries - begin, ds[begin + i] * load(q[row[begin + i] * head_dim + d]),
             dk[own + j * stride + d] = store(sum * scale));
        SUMS(sum, d, first, head_dim, i, queries - begin, p[begin + i] * load(dy[row[begin + i] * head_dim + d]),
             dv[own + j * stride + d] = store(sum));
      }
    }
  }
  return 0;
}
