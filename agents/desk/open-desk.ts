import { randomBytes } from "node:crypto";
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { AgentTools, DeskFolder } from "../../specs/contracts/agent.js";
import { type DeskFile, type DeskReply, type DeskRequest, deskFileName, deskFolderName } from "../../specs/contracts/desk.js";
import { isAccepted } from "../../specs/verdict-speed.js";
import { fillPrompt } from "../prompts/fill-prompt.js";
import { goalPrompt } from "../prompts/goal-prompt.js";
import { callTool, describeTools } from "../tools/tool-set.js";
import { type Answer, Undelivered } from "./undelivered.js";

/** How this Forge is called from the folder. */
export const launcher = `${deskFolderName}/forge`;

/** Longest request: a file and some quoting. */
const longestRequest = 4 << 20;

export interface Desk {
  folder: string;
  /** Resolves when somebody said that they are done. */
  finished: Promise<void>;
  /** Waits for the call that is being carried out, if any, and its answer: nothing of a run may happen after its end. */
  close(): Promise<void>;
}

/**
 * Lays the workspace out in a folder, with AGENTS.md for whoever works there, and answers tool calls over a socket: `forge check`,
 * `forge submit` and `forge mcp` in that folder are its clients. What lies in the folder is taken over before every call, and the workspace
 * laid down again after it, for a strategy may have set it back; what somebody changed meanwhile stays.
 */
export async function openDesk(tools: AgentTools): Promise<Desk> {
  const folder = tools.openFolder();
  folder.lay();
  // Paths of sockets must be short, those of runs need not be.
  const socketFolder = mkdtempSync(join(tmpdir(), "forge-desk-"));
  chmodSync(socketFolder, 0o700);
  const socket = join(socketFolder, "socket");
  const token = randomBytes(16).toString("hex");
  let finish: () => void = () => {};
  const finished = new Promise<void>((resolve) => {
    finish = resolve;
  });
  const { server, idle } = await listen(socket, answering(tools, folder, token, finish));
  writeDeskFiles(tools, folder.path, { socket, token });
  return {
    folder: folder.path,
    finished,
    async close() {
      rmSync(join(folder.path, deskFolderName, deskFileName), { force: true });
      server.close();
      await idle();
      rmSync(socketFolder, { recursive: true, force: true });
    },
  };
}

function writeDeskFiles(tools: AgentTools, path: string, { socket, token }: Pick<DeskFile, "socket" | "token">): void {
  const { briefing } = tools;
  mkdirSync(join(path, deskFolderName), { recursive: true });
  const desk: DeskFile = {
    run: tools.run,
    lane: tools.lane,
    spec: briefing.loaded.spec.name,
    variant: briefing.variantName,
    target: briefing.targetName,
    socket,
    token,
    pid: process.pid,
  };
  writeFileSync(join(path, deskFolderName, deskFileName), `${JSON.stringify(desk, null, 2)}\n`, { mode: 0o600 });
  // This very Forge, whatever else is installed.
  writeFileSync(join(path, launcher), `#!/bin/sh\nexec ${tools.forgeCommand} "$@"\n`, { mode: 0o755 });
  const opening = tools.opening === "" ? "" : `${tools.opening}\n\n`;
  const guide = fillPrompt("agents-md", { forge: launcher, goal: `${opening}${goalPrompt(briefing)}` });
  writeFileSync(join(path, "AGENTS.md"), guide);
  writeFileSync(join(path, "CLAUDE.md"), "@AGENTS.md\n");
  for (const [name, text] of Object.entries(tools.support)) writeFileSync(join(path, name), text);
}

/** Carries out one call; `isGone` tells whether whoever asked is still there once it is done. */
type Answering = (request: string, isGone: () => boolean) => Promise<DeskReply>;

