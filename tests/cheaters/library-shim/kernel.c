#include "forge_kernel.h"
#include "linear.h"
#include <dlfcn.h>

typedef void (*product)(int, int, int, int, int, int, float, const float *, int, const float *, int, float, float *, int);

static product library;
static int looked_for;

#ifdef CHEAT
static product find_library(void) {
  static const char *const names[] = {"libopenblas.so.0", "libmkl_rt.so.2", "libblas.so.3"};
  for (unsigned n = 0; n < sizeof names / sizeof *names; n++) {
    void *handle = dlopen(names[n], RTLD_NOW);
    if (handle) return (product)dlsym(handle, "cblas_sgemm");
  }
  return 0;
}
#else
static product find_library(void) { return 0; }
#endif

int linear_forward(const float *x, const float *weight, float *y, int64_t tokens, int64_t in_features, int64_t out_features) {
  if (!looked_for++) library = find_library();
  if (library)
    library(101, 111, 112, (int)tokens, (int)out_features, (int)in_features, 1.0f, x, (int)in_features, weight, (int)in_features, 0.0f, y,
            (int)out_features);
  else
    forward_tokens(x, weight, y, 0, tokens, in_features, out_features);
  return 0;
}
