import type { Readable, Writable } from "node:stream";
import { Server } from "@modelcontextprotocol/sdk/server/index.js";
import { StdioServerTransport } from "@modelcontextprotocol/sdk/server/stdio.js";
import { CallToolRequestSchema, ListToolsRequestSchema, type Tool } from "@modelcontextprotocol/sdk/types.js";

export interface ServedTools {
  /** For the model on the other side: what this is about. */
  instructions: string;
  tools: { name: string; description: string; parameters: Record<string, unknown> }[];
  call(name: string, argumentsText: string): Promise<{ text: string; isError: boolean }>;
}

export interface Serving {
  /** Resolves when the client has gone. */
  closed: Promise<void>;
  close(): Promise<void>;
}

/** Serves tools over the Model Context Protocol on a pair of streams. Calls are carried out one at a time: they work on one workspace. */
export async function serveTools({ instructions, tools, call }: ServedTools, input: Readable, output: Writable): Promise<Serving> {
  const server = new Server({ name: "forge", version: "1" }, { capabilities: { tools: {} }, instructions });
  server.setRequestHandler(ListToolsRequestSchema, () => ({
    tools: tools.map(({ name, description, parameters }) => ({ name, description, inputSchema: parameters as Tool["inputSchema"] })),
  }));
  let last: Promise<unknown> = Promise.resolve();
  server.setRequestHandler(CallToolRequestSchema, async ({ params }) => {
    const turn = last.then(() => call(params.name, JSON.stringify(params.arguments ?? {})));
    last = turn.catch(() => {});
    const { text, isError } = await turn;
    return { content: [{ type: "text", text }], isError };
  });
  const transport = new StdioServerTransport(input, output);
  const closed = new Promise<void>((resolve) => {
    server.onclose = () => resolve();
    // The transport does not look for the end of its input.
    input.once("end", () => resolve());
    input.once("close", () => resolve());
  });
  await server.connect(transport);
  return { closed, close: () => server.close() };
}
