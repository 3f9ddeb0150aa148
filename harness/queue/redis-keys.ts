/** Names of what Forge keeps in Redis beside BullMQ's own keys, which begin with `<prefix>:<route>:`. A route never begins with `~`. */
export interface RedisKeys {
  routes: string;
  workers: string;
  counts: string;
  side(id: string): string;
  events(id: string): string;
  blob(hash: string): string;
  /** BullMQ's: the job itself, its lock, and the list of those that run. */
  job(route: string, id: string): string;
  lock(route: string, id: string): string;
  active(route: string): string;
}

export function redisKeys(prefix: string): RedisKeys {
  return {
    routes: `${prefix}:~routes`,
    workers: `${prefix}:~workers`,
    counts: `${prefix}:~counts`,
    side: (id) => `${prefix}:~side:${id}`,
    events: (id) => `${prefix}:~events:${id}`,
    blob: (hash) => `${prefix}:~blob:${hash}`,
    job: (route, id) => `${prefix}:${route}:${id}`,
    lock: (route, id) => `${prefix}:${route}:${id}:lock`,
    active: (route) => `${prefix}:${route}:active`,
  };
}
