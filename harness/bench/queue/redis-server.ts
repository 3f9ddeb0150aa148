import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Redis } from "ioredis";

export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === "string") throw new Error("no port");
  return address.port;
}

/** A Redis of our own, in a folder of its own, to be killed and emptied. */
export class RedisServer {
  private child: ChildProcess | null = null;

  private constructor(
    readonly port: number,
    private readonly folder: string,
    private readonly options: string[],
    private readonly environment: Record<string, string>,
  ) {}

  /** `keeps`: what is acknowledged is on disk, as with `appendonly yes` and `appendfsync always`. */
  static async start(options: { keeps?: boolean; more?: string[]; environment?: Record<string, string> } = {}): Promise<RedisServer> {
    const folder = mkdtempSync(join(tmpdir(), "forge-redis-"));
    const kept = options.keeps ? ["--appendonly", "yes", "--appendfsync", "always"] : ["--appendonly", "no"];
    const server = new RedisServer(await freePort(), folder, [...kept, ...(options.more ?? [])], options.environment ?? {});
    await server.up();
    return server;
  }

  get url(): string {
    return `redis://127.0.0.1:${this.port}`;
  }

  get pid(): number {
    return this.child?.pid ?? 0;
  }

  async up(): Promise<void> {
    this.child = spawn(
      "redis-server",
      ["--port", String(this.port), "--bind", "127.0.0.1", "--dir", this.folder, "--save", "", ...this.options],
      { stdio: ["ignore", "pipe", "inherit"], env: { ...process.env, ...this.environment } },
    );
    const { child } = this;
    await new Promise<void>((resolve, reject) => {
      child.stdout!.on("data", (text: Buffer) => {
        if (text.toString().includes("Ready to accept connections")) resolve();
      });
      child.once("error", reject);
      child.once("exit", (code) => reject(new Error(`redis-server ended with ${code}`)));
    });
  }

  /** Without a chance to write anything. */
  async kill(): Promise<void> {
    const { child } = this;
    this.child = null;
    if (!child || child.exitCode !== null) return;
    const gone = new Promise((resolve) => child.once("exit", resolve));
    child.kill("SIGKILL");
    await gone;
  }

  async restart(): Promise<void> {
    await this.kill();
    await this.up();
  }

  /** A connection with full access, as a stranger may have it. */
  client(): Redis {
    const client = new Redis(this.url, { maxRetriesPerRequest: null });
    // It is told by whatever command fails.
    client.on("error", () => {});
    return client;
  }

  async stop(): Promise<void> {
    await this.kill();
    rmSync(this.folder, { recursive: true, force: true });
  }
}
