/*
 * The examiner that most benchmarks are: one process, fixed inputs, one comparison within 1e-2, then a loop around the clock.
 * It is here to be fooled.
 *
 *   naive-examiner CANDIDATE REFERENCE ENTRY CALLS BUFFER... -- SIZE... -- SCALAR...     BUFFER: file for an input, :BYTES:TYPE for an output
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "runner.h"

static double seconds_now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void *read_whole(const char *path) {
  FILE *file = fopen(path, "rb");
  if (!file) exit(2);
  fseek(file, 0, SEEK_END);
  size_t bytes = (size_t)ftell(file);
  rewind(file);
  void *data = aligned_alloc(64, (bytes + 63) / 64 * 64);
  if (fread(data, 1, bytes, file) != bytes) exit(2);
  fclose(file);
  return data;
}

static float element(const void *data, size_t index, int bytes) {
  if (bytes == 4) return ((const float *)data)[index];
  uint32_t bits = (uint32_t)((const uint16_t *)data)[index] << 16;
  float value;
  memcpy(&value, &bits, 4);
  return value;
}

int main(int argc, char **argv) {
  void *libraries[2] = {dlopen(argv[1], RTLD_NOW), dlopen(argv[2], RTLD_NOW)};
  const forge_entry *entry = NULL;
  for (int e = 0; e < forge_entry_count; e++)
    if (strcmp(forge_entries[e].name, argv[3]) == 0) entry = &forge_entries[e];
  if (!libraries[0] || !libraries[1] || !entry) { fprintf(stderr, "%s\n", dlerror()); return 2; }
  int calls = atoi(argv[4]), at = 5;
  void *buffers[FORGE_MAX_BUFFERS], *expected[FORGE_MAX_BUFFERS];
  size_t bytes[FORGE_MAX_BUFFERS];
  int width[FORGE_MAX_BUFFERS];
  for (int b = 0; b < entry->buffer_count; b++, at++) {
    if (entry->buffer_roles[b] == FORGE_INPUT) { buffers[b] = expected[b] = read_whole(argv[at]); continue; }
    sscanf(argv[at], ":%zu:%d", &bytes[b], &width[b]);
    buffers[b] = aligned_alloc(64, (bytes[b] + 63) / 64 * 64);
    expected[b] = aligned_alloc(64, (bytes[b] + 63) / 64 * 64);
    memset(buffers[b], 0, bytes[b]);
  }
  int64_t sizes[64];
  double scalars[64];
  int count = 0;
  for (at++; strcmp(argv[at], "--") != 0; at++) sizes[count++] = atoll(argv[at]);
  count = 0;
  for (at++; at < argc; at++) scalars[count++] = atof(argv[at]);

  void *functions[2] = {dlsym(libraries[0], argv[3]), dlsym(libraries[1], argv[3])};
  entry->call(functions[0], buffers, sizes, scalars);
  entry->call(functions[1], expected, sizes, scalars);
  int correct = 1;
  for (int b = 0; b < entry->buffer_count; b++)
    for (size_t i = 0; entry->buffer_roles[b] == FORGE_OUTPUT && i < bytes[b] / (size_t)width[b]; i++) {
      float got = element(buffers[b], i, width[b]), want = element(expected[b], i, width[b]);
      if (fabsf(got - want) > 1e-2f + 1e-2f * fabsf(want)) correct = 0;
    }
  double taken[2];
  for (int side = 0; side < 2; side++) {
    int repeats = side == 0 ? calls : 3;
    double start = seconds_now();
    for (int call = 0; call < repeats; call++) entry->call(functions[side], side == 0 ? buffers : expected, sizes, scalars);
    taken[side] = (seconds_now() - start) / repeats;
  }
  printf("{\"correct\": %s, \"seconds\": %.9g, \"referenceSeconds\": %.9g}\n", correct ? "true" : "false", taken[0], taken[1]);
  return 0;
}
