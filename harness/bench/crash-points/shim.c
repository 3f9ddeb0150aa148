/*
 * Loaded before libc (LD_PRELOAD): counts the calls that change files whose path holds one of FORGE_CRASH_PATHS, and at call number
 * FORGE_CRASH_AT lets the machine fail. What stands between the program and the kernel is exactly what a crash can interrupt, so every
 * counted call is a crash point. Not covered: writes through mapped memory (SQLite's -shm, which is rebuilt after a crash).
 *
 *   FORGE_CRASH_HOW   before  SIGKILL instead of the call
 *                     half    half of a write, then SIGKILL; other calls as `before`
 *                     full    from this call on there is no space: half of this write, then ENOSPC for whatever needs room
 *   FORGE_CRASH_AT    0 counts only
 *   FORGE_CRASH_COUNT a file of eight bytes that all processes share
 *   FORGE_CRASH_TRACE a file to which each counted call is written; may be absent
 *   FORGE_CRASH_TOO   a process to kill along with this one: a crash of the machine takes both; may be absent
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

enum { NAME_BYTES = 4096 };

static char paths[NAME_BYTES];
static uint64_t crash_at;
static uint64_t *count;
static int trace = -1;
static pid_t too;
static enum { BEFORE, HALF, FULL } how;

/* The constructor of another library may write before ours has run: count is null then. */
__attribute__((constructor)) static void begin(void) {
  const char *names = getenv("FORGE_CRASH_PATHS"), *at = getenv("FORGE_CRASH_AT"), *mode = getenv("FORGE_CRASH_HOW");
  const char *shared = getenv("FORGE_CRASH_COUNT"), *log = getenv("FORGE_CRASH_TRACE"), *companion = getenv("FORGE_CRASH_TOO");
  if (!names || !shared) return;
  snprintf(paths, sizeof paths, "%s", names);
  crash_at = at ? strtoull(at, NULL, 10) : 0;
  how = mode && !strcmp(mode, "half") ? HALF : mode && !strcmp(mode, "full") ? FULL : BEFORE;
  too = companion ? (pid_t)atoi(companion) : 0;
  if (log) trace = (int)syscall(SYS_openat, AT_FDCWD, log, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
  int file = (int)syscall(SYS_openat, AT_FDCWD, shared, O_RDWR | O_CLOEXEC);
  if (file < 0) return;
  void *map = mmap(NULL, sizeof *count, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  syscall(SYS_close, file);
  if (map != MAP_FAILED) count = map;
}

static void absolute(char *out, int folder, const char *path) {
  char link[64], base[NAME_BYTES] = "";
  if (path[0] != '/') {
    snprintf(link, sizeof link, folder == AT_FDCWD ? "/proc/self/cwd" : "/proc/self/fd/%d", folder);
    ssize_t length = readlink(link, base, sizeof base - 2);
    base[length < 0 ? 0 : length] = '\0';
    strcat(base, "/");
  }
  snprintf(out, NAME_BYTES, "%.2000s%.2000s", base, path);
}

static int fits(const char *path) {
  char names[NAME_BYTES], *rest = names, *name;
  memcpy(names, paths, sizeof names);
  while ((name = strsep(&rest, ":")))
    if (*name && strstr(path, name)) return 1;
  return 0;
}

/** What becomes of a call. A crash does not return from `decide`, but after half a write. */
typedef enum { GO_ON, WRITE_HALF, NO_SPACE } decision;

static void crash(void) {
  if (too > 0) syscall(SYS_kill, too, SIGKILL);
  syscall(SYS_kill, getpid(), SIGKILL);
}

static decision decide(const char *call, const char *path, int needs_room, int is_write) {
  if (!fits(path) || (how == FULL && !needs_room)) return GO_ON;
  const uint64_t number = __atomic_add_fetch(count, 1, __ATOMIC_SEQ_CST);
  if (trace >= 0) {
    char line[NAME_BYTES + 64];
    int length = snprintf(line, sizeof line, "%llu %s %s\n", (unsigned long long)number, call, path);
    syscall(SYS_write, trace, line, length);
  }
  if (crash_at == 0 || number < crash_at) return GO_ON;
  if (how == FULL) return is_write && number == crash_at ? WRITE_HALF : NO_SPACE;
  if (number > crash_at) return GO_ON;
  if (how == HALF && is_write) return WRITE_HALF;
  crash();
  return GO_ON;
}

static decision decide_at(const char *call, int folder, const char *path, int needs_room) {
  if (!count || !path) return GO_ON;
  char name[NAME_BYTES];
  absolute(name, folder, path);
  return decide(call, name, needs_room, 0);
}

static decision decide_on(const char *call, int file, int is_write) {
  if (!count) return GO_ON;
  char link[64], name[NAME_BYTES];
  snprintf(link, sizeof link, "/proc/self/fd/%d", file);
  ssize_t length = readlink(link, name, sizeof name - 1);
  if (length < 1 || name[0] != '/') return GO_ON;
  name[length] = '\0';
  return decide(call, name, is_write, is_write);
}

static int no_space(void) {
  errno = ENOSPC;
  return -1;
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))
/** Half of a write for what is left; then the crash, or the short count of a disk that is full. */
#define WRITING(call, half, whole)                \
  switch (decide_on(call, file, 1)) {             \
    case NO_SPACE: return no_space();             \
    case WRITE_HALF: {                            \
      ssize_t written = bytes > 1 ? (half) : 0;   \
      if (how == HALF) crash();                   \
      return written > 0 ? written : no_space();  \
    }                                             \
    default: return whole;                        \
  }

ssize_t write(int file, const void *data, size_t bytes) {
  WRITING("write", REAL(write)(file, data, bytes / 2), REAL(write)(file, data, bytes))
}
ssize_t pwrite(int file, const void *data, size_t bytes, off_t offset) {
  WRITING("write", REAL(pwrite)(file, data, bytes / 2, offset), REAL(pwrite)(file, data, bytes, offset))
}
ssize_t pwrite64(int file, const void *data, size_t bytes, off64_t offset) {
  WRITING("write", REAL(pwrite64)(file, data, bytes / 2, offset), REAL(pwrite64)(file, data, bytes, offset))
}
ssize_t writev(int file, const struct iovec *parts, int n) {
  const size_t bytes = n > 0 ? parts[0].iov_len : 0;
  WRITING("write", REAL(write)(file, parts[0].iov_base, bytes / 2), REAL(writev)(file, parts, n))
}

static int creates(const char *path, int folder, int flags) {
  struct stat facts;
  return (flags & O_CREAT) && (!path || fstatat(folder, path, &facts, 0) != 0);
}
#define OPENING(name, folder, ...)                                                                     \
  mode_t mode = 0;                                                                                     \
  if (flags & (O_CREAT | O_TMPFILE)) {                                                                 \
    va_list rest;                                                                                      \
    va_start(rest, flags);                                                                             \
    mode = va_arg(rest, mode_t);                                                                       \
    va_end(rest);                                                                                      \
  }                                                                                                    \
  const int changes = creates(path, folder, flags) || (flags & O_TRUNC);                               \
  if (count && changes && decide_at("open", folder, path, !(flags & O_TRUNC)) == NO_SPACE) return no_space(); \
  return REAL(name)(__VA_ARGS__, mode)

int open(const char *path, int flags, ...) { OPENING(open, AT_FDCWD, path, flags); }
int open64(const char *path, int flags, ...) { OPENING(open64, AT_FDCWD, path, flags); }
int openat(int folder, const char *path, int flags, ...) { OPENING(openat, folder, folder, path, flags); }
int openat64(int folder, const char *path, int flags, ...) { OPENING(openat64, folder, folder, path, flags); }

#define CHANGING(call, needs_room, folder, path, name, ...)                                 \
  if (decide_at(call, folder, path, needs_room) == NO_SPACE) return no_space();             \
  return REAL(name)(__VA_ARGS__)

int mkdir(const char *path, mode_t mode) { CHANGING("mkdir", 1, AT_FDCWD, path, mkdir, path, mode); }
int mkdirat(int folder, const char *path, mode_t mode) { CHANGING("mkdir", 1, folder, path, mkdirat, folder, path, mode); }
int link(const char *from, const char *to) { CHANGING("link", 1, AT_FDCWD, to, link, from, to); }
int linkat(int a, const char *from, int b, const char *to, int flags) { CHANGING("link", 1, b, to, linkat, a, from, b, to, flags); }
int symlink(const char *from, const char *to) { CHANGING("link", 1, AT_FDCWD, to, symlink, from, to); }
int rename(const char *from, const char *to) { CHANGING("rename", 0, AT_FDCWD, to, rename, from, to); }
int renameat(int a, const char *from, int b, const char *to) { CHANGING("rename", 0, b, to, renameat, a, from, b, to); }
int unlink(const char *path) { CHANGING("unlink", 0, AT_FDCWD, path, unlink, path); }
int unlinkat(int folder, const char *path, int flags) { CHANGING("unlink", 0, folder, path, unlinkat, folder, path, flags); }
int rmdir(const char *path) { CHANGING("rmdir", 0, AT_FDCWD, path, rmdir, path); }

#define ON_FILE(call, name, ...) \
  decide_on(call, file, 0);      \
  return REAL(name)(__VA_ARGS__)

int fsync(int file) { ON_FILE("fsync", fsync, file); }
int fdatasync(int file) { ON_FILE("fsync", fdatasync, file); }
int ftruncate(int file, off_t length) { ON_FILE("truncate", ftruncate, file, length); }
int ftruncate64(int file, off64_t length) { ON_FILE("truncate", ftruncate64, file, length); }
