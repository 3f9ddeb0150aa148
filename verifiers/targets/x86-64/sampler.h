/* Samples where every thread is while an entry runs. Part of the runner that profiles (-DFORGE_SAMPLER), never of one that judges.
 *
 * Each thread has a timer of its own on the wall clock: CPU clocks expire with the scheduler's tick, too seldom for a kernel, and a
 * thread that waits is worth seeing. The first expiry is at random within the period, so that short calls are sampled evenly.
 * A candidate shares this address space and could forge all of it; it would deceive nobody but its author.
 *
 * Written to stdout when the runner ends:
 *   forge-calls CALLS PAGE-FAULTS USER-NS SYSTEM-NS
 *   forge-sample COUNT OFFSET OBJECT SYMBOL      OFFSET in hexadecimal, SYMBOL "-" where none is known
 */
#include <stdatomic.h>
#include <sys/resource.h>
#include <ucontext.h>

#ifndef sigev_notify_thread_id
#define sigev_notify_thread_id _sigev_un._tid
#endif

enum { MAX_SAMPLES = 1 << 17, MAX_TIMERS = 512, MAX_KNOWN = 1024, SAMPLES_PER_SECOND = 4000 };

static uintptr_t samples[MAX_SAMPLES];
static atomic_size_t sample_count;
static timer_t timers[MAX_TIMERS];
static int timer_count;
static long sampled_calls, page_faults;
static int64_t user_ns, system_ns;
static struct rusage usage_before;
static int warmed_up;
/* Set while the entry runs: arming the timers is none of its time. */
static volatile sig_atomic_t is_running;
static uint64_t phase = 0x9e3779b97f4a7c15;

static void on_sample(int signal_number, siginfo_t *info, void *context) {
  (void)signal_number;
  (void)info;
  if (!is_running) return;
  size_t at = atomic_fetch_add_explicit(&sample_count, 1, memory_order_relaxed);
  if (at < MAX_SAMPLES) samples[at] = (uintptr_t)((ucontext_t *)context)->uc_mcontext.gregs[REG_RIP];
}

static int64_t nanoseconds(struct timeval t) { return (int64_t)t.tv_sec * 1000000000 + (int64_t)t.tv_usec * 1000; }

static void start_timer(pid_t thread, int64_t period_ns) {
  struct sigevent event = {.sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIGPROF};
  event.sigev_notify_thread_id = thread;
  if (timer_count >= MAX_TIMERS || timer_create(CLOCK_MONOTONIC, &event, &timers[timer_count]) != 0) return;
  phase ^= phase << 13, phase ^= phase >> 7, phase ^= phase << 17;
  int64_t first = 1 + (int64_t)(phase % (uint64_t)period_ns);
  struct itimerspec when = {
      .it_interval = {.tv_sec = period_ns / 1000000000, .tv_nsec = period_ns % 1000000000},
      .it_value = {.tv_sec = first / 1000000000, .tv_nsec = first % 1000000000},
  };
  timer_settime(timers[timer_count++], 0, &when, NULL);
}

/* The first call is not sampled: it makes OpenMP's threads, and meets every page for the first time. */
static void sampler_begin(void) {
  if (!warmed_up) {
    struct sigaction action = {.sa_sigaction = on_sample, .sa_flags = SA_SIGINFO | SA_RESTART | SA_ONSTACK};
    sigaction(SIGPROF, &action, NULL);
    return;
  }
  pid_t threads[MAX_TIMERS];
  int count = 0;
  DIR *tasks = opendir("/proc/self/task");
  for (struct dirent *d; tasks && (d = readdir(tasks));)
    if (d->d_name[0] != '.' && count < MAX_TIMERS) threads[count++] = (pid_t)atoi(d->d_name);
  if (tasks) closedir(tasks);
  for (int i = 0; i < count; i++) start_timer(threads[i], (int64_t)1000000000 * count / SAMPLES_PER_SECOND);
  getrusage(RUSAGE_SELF, &usage_before);
  is_running = 1;
}

static void sampler_end(void) {
  if (!warmed_up) { warmed_up = 1; return; }
  is_running = 0;
  struct rusage after;
  getrusage(RUSAGE_SELF, &after);
  for (int i = 0; i < timer_count; i++) timer_delete(timers[i]);
  timer_count = 0;
  sampled_calls++;
  page_faults += after.ru_minflt + after.ru_majflt - usage_before.ru_minflt - usage_before.ru_majflt;
  user_ns += nanoseconds(after.ru_utime) - nanoseconds(usage_before.ru_utime);
  system_ns += nanoseconds(after.ru_stime) - nanoseconds(usage_before.ru_stime);
}

