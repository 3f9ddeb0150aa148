import { chmodSync, mkdirSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { ShellResult } from "../../specs/contracts/agent.js";
import type { Sandbox, SandboxLimits } from "../../specs/contracts/sandbox.js";
import { sandboxEndText } from "../../verifiers/targets/sandbox-end.js";
import { makeScratchFolder } from "../../verifiers/targets/scratch-folder.js";
import { readTextFolder, writeTextFolder } from "./text-folder.js";

const limits: SandboxLimits = {
  wallMs: 60_000,
  cpuSeconds: 120,
  addressSpaceBytes: 8 * 2 ** 30,
  fileBytes: 64 << 20,
  processes: 128,
  scratchBytes: 256 << 20,
  outputBytes: 1 << 20,
};
const mostShownCharacters = 16_000;

export interface ShellOutcome {
  result: ShellResult;
  /** The text files that lie in the folder afterwards. */
  files: Map<string, string>;
}

/** Runs a command line over copies of the files, in the sandbox: compilers and the usual tools, no network, no keys, nothing of the host. */
export async function runShell(
  sandbox: Sandbox,
  files: ReadonlyMap<string, string>,
  support: Readonly<Record<string, string>>,
  command: string,
): Promise<ShellOutcome> {
  const folder = makeScratchFolder("shell");
  try {
    writeTextFolder(folder, files);
    const supportFolder = join(folder, ".forge");
    mkdirSync(supportFolder);
    writeTextFolder(supportFolder, new Map(Object.entries(support)));
    openToAll(folder);
    const output = await sandbox.run({
      profile: "build",
      // stderr comes where it belongs among stdout's lines.
      command: ["/bin/bash", "-c", 'cd "$FORGE_WORKSPACE" && exec 2>&1 && eval "$1"', "shell", command],
      mounts: [{ host: folder, inside: "/workspace", writable: true }],
      limits,
      environment: {
        PATH: "/usr/bin:/bin",
        TMPDIR: "/tmp",
        HOME: "/tmp",
        LC_ALL: "C.UTF-8",
        FORGE_WORKSPACE: "/workspace",
        CPATH: "/workspace/.forge",
      },
    });
    const { files: after, leftOut } = readTextFolder(folder);
    const remarks = [
      ...(output.truncated ? ["[output was cut off at 1 MiB]"] : []),
      ...(leftOut.length > 0 ? [`[not kept in the workspace: ${leftOut.join(", ")}; build into /tmp]`] : []),
    ];
    const text = [output.stdout.toString("utf8"), output.stderr.toString("utf8")].filter((part) => part !== "").join("\n");
    return {
      result: {
        output: [cutInTheMiddle(text, mostShownCharacters), ...remarks].filter((part) => part !== "").join("\n"),
        end: sandboxEndText(output.end),
        failed: output.end.kind !== "exited" || output.end.code !== 0,
      },
      files: after,
    };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The user of the sandbox is not ours, and the copies are thrown away. */
function openToAll(folder: string): void {
  chmodSync(folder, 0o777);
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    if (entry.isDirectory()) openToAll(join(folder, entry.name));
    else chmodSync(join(folder, entry.name), 0o666);
  }
}

/** Long output says most at its beginning and at its end. */
export function cutInTheMiddle(text: string, characters: number): string {
  if (text.length <= characters) return text;
  const half = Math.floor(characters / 2);
  return `${text.slice(0, half)}\n[… ${text.length - 2 * half} characters left out …]\n${text.slice(-half)}`;
}
