import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js";
import type { CallToolResult } from "@modelcontextprotocol/sdk/types.js";
import type { ForgeEvent } from "../../../specs/contracts/event.js";
import { mainPath } from "../../harness/cli/run-forge.js";
import { type MindSources, rmsnormSources } from "../agents/mind-sources.js";
import { logOf, specPath } from "../agents/model-goal.js";

export const mcpWords = (sources: MindSources = rmsnormSources): string[] => ["mcp", specPath(sources), "--threads", "1", "--no-playbook"];

export interface McpSession {
  client: Client;
  /** Of the process that the client started. */
  pid: number;
  /** What was no message of the protocol. */
  faults: Error[];
  call(name: string, given?: Record<string, unknown>): Promise<{ text: string; isError: boolean }>;
}

/** The official SDK's client, connected to `forge mcp` in a folder. */
export async function connectForge(folder: string, words: string[]): Promise<McpSession> {
  const environment = Object.fromEntries(Object.entries(process.env).filter((entry): entry is [string, string] => entry[1] !== undefined));
  const transport = new StdioClientTransport({
    command: process.execPath,
    args: [mainPath, ...words],
    cwd: folder,
    env: { ...environment, NO_COLOR: "1", FORGE_DEBUG: "" },
    stderr: "pipe",
  });
  // Nobody reads it, and a full pipe would stop the goal.
  transport.stderr!.on("data", () => {});
  const client = new Client({ name: "test", version: "1" });
  const faults: Error[] = [];
  client.onerror = (error) => faults.push(error);
  await client.connect(transport);
  return {
    client,
    pid: transport.pid!,
    faults,
    async call(name, given = {}) {
      const patience = { timeout: 20_000, resetTimeoutOnProgress: true, onprogress: () => {} };
      const result = (await client.callTool({ name, arguments: given }, undefined, patience)) as CallToolResult;
      const [content] = result.content;
      return { text: content?.type === "text" ? content.text : "", isError: result.isError === true };
    },
  };
}

export const runsIn = (folder: string): string[] =>
  existsSync(join(folder, "runs"))
    ? readdirSync(join(folder, "runs"))
        .filter((name) => name.startsWith("rmsnorm-"))
        .sort()
    : [];

/** The log of a run once it has ended: nobody waits for a goal whose client has gone. */
export const logAtEnd = (folder: string, run: string): Promise<ForgeEvent[]> =>
  logUntil(folder, run, ({ type }) => type === "run-finished");

/** The log of a run once it has an event that is waited for. */
export async function logUntil(folder: string, run: string, isIt: (event: ForgeEvent) => boolean): Promise<ForgeEvent[]> {
  let log: ForgeEvent[] = [];
  for (let waitedMs = 0; waitedMs < 60_000; waitedMs += 100) {
    log = logOf(join(folder, "runs", run), run);
    if (log.some(isIt)) return log;
    await sleep(100);
  }
  throw new Error(`the log of run ${run} does not go on: it ends with ${JSON.stringify(log.at(-1))}`);
}
