/**
 * What holds a program in and can be taken away one by one. Only tests do that (weakened.ts), to see that an attack which fails
 * fails because of it: nothing that Forge runs passes a set of these that is not empty.
 */
export type Protection =
  | "system-call-filter"
  | "network-namespace"
  | "pid-namespace"
  | "hidden-first-process"
  | "own-root"
  | "read-only-root"
  | "read-only-mounts"
  | "own-user"
  | "new-session"
  | "empty-environment"
  | "closed-descriptors"
  | "prompt-end"
  | LimitProtection;

export type LimitProtection =
  | "process-limit"
  | "memory-limit"
  | "total-memory-limit"
  | "file-size-limit"
  | "scratch-limit"
  | "file-count-limit"
  | "cpu-limit"
  | "wall-limit"
  | "output-limit";

export const nothingRemoved: ReadonlySet<Protection> = new Set();
