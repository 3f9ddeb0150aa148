#define LANES 16
#define KERNEL(name) name##_avx512
#include "kernel.h"