typedef struct { uintptr_t at; char name[40]; } known_function;
static known_function known[MAX_KNOWN];
static int known_count;

static void learn(const char *name) {
  void *at = library_count > 0 ? dlsym(libraries[0], name) : NULL;
  if (!at || known_count >= MAX_KNOWN) return;
  known[known_count].at = (uintptr_t)at;
  snprintf(known[known_count++].name, sizeof known->name, "%s", name);
}

/* Libraries choose among versions of a function when they are loaded, and these versions have no exported name: ask what a call would reach. */
static void learn_functions(void) {
  static const char *mathematics[] = {"exp", "exp2", "exp10", "expm1", "log", "log2", "log1p", "log10", "pow", "sqrt", "cbrt", "sin", "cos", "sincos", "tan", "tanh", "sinh", "cosh", "asinh", "acosh", "atanh", "erf", "erfc", "fma", "fmod", "hypot", "atan", "atan2", "asin", "acos", "floor", "ceil", "round", "rint", "nearbyint", "trunc", "lrint", "lround", "ldexp", "frexp", "scalbn"};
  static const char *widths[] = {"bN2", "bN4", "cN4", "cN8", "dN4", "dN8", "eN8", "eN16"};
  static const char *others[] = {"memcpy", "memmove", "memset", "memcmp", "malloc", "free", "calloc", "realloc", "aligned_alloc", "posix_memalign", "GOMP_parallel", "GOMP_barrier"};
  char name[40];
  for (size_t i = 0; i < sizeof others / sizeof *others; i++) learn(others[i]);
  for (size_t i = 0; i < sizeof mathematics / sizeof *mathematics; i++)
    for (int single = 0; single < 2; single++) {
      const char *suffix = single ? "f" : "";
      snprintf(name, sizeof name, "%s%s", mathematics[i], suffix);
      learn(name);
      for (size_t w = 0; w < sizeof widths / sizeof *widths; w++) {
        snprintf(name, sizeof name, "_ZGV%sv_%s%s", widths[w], mathematics[i], suffix);
        learn(name);
        snprintf(name, sizeof name, "_ZGV%svv_%s%s", widths[w], mathematics[i], suffix);
        learn(name);
      }
    }
}

/* The known function of the same object at or closely before the address: an internal helper may lie behind a name that is not its own. */
static const char *nearest_known(uintptr_t at, const void *base) {
  const known_function *best = NULL;
  for (int i = 0; i < known_count; i++) {
    Dl_info info;
    if (known[i].at > at || at - known[i].at > 8192 || (best && best->at >= known[i].at)) continue;
    if (dladdr((void *)known[i].at, &info) && info.dli_fbase == base) best = &known[i];
  }
  return best ? best->name : NULL;
}

static int by_address(const void *a, const void *b) {
  uintptr_t left = *(const uintptr_t *)a, right = *(const uintptr_t *)b;
  return left < right ? -1 : left > right;
}

static void report_address(uintptr_t at, size_t count) {
  Dl_info info;
  if (!dladdr((void *)at, &info) || !info.dli_fname) {
    printf("forge-sample %zu %zx - -\n", count, (size_t)at);
    return;
  }
  const char *slash = strrchr(info.dli_fname, '/');
  const char *symbol = nearest_known(at, info.dli_fbase);
  if (!symbol) symbol = info.dli_sname;
  printf("forge-sample %zu %zx %s %s\n", count, (size_t)(at - (uintptr_t)info.dli_fbase), slash ? slash + 1 : info.dli_fname, symbol ? symbol : "-");
}

__attribute__((destructor)) static void report_samples(void) {
  size_t count = atomic_load(&sample_count);
  if (count > MAX_SAMPLES) count = MAX_SAMPLES;
  learn_functions();
  qsort(samples, count, sizeof *samples, by_address);
  printf("\nforge-calls %ld %ld %lld %lld\n", sampled_calls, page_faults, (long long)user_ns, (long long)system_ns);
  for (size_t from = 0, to; from < count; from = to) {
    for (to = from; to < count && samples[to] == samples[from]; to++) {}
    report_address(samples[from], to - from);
  }
  fflush(stdout);
}
