/*
 * Runs a program and becomes the parent of whatever it leaves behind: `reaper SECONDS PROGRAM WORDS...`. On descriptor 3 it says
 * first the program's process number, then how it ended and how many descendants were still there SECONDS later (with their names);
 * those it kills. Ends with the program's code; with 128 + the signal where one ended it.
 */
#define _GNU_SOURCE
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { REPORT = 3 };

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/** Names the living children of this process, and kills them; they are few, and theirs come to us in turn. */
static int kill_children(char *names, size_t bytes) {
  int found = 0;
  DIR *folder = opendir("/proc");
  for (struct dirent *entry; folder && (entry = readdir(folder));) {
    char path[300], name[64] = "", state = 'Z';
    int parent = 0;
    if (!isdigit((unsigned char)entry->d_name[0])) continue;
    snprintf(path, sizeof path, "/proc/%s/stat", entry->d_name);
    FILE *file = fopen(path, "r");
    if (!file) continue;
    const int read = fscanf(file, "%*d (%63[^)]) %c %d", name, &state, &parent);
    fclose(file);
    if (read != 3 || parent != getpid() || state == 'Z') continue;
    const size_t used = strlen(names);
    snprintf(names + used, bytes - used, "%s%s", found ? " " : "", name);
    kill(atoi(entry->d_name), SIGKILL);
    found++;
  }
  if (folder) closedir(folder);
  return found;
}

int main(int argc, char **argv) {
  if (argc < 3) return 2;
  prctl(PR_SET_CHILD_SUBREAPER, 1);
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  fcntl(REPORT, F_SETFD, FD_CLOEXEC);
  const double patience = atof(argv[1]);
  const pid_t program = fork();
  if (program == 0) {
    const char *preload = getenv("FORGE_CRASH_PRELOAD");
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (preload) setenv("LD_PRELOAD", preload, 1);
    unsetenv("FORGE_CRASH_PRELOAD");
    execv(argv[2], argv + 2);
    _exit(127);
  }
  dprintf(REPORT, "%d\n", (int)program);
  int status = 0;
  for (pid_t ended; (ended = wait(&status)) != program;)
    if (ended < 0 && errno != EINTR) return 2;
  const double died_at = now();
  char names[1024] = "";
  int left = 0;
  for (int gone = 0; !gone;) {
    const pid_t ended = waitpid(-1, NULL, WNOHANG);
    if (ended < 0 && errno == ECHILD) gone = 1;
    else if (ended == 0) {
      if (now() - died_at > patience) left += kill_children(names, sizeof names);
      usleep(5000);
    }
  }
  dprintf(REPORT, "%s %d %d %.0f %s\n", WIFSIGNALED(status) ? "signal" : "code",
          WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status), left, 1000 * (now() - died_at), names);
  return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}
