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

export function requireDesk(): string {
  const folder = findDesk();
  if (folder === null)
    throw new UsageError(
      "no goal waits for work in this folder: begin one with `forge goal <spec> --agent manual`, and go to the folder that it names",
    );
  return folder;
}

/** Asks the Forge that waits for work in the folder; throws UsageError where it has gone. */
export async function askDesk(folder: string, wanted: Wanted): Promise<DeskReply> {
  const desk = JSON.parse(readFileSync(join(folder, deskFolderName, deskFileName), "utf8")) as DeskFile;
  const request = { ...wanted, token: desk.token } as DeskRequest;
  const text = await exchange(desk.socket, `${JSON.stringify(request)}\n`).catch((error: unknown) => {
    throw new UsageError(
      `the goal of ${folder} (run ${desk.run}) does not answer any more: it has ended or was stopped; go on with it by --resume ${desk.run}`,
      { cause: error },
    );
  });
  return JSON.parse(text) as DeskReply;
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

function exchange(socket: string, line: string): Promise<string> {
  return new Promise((settle, fail) => {
    const connection = connect(socket);
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
