#define LANES 4
#define KERNEL(name) name##_plain
#include "kernel.h"
