// The coding CLIs that tests have work for Forge, and where they lie: outside node_modules, for Forge does not need them.
import { existsSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";

/** Exact versions: a test of somebody else's program must say of which. */
export const codingClis = { "@anthropic-ai/claude-code": "2.1.197", "@openai/codex": "0.169.0" };

const caches = process.env.XDG_CACHE_HOME || join(homedir(), ".cache");
const versions = Object.values(codingClis).join("-");
export const codingClisFolder = join(caches, "forge-coding-clis", versions);
/** Written last. */
export const codingClisStamp = join(codingClisFolder, ".installed");
/** To be put before PATH; null where they are not installed. */
export const codingClisPath = existsSync(codingClisStamp) ? join(codingClisFolder, "node_modules/.bin") : null;
