/* The x86-64 runner: loads candidates as shared objects, lets the harness place inputs, calls an entry, hands back what came out.
 * It knows no expected value. It shares an address space with the candidate, so nothing that it says is proof of correctness:
 * outputs are compared by the harness, and its clock is checked against the harness's.
 *
 *   runner MEMORY INPUTS OUTPUTS LIBRARY...      MEMORY: plain | guarded-end | guarded-start | sanitized; the arenas' files
 *
 * Frames on descriptor 3, little-endian: u32 payload length, u32 operation or status, u64 nonce, payload.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <immintrin.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "runner.h"

enum { OP_BIND = 1, OP_CALL = 2, OP_CLOSE = 3, OP_PREPARE = 4 };
enum { STATUS_OK = 0, STATUS_ERROR = 1, STATUS_CRASHED = 2 };
#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE 25
#endif
#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ 22
#define MADV_POPULATE_WRITE 23
#endif
enum { CHANNEL = 3, MAX_LIBRARIES = 16, MAX_SETS = 512 };
enum memory_kind { PLAIN, GUARDED_END, GUARDED_START, SANITIZED };

typedef struct { uint32_t length, code; uint64_t nonce; } frame_head;

typedef struct {
  uint8_t *arena;          /* where the harness reads and writes */
  uint8_t *work;           /* what the candidate gets */
  uint8_t *mapping;        /* guarded: start of the mapping */
  size_t mapping_bytes;
  size_t bytes;
} buffer_slot;

static enum memory_kind memory;
static const char *input_path, *output_path;
static void *libraries[MAX_LIBRARIES];
static int library_count;
static const forge_entry *bound;
static int bound_sets;
static buffer_slot slots[MAX_SETS][FORGE_MAX_BUFFERS];
static uint8_t *input_arena, *output_arena;
static size_t input_bytes, output_bytes;
static uint64_t current_nonce;
static size_t last_cache_bytes = 32u << 20;
/* Between calls the outputs are read-only: what the call has not written by its end is not its answer. */
static volatile int outputs_at_rest;
static int rest_wanted;
/* Control words before any library was loaded: one that changes them while it loads is found out by its first call. */
static uint32_t first_control_words;

#ifdef FORGE_SAMPLER
#include "sampler.h"
#else
#define sampler_begin() ((void)0)
#define sampler_end() ((void)0)
#endif

static int64_t now_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC_RAW, &t);
  return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void write_all(const void *data, size_t bytes) {
  const uint8_t *from = data;
  while (bytes > 0) {
    ssize_t n = write(CHANNEL, from, bytes);
    if (n < 0) { if (errno == EINTR) continue; _exit(120); }
    from += n;
    bytes -= (size_t)n;
  }
}

/* Looks for the next request a while before it sleeps: between short calls, sleeping and waking would be most of the time. */
static void await_request(void) {
  struct pollfd channel = {.fd = CHANNEL, .events = POLLIN};
  for (int64_t until = now_ns() + 200000; now_ns() < until;)
    if (poll(&channel, 1, 0) != 0) return;
}

static int read_all(void *data, size_t bytes) {
  uint8_t *to = data;
  while (bytes > 0) {
    ssize_t n = read(CHANNEL, to, bytes);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return 0;
    to += n;
    bytes -= (size_t)n;
  }
  return 1;
}

static void reply(uint32_t status, const void *payload, uint32_t bytes) {
  uint8_t frame[16 + 1024];
  if (bytes > 1024) bytes = 1024;
  frame_head head = {bytes, status, current_nonce};
  memcpy(frame, &head, sizeof head);
  memcpy(frame + sizeof head, payload, bytes);
  write_all(frame, sizeof head + bytes);
}

static void reply_text(uint32_t status, const char *text) { reply(status, text, (uint32_t)strlen(text)); }

