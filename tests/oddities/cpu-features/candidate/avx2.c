#define LANES 8
#define KERNEL(name) name##_avx2
#include "kernel.h"
