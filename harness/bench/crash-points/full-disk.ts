import type { ForgeEvent } from "../../../specs/contracts/event.js";
import { exitCodes } from "../../cli/exit-codes.js";
import type { Project } from "./project.js";
import type { Crash, Session } from "./session.js";

/** Folders that can lie on a disk of their own; of the index nobody needs to hear, for it is made anew from the logs. */
export const disks = {
  "the log": "/log.jsonl",
  "the index": "/index.sqlite",
  "the workspace": "/workspace/",
  "the output folder": "/generated/",
} as const;

/** What is wrong with how a goal ended whose disk was full from some call on. */
export function fullDiskProblems(crash: Crash, session: Session, project: Project): string[] {
  if (crash.kind !== "call") return [];
  const { kind, value } = session.end;
  if (crash.paths === disks["the index"])
    return kind === "code" && value <= 1 ? [] : [`without room for the index it ended with ${kind} ${value}: ${session.errors.trim()}`];
  const problems: string[] = [];
  if (kind !== "code" || value !== exitCodes.errored) problems.push(`on a full disk it ended with ${kind} ${value}`);
  const message = messageOf(session);
  if (!message.includes("disk full: ") || !message.includes(`${project.directory}/`))
    problems.push(`the message does not say which folder is full: ${message}`);
  if (!/free some space, then (continue with --resume \S+|give the same command again)/.test(message))
    problems.push(`the message does not say what to do: ${message}`);
  return problems;
}

/** A goal that cannot be told of in its log is told of on stderr. */
function messageOf({ told, errors }: Session): string {
  const line = told.at(-1);
  const last = line === undefined ? null : (JSON.parse(line) as ForgeEvent);
  return `${errors.trim()}${last?.type === "run-finished" ? last.message : ""}`;
}