/* Names the buffer whose guard page was touched; async-signal-safe but for snprintf, which does not allocate for these formats. */
static void on_fault(int signal_number, siginfo_t *info, void *context) {
  (void)context;
  char text[256];
  const uint8_t *at = info->si_addr;
  snprintf(text, sizeof text, "signal %d (%s)", signal_number, signal_number == SIGSEGV ? "SIGSEGV" : signal_number == SIGFPE ? "SIGFPE" : signal_number == SIGILL ? "SIGILL" : signal_number == SIGBUS ? "SIGBUS" : "SIGABRT");
  if (bound && (signal_number == SIGSEGV || signal_number == SIGBUS))
    for (int s = 0; s < bound_sets; s++)
      for (int b = 0; b < bound->buffer_count; b++) {
        buffer_slot *slot = &slots[s][b];
        const uint8_t *from = slot->mapping ? slot->mapping : slot->work;
        if (at < from || at >= from + (slot->mapping ? slot->mapping_bytes : slot->bytes)) continue;
        if (at >= slot->work + slot->bytes)
          snprintf(text, sizeof text, "touched byte %zd past the end of %s", (ssize_t)(at - (slot->work + slot->bytes)), bound->buffer_names[b]);
        else if (at < slot->work)
          snprintf(text, sizeof text, "touched byte %zd before the start of %s", (ssize_t)(slot->work - at), bound->buffer_names[b]);
        else if (outputs_at_rest && bound->buffer_roles[b] == FORGE_OUTPUT)
          snprintf(text, sizeof text, "wrote to the output %s after the call had returned", bound->buffer_names[b]);
        else
          snprintf(text, sizeof text, "wrote to the input %s", bound->buffer_names[b]);
      }
  /* The reply may have been sent already. */
  if (outputs_at_rest && write(STDERR_FILENO, text, strlen(text)) < 0) _exit(122);
  reply_text(STATUS_CRASHED, text);
  _exit(121);
}

static void watch_faults(void) {
  static uint8_t stack[65536];
  stack_t alternate = {.ss_sp = stack, .ss_size = sizeof stack};
  sigaltstack(&alternate, NULL);
  struct sigaction action = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESETHAND};
  int signals[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};
  for (size_t i = 0; i < sizeof signals / sizeof *signals; i++) sigaction(signals[i], &action, NULL);
}

static size_t round_up(size_t value, size_t to) { return (value + to - 1) / to * to; }

static void release_sets(void) {
  for (int s = 0; s < bound_sets; s++)
    for (int b = 0; b < bound->buffer_count; b++) {
      buffer_slot *slot = &slots[s][b];
      if (slot->mapping) munmap(slot->mapping, slot->mapping_bytes);
      else if (memory == SANITIZED) free(slot->work);
    }
  memset(slots, 0, sizeof slots);
  if (input_bytes) munmap(input_arena, input_bytes);
  if (output_bytes) munmap(output_arena, output_bytes);
  input_bytes = output_bytes = 0;
  outputs_at_rest = 0;
  bound = NULL;
  bound_sets = 0;
}

