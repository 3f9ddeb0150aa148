import { randomBytes } from "node:crypto";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { AgentTools, DeskFolder } from "../../specs/contracts/agent.js";
import { type DeskFile, type DeskReply, type DeskRequest, deskFileName, deskFolderName } from "../../specs/contracts/desk.js";
import { fillPrompt } from "../prompts/fill-prompt.js";
import { goalPrompt } from "../prompts/goal-prompt.js";
import { callTool, describeTools } from "../tools/tool-set.js";

/** How this Forge is called from the folder. */
export const launcher = `${deskFolderName}/forge`;

/** Longest request: a file and some quoting. */
const longestRequest = 4 << 20;

export interface Desk {
  folder: string;
  /** Resolves when somebody said that they are done. */
  finished: Promise<void>;
  close(): void;
}

/**
 * Lays the workspace out in a folder, with AGENTS.md for whoever works there, and answers tool calls over a socket: `forge check`,
 * `forge submit` and `forge mcp` in that folder are its clients. What lies in the folder is taken over before every call, and laid down
 * again after it, for a strategy may have set it back.
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
  const server = await listen(socket, answering(tools, folder, token, finish));
  writeDeskFiles(tools, folder.path, { socket, token });
  return {
    folder: folder.path,
    finished,
    close() {
      server.close();
      rmSync(join(folder.path, deskFolderName, deskFileName), { force: true });
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

function listen(path: string, answer: (request: string) => Promise<DeskReply>): Promise<Server> {
  // Calls are carried out one at a time: they work on one folder.
  let last: Promise<unknown> = Promise.resolve();
  const server = createServer((connection) => {
    let received = "";
    connection.setEncoding("utf8");
    connection.on("error", () => connection.destroy());
    connection.on("data", (text: string) => {
      received += text;
      if (received.length > longestRequest) return send(connection, { kind: "refused", reason: "the request is too long" });
      const end = received.indexOf("\n");
      if (end === -1) return;
      const request = received.slice(0, end);
      received = "";
      const turn = last.then(() => answer(request));
      last = turn.catch(() => {});
      turn.then(
        (reply) => send(connection, reply),
        (error: unknown) => send(connection, { kind: "refused", reason: error instanceof Error ? error.message : String(error) }),
      );
    });
  });
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(path, () => resolve(server));
  });
}

function send(connection: Socket, reply: DeskReply): void {
  if (!connection.destroyed) connection.end(`${JSON.stringify(reply)}\n`);
}

function answering(tools: AgentTools, folder: DeskFolder, token: string, finish: () => void) {
  let calls = tools.conversation().length;
  return async (text: string): Promise<DeskReply> => {
    const request = parseRequest(text);
    if (request === null || request.token !== token) return { kind: "refused", reason: "this is no request of this goal's folder" };
    if (request.kind === "tools") return { kind: "tools", tools: describeTools() };
    if (request.kind === "finish") {
      finish();
      return { kind: "answer", text: "the goal ends here; its best attempt is accepted", isError: false };
    }
    const leftOut = folder.take();
    const answer = await callTool(tools, { id: `call-${++calls}`, name: request.name, argumentsText: request.argumentsText });
    folder.lay();
    const remark = leftOut.length === 0 ? "" : `\n[not taken from the folder: ${leftOut.join(", ")}]`;
    return { kind: "answer", text: answer.text + remark, isError: answer.isError };
  };
}

function parseRequest(text: string): DeskRequest | null {
  try {
    const parsed: unknown = JSON.parse(text);
    if (typeof parsed !== "object" || parsed === null || !("token" in parsed) || !("kind" in parsed)) return null;
    if (parsed.kind === "call" && !("name" in parsed && typeof parsed.name === "string" && "argumentsText" in parsed)) return null;
    return parsed as DeskRequest;
  } catch {
    return null;
  }
}
