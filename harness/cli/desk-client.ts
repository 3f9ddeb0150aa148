import { existsSync, readFileSync } from "node:fs";
import { connect } from "node:net";
import { dirname, join, resolve } from "node:path";
import { type DeskFile, type DeskReply, type DeskRequest, deskFileName, deskFolderName } from "../../specs/contracts/desk.js";
import { type ExitCode, exitCodes } from "./exit-codes.js";
import { UsageError } from "./usage-error.js";

type Wanted = DeskRequest extends infer Request ? (Request extends DeskRequest ? Omit<Request, "token"> : never) : never;

/** The folder in which a goal waits for work: this one, one above it, or what FORGE_DESK names; null where there is none. */
export function findDesk(from: string = process.cwd()): string | null {
  for (let folder = resolve(from); ; folder = dirname(folder)) {
    if (existsSync(join(folder, deskFolderName, deskFileName))) return folder;
    if (folder === dirname(folder)) break;
  }
  const named = process.env.FORGE_DESK;
  return named !== undefined && existsSync(join(named, deskFolderName, deskFileName)) ? named : null;
}

const noDesk =
  "no goal waits for work in this folder: begin one with `forge goal <spec> --agent manual`, and go to the folder that it names";

export function requireDesk(): string {
  const folder = findDesk();
  if (folder === null) throw new UsageError(noDesk);
  return folder;
}

/** Asks the Forge that waits for work in the folder; throws UsageError where it has gone. `cancelled`: the answer is not wanted any more. */
export async function askDesk(folder: string, wanted: Wanted, cancelled?: AbortSignal): Promise<DeskReply> {
  const desk = readDesk(folder);
  const request = { ...wanted, token: desk.token } as DeskRequest;
  const text = await exchange(desk.socket, `${JSON.stringify(request)}\n`, cancelled).catch((error: unknown) => {
    if (isForbidden(error))
      throw new UsageError(
        `the goal that waits in ${folder} may not be reached from here: a sandbox around this shell forbids its socket, ${desk.socket}; docs/agents.md says what coding CLIs need`,
        { cause: error },
      );
    throw new UsageError(
      `the goal of ${folder} (run ${desk.run}) does not answer any more: it has ended or was stopped; ` +
        `\`forge show ${desk.run}\` tells which, \`forge goal <spec> … --resume ${desk.run}\` goes on with it`,
      { cause: error },
    );
  });
  return JSON.parse(text) as DeskReply;
}

const isForbidden = (error: unknown): boolean =>
  error instanceof Error && "code" in error && (error.code === "EPERM" || error.code === "EACCES");

function readDesk(folder: string): DeskFile {
  try {
    return JSON.parse(readFileSync(join(folder, deskFolderName, deskFileName), "utf8")) as DeskFile;
  } catch (error) {
    // It went since the folder was found.
    throw new UsageError(noDesk, { cause: error });
  }
}

/** Carries out one tool call there and prints the answer. */
export async function callDesk(folder: string, name: string, argumentsText: string): Promise<ExitCode> {
  return printReply(await askDesk(folder, { kind: "call", name, argumentsText }));
}

export function printReply(reply: DeskReply): ExitCode {
  if (reply.kind === "tools") throw new Error("the goal answered something else than what it was asked");
  if (reply.kind === "refused") throw new UsageError(reply.reason);
  process.stdout.write(`${reply.text}\n`);
  if (reply.isError) return exitCodes.badInput;
  const outcome = /^(?:Attempt \d+: )?(FAILED|ERRORED)\b/.exec(reply.text)?.[1];
  return outcome === "FAILED" ? exitCodes.failed : outcome === "ERRORED" ? exitCodes.errored : exitCodes.ok;
}

function exchange(socket: string, line: string, cancelled?: AbortSignal): Promise<string> {
  return new Promise((settle, fail) => {
    const connection = connect(socket);
    cancelled?.addEventListener("abort", () => connection.destroy(), { once: true });
    let received = "";
    connection.setEncoding("utf8");
    connection.once("connect", () => connection.write(line));
    connection.on("data", (text: string) => {
      received += text;
    });
    connection.once("error", fail);
    connection.once("close", () => (received.endsWith("\n") ? settle(received) : fail(new Error("the connection was cut"))));
  });
}
