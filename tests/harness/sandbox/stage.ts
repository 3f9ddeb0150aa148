import { type ChildProcess, spawn } from "node:child_process";
import { createSocket } from "node:dgram";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

/** What an attack finds on the host: files, listeners and secrets of others. */
export interface Stage {
  folder: string;
  /** What words of an attack's program stand for. */
  words: Record<string, string>;
  /** For one try: a number of its own, fresh folders for /in and /out, and a socket that is listened on. */
  nextTry(): { number: string; input: string; output: string; socket: string };
  close(): void;
}

const neighbourFiles = ["harness/main.js", "specs/exam.yaml", ".git/config", "expected-outputs", "secret.h"];

function makeFolder(path: string, mode: number): string {
  mkdirSync(path, { recursive: true });
  chmodSync(path, mode);
  return path;
}

/** Files that anybody may change: that a sandbox's user has no right to is not what an attack is to fail of. */
function layOut(folder: string): void {
  makeFolder(folder, 0o777);
  for (const file of neighbourFiles) {
    makeFolder(dirname(join(folder, file)), 0o777);
    writeFileSync(join(folder, file), "int secret;\n");
    chmodSync(join(folder, file), 0o666);
  }
}

function listening(server: Server, where: number | string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(typeof where === "number" ? { port: where, host: "127.0.0.1" } : { path: where }, resolve);
    server.unref();
  });
}

export async function openStage(): Promise<Stage> {
  const folder = mkdtempSync(join(tmpdir(), "forge-stage-"));
  chmodSync(folder, 0o755);
  const neighbour = join(folder, "neighbour");
  layOut(neighbour);
  const secrets = { cmdline: `sk-cmdline-${process.pid}`, variable: `sk-variable-${process.pid}` };
  const teller: ChildProcess = spawn("/bin/sh", ["-c", "sleep 300; true", secrets.cmdline], { stdio: "ignore", detached: true });
  process.env.FORGE_TEST_SECRET = secrets.variable;

  const tcp = createServer((socket) => socket.end());
  await listening(tcp, 0);
  const abstract = createServer((socket) => socket.end());
  const abstractName = `forge-abstract-${process.pid}`;
  await listening(abstract, `\0${abstractName}`);
  const local = createServer((socket) => socket.end());
  const socket = join(folder, "socket");
  await listening(local, socket);
  chmodSync(socket, 0o777);
  const udp = createSocket("udp4", (message, { port, address }) => udp.send(message, port, address));
  await new Promise<void>((resolve) => udp.bind(0, "127.0.0.1", resolve));
  udp.unref();

  let count = 0;
  return {
    folder,
    words: {
      $neighbour: neighbour,
      $tcp: String((tcp.address() as { port: number }).port),
      $udp: String(udp.address().port),
      $abstract: abstractName,
      // In two words: a program whose own command line held the secret would find it there.
      $cmdline: secrets.cmdline.replace(/(.{5})/, "$1 "),
      $variable: secrets.variable.replace(/(.{5})/, "$1 "),
    },
    nextTry: () => {
      const number = String(count++);
      const root = makeFolder(join(folder, `try-${number}`), 0o755);
      const input = makeFolder(join(root, "in"), 0o777);
      makeFolder(join(input, ".git", "hooks"), 0o777);
      return { number, input, output: makeFolder(join(root, "out"), 0o777), socket };
    },
    close: () => {
      for (const server of [tcp, abstract, local]) server.close();
      udp.close();
      if (teller.pid !== undefined) process.kill(-teller.pid, "SIGKILL");
      delete process.env.FORGE_TEST_SECRET;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
