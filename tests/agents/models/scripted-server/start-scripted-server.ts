import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { anthropicProtocol } from "./anthropic-protocol.js";
import { openAiChatProtocol } from "./openai-chat-protocol.js";
import { openAiResponsesProtocol } from "./openai-responses-protocol.js";
import type { ConversationEntry, ProtocolName, Script, ScriptedStep } from "./script.js";
import { sendEvents } from "./send-events.js";
import type { Issued, RuleOptions, WireProtocol } from "./wire-protocol.js";

export interface ScriptedServerOptions extends Partial<RuleOptions> {
  /** The key that is right; null where the server asks for none. */
  apiKey?: string | null;
}

export interface SeenRequest {
  protocol: ProtocolName;
  headers: IncomingMessage["headers"];
  body: unknown;
  /** Why the provider would refuse it, in which case no script saw it. */
  problem: string | null;
  conversation: ConversationEntry[];
}

export interface ScriptedServer {
  /** Without a path: Anthropic's base URL. OpenAI's is this with /v1. */
  url: string;
  requests: SeenRequest[];
  close(): Promise<void>;
}

const protocols: WireProtocol[] = [anthropicProtocol, openAiChatProtocol, openAiResponsesProtocol];
export const scriptedKey = "sk-scripted-0123456789abcdef";

/** A model server on a free loopback port that speaks all three protocols, checks what it gets and says what the script says. */
export async function startScriptedServer(script: Script, options: ScriptedServerOptions = {}): Promise<ScriptedServer> {
  const { apiKey = scriptedKey, preservedThinking = false, alternatingRoles = true } = options;
  const requests: SeenRequest[] = [];
  const issued: Issued = new Map();
  let number = 0;

  async function answer(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = new URL(incoming.url ?? "/", "http://loopback").pathname;
    const text = await bodyOf(incoming);
    if (path === "/v1/messages/count_tokens") return sendJson(response, 200, { input_tokens: Math.ceil(text.length / 4) });
    const protocol = protocols.find((candidate) => candidate.path.test(path));
    if (protocol === undefined || incoming.method !== "POST") {
      const { errorBody } = incoming.headers["anthropic-version"] === undefined ? openAiChatProtocol : anthropicProtocol;
      return sendJson(response, 404, errorBody(404, undefined, `${incoming.method} ${path} is not served here`));
    }
    if (apiKey !== null && keyIn(incoming) !== apiKey)
      return sendJson(response, 401, protocol.errorBody(401, undefined, `Incorrect API key provided: ${keyIn(incoming)}`));

    const body = parse(text);
    const problem =
      body === undefined ? "the body is not JSON" : protocol.problemWith(body, issued, { preservedThinking, alternatingRoles });
    const { headers } = incoming;
    if (problem !== null) {
      requests.push({ protocol: protocol.name, headers, body, problem, conversation: [] });
      return sendJson(response, 400, protocol.errorBody(400, undefined, problem));
    }
    const { conversation, streams, ...decoded } = protocol.decode(body);
    requests.push({ protocol: protocol.name, headers, body, problem, conversation });
    const own = ++number;
    const step = await script(conversation, { protocol: protocol.name, ...decoded, headers, body, number: own });
    await play(step, protocol, { body, number: own, issued, streams }, response);
  }

  const server = createServer((incoming, response) => {
    answer(incoming, response).catch((error: unknown) => {
      // A script that throws is a fault of the test: it shows as a 500 with the reason.
      if (response.headersSent) response.destroy();
      else sendJson(response, 500, { error: { message: `the script failed: ${error}`, type: "api_error" } });
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

interface PlayContext {
  body: unknown;
  number: number;
  issued: Issued;
  streams: boolean;
}

async function play(step: ScriptedStep, protocol: WireProtocol, context: PlayContext, response: ServerResponse): Promise<void> {
  if (step.delayMs !== undefined) await sleep(step.delayMs);
  if ("status" in step) {
    for (const [name, value] of Object.entries(step.headers ?? {})) response.setHeader(name, value);
    if (step.body === undefined)
      return sendJson(response, step.status, protocol.errorBody(step.status, step.code, step.message ?? "a scripted fault"));
    response.writeHead(step.status, { "content-type": "text/html" }).end(step.body);
    return;
  }
  const { events, whole } = protocol.answer(step, context);
  if (context.streams) sendEvents(response, protocol, events, step.breaks);
  else sendJson(response, 200, whole);
}

async function bodyOf(incoming: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of incoming) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString("utf8");
}

function keyIn({ headers }: IncomingMessage): string {
  const key = headers["x-api-key"];
  return typeof key === "string" ? key : (headers.authorization ?? "").replace(/^Bearer /, "");
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

function sendJson(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
}