static uint8_t *map_arena(const char *path, int flags, int protection, size_t bytes) {
  int fd = open(path, flags | O_CLOEXEC);
  if (fd < 0) return NULL;
  /* A huge page must lie at a multiple of its size, which mmap does not choose by itself. */
  size_t huge = 2u << 20;
  uint8_t *reserved = mmap(NULL, bytes + huge, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (reserved == MAP_FAILED) { close(fd); return NULL; }
  uint8_t *wanted = (uint8_t *)round_up((size_t)reserved, huge);
  if (wanted > reserved) munmap(reserved, (size_t)(wanted - reserved));
  if (wanted + bytes < reserved + bytes + huge) munmap(wanted + bytes, (size_t)(reserved + bytes + huge - (wanted + bytes)));
  uint8_t *at = mmap(wanted, bytes, protection, MAP_SHARED | MAP_FIXED, fd, 0);
  close(fd);
  if (at == MAP_FAILED) return NULL;
  /* Best effort: huge pages, so that small-page TLB misses do not tax everything that is timed. A range collapses once a page of it is there. */
  if (memory == PLAIN && bytes >= (4u << 20)) {
    for (size_t i = 0; i < bytes; i += huge) (void)*(volatile uint8_t *)(at + i);
    madvise(at, bytes, MADV_COLLAPSE);
  }
  /* Before Linux 5.14 by hand: no page may be missing when something is timed. */
  if (madvise(at, bytes, protection & PROT_WRITE ? MADV_POPULATE_WRITE : MADV_POPULATE_READ) != 0)
    for (size_t i = 0; i < bytes; i += 4096) {
      volatile uint8_t *page = at + i;
      if (protection & PROT_WRITE) *page = *page;
      else (void)*page;
    }
  return at;
}

/* Payload: u32 entry, u32 sets, u64 input arena bytes, u64 output arena bytes, then per buffer u64 length, then per set and buffer u64 offset. */
static void bind_sets(const uint8_t *payload) {
  uint32_t entry, sets;
  uint64_t inputs, outputs;
  memcpy(&entry, payload, 4);
  memcpy(&sets, payload + 4, 4);
  memcpy(&inputs, payload + 8, 8);
  memcpy(&outputs, payload + 16, 8);
  release_sets();
  if (entry >= (uint32_t)forge_entry_count || sets > MAX_SETS) { reply_text(STATUS_ERROR, "no such entry, or too many buffer sets"); return; }
  const forge_entry *e = &forge_entries[entry];
  const uint8_t *lengths = payload + 24, *offsets = lengths + 8 * (size_t)e->buffer_count;
  input_arena = map_arena(input_path, O_RDONLY, PROT_READ, inputs);
  output_arena = map_arena(output_path, O_RDWR, PROT_READ | PROT_WRITE, outputs);
  if (!input_arena || !output_arena) { reply_text(STATUS_ERROR, "could not map the arenas"); return; }
  input_bytes = inputs;
  output_bytes = outputs;
  bound = e;
  bound_sets = (int)sets;
  for (uint32_t s = 0; s < sets; s++)
    for (int b = 0; b < e->buffer_count; b++) {
      uint64_t length, offset;
      memcpy(&length, lengths + 8 * b, 8);
      memcpy(&offset, offsets + 8 * ((size_t)s * (size_t)e->buffer_count + (size_t)b), 8);
      buffer_slot *slot = &slots[s][b];
      slot->bytes = length;
      slot->arena = (e->buffer_roles[b] == FORGE_INPUT ? input_arena : output_arena) + offset;
      slot->work = slot->arena;
      if (memory == SANITIZED) {
        slot->work = malloc(length);
      } else if (memory != PLAIN) {
        size_t page = 4096, inner = round_up(length, page);
        slot->mapping_bytes = inner + 2 * page;
        slot->mapping = mmap(NULL, slot->mapping_bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (slot->mapping == MAP_FAILED) { reply_text(STATUS_ERROR, "out of memory for guarded buffers"); return; }
        mprotect(slot->mapping + page, inner, PROT_READ | PROT_WRITE);
        slot->work = slot->mapping + page + (memory == GUARDED_END ? inner - length : 0);
      }
      if (!slot->work) { reply_text(STATUS_ERROR, "out of memory for buffers"); return; }
    }
  reply(STATUS_OK, "", 0);
}

static uint32_t count_threads(void) {
  uint32_t count = 0;
  DIR *tasks = opendir("/proc/self/task");
  if (!tasks) return 0;
  for (struct dirent *d; (d = readdir(tasks));) count += d->d_name[0] != '.';
  closedir(tasks);
  return count;
}

static uint32_t control_words(void) {
  uint16_t x87;
  __asm__ volatile("fnstcw %0" : "=m"(x87));
  return (_mm_getcsr() & 0xffc0u) | ((uint32_t)x87 << 16);
}

static void fill(uint8_t *at, size_t bytes, uint32_t pattern) {
  size_t words = bytes / 4;
  /* What exceeds the last cache is written past it: dirty lines would be written back on the call's time. Only aligned arenas get so large. */
  if (memory == PLAIN && bytes > last_cache_bytes) {
    __m128i wide = _mm_set1_epi32((int)pattern);
    for (size_t i = 0; i < bytes / 16; i++) _mm_stream_si128((__m128i *)at + i, wide);
    _mm_sfence();
    at += bytes / 16 * 16;
    bytes %= 16;
    words = bytes / 4;
  }
  for (size_t i = 0; i < words; i++) memcpy(at + 4 * i, &pattern, 4);
  memcpy(at + 4 * words, &pattern, bytes - 4 * words);
}

static void enter_buffers(buffer_slot *set, uint32_t poison) {
  for (int b = 0; b < bound->buffer_count; b++) {
    buffer_slot *slot = &set[b];
    int input = bound->buffer_roles[b] == FORGE_INPUT;
    if (!input && poison != 0) fill(slot->work, slot->bytes, poison);
    if (memory == PLAIN || !input) continue;
    size_t inner = slot->mapping_bytes - 8192;
    if (slot->mapping) mprotect(slot->mapping + 4096, inner, PROT_READ | PROT_WRITE);
    memcpy(slot->work, slot->arena, slot->bytes);
    if (slot->mapping) mprotect(slot->mapping + 4096, inner, PROT_READ);
  }
}

/* Returns true where an input no longer holds what it held. */
static int leave_buffers(buffer_slot *set) {
  int changed = 0;
  if (memory == PLAIN) return 0; /* inputs are a read-only mapping of a file that this user cannot write */
  for (int b = 0; b < bound->buffer_count; b++) {
    if (bound->buffer_roles[b] == FORGE_INPUT) changed |= memcmp(set[b].work, set[b].arena, set[b].bytes) != 0;
    else memcpy(set[b].arena, set[b].work, set[b].bytes);
  }
  return changed;
}

static void rest_outputs(int at_rest) {
  if (memory != PLAIN || outputs_at_rest == at_rest) return;
  outputs_at_rest = at_rest;
  mprotect(output_arena, output_bytes, at_rest ? PROT_READ : PROT_READ | PROT_WRITE);
}

/* Before a call, in a request of its own: then the harness's clock sees nothing but the call. Payload: u32 set, u32 poison, u32 rest wanted. */
static void prepare_call(const uint8_t *payload, uint32_t length) {
  uint32_t head[3];
  memcpy(head, payload, 12);
  if (!bound || length != 12 || head[0] >= (uint32_t)bound_sets) { reply_text(STATUS_ERROR, "the call to prepare does not fit what is bound"); return; }
  rest_outputs(0);
  rest_wanted = (int)head[2];
  enter_buffers(slots[head[0]], head[1]);
  reply(STATUS_OK, "", 0);
}

/* Payload: u32 library, u32 entry, u32 set, then sizes (i64) and scalars (f64). */
static void call_entry(const uint8_t *payload, uint32_t length) {
  int64_t arrived = now_ns();
  uint32_t head[3];
  int64_t sizes[64];
  double scalars[64];
  memcpy(head, payload, 12);
  if (!bound || head[0] >= (uint32_t)library_count || head[1] >= (uint32_t)forge_entry_count || &forge_entries[head[1]] != bound || head[2] >= (uint32_t)bound_sets ||
      length != 12 + 8 * (uint32_t)(bound->size_count + bound->scalar_count) || bound->size_count > 64 || bound->scalar_count > 64) {
    reply_text(STATUS_ERROR, "the call does not fit what is bound");
    return;
  }
  memcpy(sizes, payload + 12, 8 * (size_t)bound->size_count);
  memcpy(scalars, payload + 12 + 8 * (size_t)bound->size_count, 8 * (size_t)bound->scalar_count);
  void *function = dlsym(libraries[head[0]], bound->name);
  if (!function) { reply_text(STATUS_CRASHED, "the library lacks the entry"); return; }
  void *pointers[FORGE_MAX_BUFFERS];
  buffer_slot *set = slots[head[2]];
  for (int b = 0; b < bound->buffer_count; b++) pointers[b] = set[b].work;
  sampler_begin();
  int64_t start = now_ns();
  int code = bound->call(function, pointers, sizes, scalars);
  int64_t end = now_ns();
  sampler_end();
  if (rest_wanted) rest_outputs(1);
  uint32_t after = control_words();
  struct { int32_t code; uint32_t threads, control_changed, inputs_changed; int64_t duration_ns, inside_ns; } report;
  report.code = code;
  report.threads = count_threads();
  report.control_changed = first_control_words != after;
  report.inputs_changed = (uint32_t)leave_buffers(set);
  report.duration_ns = end - start;
  report.inside_ns = now_ns() - arrived;
  reply(STATUS_OK, &report, sizeof report);
}

/* No candidate has a reason to become another program. The sandbox's own filter cannot refuse it: it is in force when this one starts. */
static int refuse_other_programs(void) {
  struct sock_filter code[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_execve, 1, 0),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_execveat, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  struct sock_fprog program = {sizeof code / sizeof *code, code};
  return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0) == 0;
}

int main(int argc, char **argv) {
  if (argc < 5 || argc - 4 > MAX_LIBRARIES) return 119;
  input_path = argv[2];
  output_path = argv[3];
  const char *kinds[] = {"plain", "guarded-end", "guarded-start", "sanitized"};
  for (int k = 0; k < 4; k++)
    if (strcmp(argv[1], kinds[k]) == 0) memory = (enum memory_kind)k;
  if (memory != SANITIZED) watch_faults();
  if (!refuse_other_programs()) return 117;
  long last_cache = sysconf(_SC_LEVEL3_CACHE_SIZE);
  if (last_cache > 0) last_cache_bytes = (size_t)last_cache;
  first_control_words = control_words();
  for (int i = 4; i < argc; i++) {
    libraries[library_count] = dlopen(argv[i], RTLD_NOW | RTLD_LOCAL);
    if (!libraries[library_count++]) { reply_text(STATUS_ERROR, dlerror()); return 118; }
  }
  reply(STATUS_OK, "", 0);
  static uint8_t payload[1 << 20];
  for (;;) {
    frame_head head;
    await_request();
    if (!read_all(&head, sizeof head) || head.length > sizeof payload || !read_all(payload, head.length)) return 0;
    current_nonce = head.nonce;
    if (head.code == OP_BIND) bind_sets(payload);
    else if (head.code == OP_PREPARE) prepare_call(payload, head.length);
    else if (head.code == OP_CALL) call_entry(payload, head.length);
    else return 0;
  }
}
