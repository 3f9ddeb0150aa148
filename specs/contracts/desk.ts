/** How a program in a workspace's folder (a coding CLI, a person's shell) talks to the Forge that runs the goal: a line of JSON each way. */

export const deskFolderName = ".forge";
export const deskFileName = "desk.json";

/** What stands in `.forge/desk.json` while a goal waits for work in the folder. */
export interface DeskFile {
  run: string;
  lane: number;
  spec: string;
  variant: string;
  target: string;
  /** Path of a Unix socket. */
  socket: string;
  /** Proves that a caller can read the folder. */
  token: string;
  /** Of the Forge that listens. */
  pid: number;
}

export type DeskRequest = { token: string } & (
  | { kind: "call"; name: string; argumentsText: string }
  | { kind: "tools" }
  | { kind: "finish" }
);

export type DeskReply =
  | { kind: "answer"; text: string; isError: boolean }
  | { kind: "tools"; tools: { name: string; description: string; parameters: Record<string, unknown> }[] }
  | { kind: "refused"; reason: string };
