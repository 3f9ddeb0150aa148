import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pythonOfPeers, tunedAllocator } from "../bench/peers/catalogue.js";
import { packageRoot } from "../package-root.js";
import { OutlineError } from "./outline-error.js";

const shownLines = 12;

export interface PythonProgram {
  /** Below harness/outline/. */
  script: string;
  /** Handed over as JSON. */
  request: unknown;
  /** Whose file it runs, for what goes wrong. */
  about: string;
  /** What its user is told where the program refuses. */
  refusal?: (reason: string) => string;
  /** Lines of stderr that tell how far it is. */
  isProgress?: (line: string) => boolean;
  onProgress?: (line: string) => void;
  signal: AbortSignal;
}

/**
 * Runs a program of this folder in a Python with PyTorch: it executes the user's own file, with the user's rights, and answers with a line of
 * JSON. Throws OutlineError where Python is missing, the file breaks, or is refused (with the program's reason).
 */
export async function runPython<Answer>({
  script,
  request,
  about,
  refusal = (reason) => `${about}: ${reason}`,
  isProgress = () => false,
  onProgress = () => {},
  signal,
}: PythonProgram): Promise<Answer> {
  const python = pythonOfPeers();
  if (python.includes("/") && !existsSync(python))
    throw new OutlineError(
      `there is no Python at ${python}: set FORGE_PYTHON to one with PyTorch and safetensors, or run \`node scripts/install-prerequisites.mjs --python\``,
    );
  const folder = mkdtempSync(join(tmpdir(), "forge-outline-"));
  try {
    const path = join(folder, "request.json");
    writeFileSync(path, JSON.stringify(request));
    const words = [python, join(packageRoot(), "harness", "outline", script), path];
    const { code, output, errors } = await run(words, (line) => isProgress(line) && onProgress(line), signal);
    const answer = lastJson(output);
    if (answer?.status === "done") return answer as unknown as Answer;
    if (answer?.status === "refused") throw new OutlineError(refusal(String(answer.reason)));
    const how = code === null ? "was killed, perhaps for want of memory" : `ended with ${code}`;
    throw new OutlineError(`${about}: Python ${how}\n${errors.trimEnd().split("\n").slice(-shownLines).join("\n")}`);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function lastJson(output: string): ({ status: string } & Record<string, unknown>) | null {
  try {
    return JSON.parse(output.trimEnd().split("\n").at(-1)!);
  } catch {
    return null;
  }
}

function run(
  [program, ...words]: string[],
  onLine: (line: string) => void,
  signal: AbortSignal,
): Promise<{ code: number | null; output: string; errors: string }> {
  return new Promise((settle, fail) => {
    const child = spawn(program!, words, {
      stdio: ["ignore", "pipe", "pipe"],
      signal,
      killSignal: "SIGKILL",
      env: { ...process.env, ...tunedAllocator, PYTHONDONTWRITEBYTECODE: "1", TORCHINDUCTOR_COMPILE_THREADS: "1" },
    });
    let output = "";
    let errors = "";
    let unfinished = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      output += text;
    });
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      errors = (errors + text).slice(-20_000);
      const lines = (unfinished + text).split("\n");
      unfinished = lines.pop()!;
      lines.forEach(onLine);
    });
    child.once("error", fail);
    child.once("close", (code) => settle({ code, output, errors }));
  });
}
