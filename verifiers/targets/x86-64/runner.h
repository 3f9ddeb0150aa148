/* Between the runner and the glue that is generated for a spec's entries. */
#ifndef FORGE_RUNNER_H
#define FORGE_RUNNER_H
#include <stdint.h>

enum { FORGE_INPUT = 0, FORGE_OUTPUT = 1 };
enum { FORGE_MAX_BUFFERS = 32 };

typedef struct {
  const char *name;
  /* Calls the candidate's function with its own parameter types. */
  int (*call)(void *function, void *const *buffers, const int64_t *sizes, const double *scalars);
  int buffer_count;
  const char *buffer_names[FORGE_MAX_BUFFERS];
  int buffer_roles[FORGE_MAX_BUFFERS];
  int size_count;
  int scalar_count;
} forge_entry;

extern const forge_entry forge_entries[];
extern const int forge_entry_count;
#endif
