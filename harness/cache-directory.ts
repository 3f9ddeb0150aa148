import { homedir } from "node:os";
import { join, resolve } from "node:path";

/**
 * Where runners, built objects and measured peaks are kept between runs: $FORGE_CACHE, else the user's cache folder (XDG base
 * directories). All of it can be deleted at any time.
 */
export function cacheDirectory(): string {
  if (process.env.FORGE_CACHE) return resolve(process.env.FORGE_CACHE);
  // The XDG specification says that a relative path is to be ignored.
  const base = process.env.XDG_CACHE_HOME?.startsWith("/") ? process.env.XDG_CACHE_HOME : join(homedir(), ".cache");
  return join(base, "forge");
}