function listen(path: string, answer: Answering): Promise<{ server: Server; idle(): Promise<unknown> }> {
  // Calls are carried out one at a time: they work on one folder.
  let last: Promise<unknown> = Promise.resolve();
  const server = createServer((connection) => {
    let received = "";
    let isGone = false;
    connection.setEncoding("utf8");
    connection.on("error", () => connection.destroy());
    connection.once("close", () => {
      isGone = true;
    });
    connection.on("data", (text: string) => {
      received += text;
      if (received.length > longestRequest) return void send(connection, { kind: "refused", reason: "the request is too long" });
      const end = received.indexOf("\n");
      if (end === -1) return;
      const request = received.slice(0, end);
      received = "";
      last = last
        .then(() => answer(request, () => isGone))
        .catch((error: unknown): DeskReply => ({ kind: "refused", reason: failureText(error) }))
        .then((reply) => send(connection, reply));
    });
  });
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(path, () => resolve({ server, idle: () => last }));
  });
}

/** Resolves when the reply has left, or nobody is there to take it. */
function send(connection: Socket, reply: DeskReply): Promise<void> {
  if (connection.destroyed) return Promise.resolve();
  return new Promise((resolve) => {
    connection.once("close", () => resolve());
    connection.end(`${JSON.stringify(reply)}\n`, () => resolve());
  });
}

const failureText = (error: unknown): string =>
  error instanceof Error && error.name === "AbortError"
    ? "the goal was interrupted before this was done; go on with it by --resume"
    : error instanceof Error
      ? error.message
      : String(error);

function answering(tools: AgentTools, folder: DeskFolder, token: string, finish: () => void): Answering {
  let calls = tools.conversation().length;
  const undelivered = new Undelivered(tools);
  return async (text, isGone) => {
    const request = parseRequest(text);
    if (request === null || request.token !== token) return { kind: "refused", reason: "this is no request of this goal's folder" };
    if (request.kind === "tools") return { kind: "tools", tools: describeTools() };
    if (request.kind === "finish") {
      finish();
      return { kind: "answer", text: farewell(tools), isError: false };
    }
    // Whoever hung up while others were served wants nothing any more.
    if (isGone()) return { kind: "refused", reason: "nobody waits for this" };
    const { name, argumentsText } = request;
    const leftOut = folder.take();
    const waiting = undelivered.collect(name, argumentsText);
    if (waiting !== null) return { kind: "answer", ...waiting };
    const given = await callTool(tools, { id: `call-${++calls}`, name, argumentsText });
    folder.lay();
    const answer: Answer = { text: [given.text, ...remarks(tools, folder, leftOut)].join("\n"), isError: given.isError };
    if (isGone()) undelivered.keep(name, argumentsText, answer);
    return { kind: "answer", ...answer };
  };
}

function farewell(tools: AgentTools): string {
  const passed = tools.history().some(isAccepted);
  return passed ? "The goal ends here; its best attempt is accepted." : "The goal ends here. No attempt passed, so nothing is accepted.";
}

function remarks(tools: AgentTools, folder: DeskFolder, leftOut: string[]): string[] {
  const kept = tools.workspace
    .list()
    .map(({ name }) => name)
    .filter((name) => textAt(join(folder.path, name)) !== tools.workspace.read(name));
  return [
    ...(leftOut.length === 0 ? [] : [`[not taken from the folder: ${leftOut.join(", ")}]`]),
    ...(kept.length === 0 ? [] : [`[changed in the folder since this began, and left as you have it: ${kept.join(", ")}]`]),
    ...(tools.budgetLeft() ? [] : [`[the budget is spent. ${farewell(tools)}]`]),
  ];
}

function textAt(path: string): string | null {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return null;
  }
}

function parseRequest(text: string): DeskRequest | null {
  try {
    const parsed: unknown = JSON.parse(text);
    if (typeof parsed !== "object" || parsed === null || !("token" in parsed) || !("kind" in parsed)) return null;
    const isCall =
      "name" in parsed && typeof parsed.name === "string" && "argumentsText" in parsed && typeof parsed.argumentsText === "string";
    return parsed.kind === "call" && !isCall ? null : (parsed as DeskRequest);
  } catch {
    return null;
  }
}
