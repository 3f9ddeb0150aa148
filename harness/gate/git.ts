import { spawnSync } from "node:child_process";

/** Something about the gate's input that the user can mend; the message says what to do. Ends with exit code 2. */
export class GateInputError extends Error {
  override name = "GateInputError";
}

type GitAnswer = { status: "done"; output: Buffer } | { status: "refused"; reason: string };

/** One read-only git command in the user's repository, with the user's configuration. Throws where there is no git. */
export function askGit(directory: string, commandLine: string[]): GitAnswer {
  const ended = spawnSync("git", ["-C", directory, ...commandLine], {
    env: { ...process.env, LC_ALL: "C", GIT_OPTIONAL_LOCKS: "0", GIT_TERMINAL_PROMPT: "0" },
    maxBuffer: 2 ** 30,
    stdio: ["ignore", "pipe", "pipe"],
  });
  if (ended.error) throw new Error(`git could not be run: ${ended.error.message}`, { cause: ended.error });
  if (ended.status === 0) return { status: "done", output: ended.stdout };
  return { status: "refused", reason: ended.stderr.toString("utf8").trim() || `git ${commandLine[0]} ended with ${ended.status}` };
}

/** Standard output of a command that has to succeed. */
export function runGit(directory: string, commandLine: string[]): Buffer {
  const answer = askGit(directory, commandLine);
  if (answer.status === "done") return answer.output;
  throw new Error(`git ${commandLine.join(" ")}: ${answer.reason}`);
}

/** The entries of a listing made with `-z`. */
export function splitAtNul(output: Buffer): string[] {
  return output
    .toString("utf8")
    .split("\0")
    .filter((name) => name !== "");
}
