import type { Readable, Writable } from "node:stream";
import { Server } from "@modelcontextprotocol/sdk/server/index.js";
import { StdioServerTransport } from "@modelcontextprotocol/sdk/server/stdio.js";
import { CallToolRequestSchema, ListToolsRequestSchema, type Tool } from "@modelcontextprotocol/sdk/types.js";

export interface ServedTools {
  /** For the model on the other side: what this is about. */
  instructions: string;
  tools: { name: string; description: string; parameters: Record<string, unknown> }[];
  /** `cancelled` is aborted where the client no longer waits for this answer. */
  call(name: string, argumentsText: string, cancelled: AbortSignal): Promise<{ text: string; isError: boolean }>;
}

export interface Serving {
  /** Resolves when the client has gone. */
  closed: Promise<void>;
  /** Waits for the call that is being carried out. */
  close(): Promise<void>;
}

/** Clients give up on a call that says nothing for some time; told of progress, most wait on. */
const progressEveryMs = 5_000;

/** Serves tools over the Model Context Protocol on a pair of streams. Calls are carried out one at a time: they work on one workspace. */
export async function serveTools({ instructions, tools, call }: ServedTools, input: Readable, output: Writable): Promise<Serving> {
  const server = new Server({ name: "forge", version: "1" }, { capabilities: { tools: {} }, instructions });
  server.setRequestHandler(ListToolsRequestSchema, () => ({
    tools: tools.map(({ name, description, parameters }) => ({ name, description, inputSchema: parameters as Tool["inputSchema"] })),
  }));
  let last: Promise<unknown> = Promise.resolve();
  server.setRequestHandler(CallToolRequestSchema, async ({ params }, { signal, sendNotification }) => {
    const token = params._meta?.progressToken;
    let progress = 0;
    const tell = () => {
      if (token === undefined || signal.aborted) return;
      sendNotification({ method: "notifications/progress", params: { progressToken: token, progress: ++progress } }).catch(() => {});
    };
    const telling = setInterval(tell, progressEveryMs);
    const turn = last.then(() => call(params.name, JSON.stringify(params.arguments ?? {}), signal));
    last = turn.catch(() => {});
    try {
      const { text, isError } = await turn;
      return { content: [{ type: "text", text }], isError };
    } finally {
      clearInterval(telling);
    }
  });
  const transport = new StdioServerTransport(input, output);
  const closed = new Promise<void>((resolve) => {
    server.onclose = () => resolve();
    // The transport does not look for the end of its input.
    input.once("end", () => resolve());
    input.once("close", () => resolve());
    output.once("error", () => resolve());
  });
  await server.connect(transport);
  return {
    closed,
    async close() {
      await last;
      await server.close();
    },
  };
}
