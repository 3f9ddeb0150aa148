import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { dirname } from "node:path";
import type { Sandbox, SandboxLimits, SandboxProcess } from "../../../specs/contracts/sandbox.js";
import type { CallReport, CallRequest, InputChange, Session, SessionRequest } from "../../../specs/contracts/target.js";
import { sandboxEndText } from "../sandbox-end.js";
import { asset } from "./assets.js";
import { Channel, ChannelClosed } from "./channel.js";
import type { WasmToolchain } from "./toolchain.js";

/** A kernel takes milliseconds, the slowest reference seconds. */
const defaultCallTimeoutMs = 120_000;
/** Keeps a message's header within a few ten kilobytes. */
const changesPerMessage = 512;

function limitsFor(request: SessionRequest): SandboxLimits {
  return {
    wallMs: request.wallMs,
    // V8 compiles on several threads.
    cpuSeconds: Math.ceil(request.wallMs / 1000) * 4 + 10,
    addressSpaceBytes: null, // V8 reserves 10 GiB of addresses per memory
    fileBytes: 1 << 20,
    processes: 64,
    scratchBytes: 1 << 20,
    outputBytes: 1 << 16,
  };
}

/** Starts a runner in the sandbox and loads the libraries. Throws where one cannot be loaded. */
export async function openSession(request: SessionRequest, sandbox: Sandbox, toolchain: WasmToolchain): Promise<Session> {
  const process_ = sandbox.start({
    profile: "run",
    command: ["/forge/node", ...toolchain.nodeFlags, "/forge/runner/runner.mjs"],
    mounts: [
      { host: process.execPath, inside: "/forge/node", writable: false },
      { host: dirname(asset("runner.mjs")), inside: "/forge/runner", writable: false },
    ],
    limits: limitsFor(request),
    channel: true,
  });
  const session = new WasmSession(process_, request);
  try {
    await session.load();
    return session;
  } catch (error) {
    await session.close();
    throw error;
  }
}

class WasmSession implements Session {
  readonly #channel: Channel;
  /** How the session ended, once it has: every later call gets the same answer. */
  #ended: Exclude<CallReport, { status: "returned" }> | null = null;

  constructor(
    private readonly process: SandboxProcess,
    private readonly request: SessionRequest,
  ) {
    if (process.channel === null) throw new Error("the sandbox opened no channel on file descriptor 3");
    this.#channel = new Channel(process.channel);
    process.stdout.resume();
    // Awaited where a call finds the channel closed; here only so that an early failure is not an unhandled rejection.
    process.done.catch(() => undefined);
  }

  async load(): Promise<void> {
    const { request } = this;
    await this.#explained(this.#channel.request({ type: "open", entries: request.entries, guarded: request.memory !== "plain" }));
    for (const { path, hash } of request.libraries) {
      const bytes = await readFile(path);
      if (createHash("sha256").update(bytes).digest("hex") !== hash)
        throw new Error(`${path} was changed since it was built: build it again`);
      await this.#explained(this.#channel.request({ type: "load" }, bytes));
    }
  }

  async bind(entry: string, byteLengths: number[], sets: number): Promise<void> {
    await this.#explained(this.#channel.request({ type: "bind", entry, byteLengths, sets }));
  }

  async writeInput(set: number, buffer: string, byteOffset: number, bytes: Uint8Array): Promise<void> {
    await this.#explained(this.#channel.request({ type: "write", set, buffer, byteOffset }, bytes));
  }

  async changeInputs(changes: InputChange[]): Promise<void> {
    for (let first = 0; first < changes.length; first += changesPerMessage) {
      const some = changes.slice(first, first + changesPerMessage);
      const places = some.map(({ set, buffer, byteOffset, bytes }) => ({ set, buffer, byteOffset, byteLength: bytes.byteLength }));
      await this.#explained(this.#channel.request({ type: "change", places }, Buffer.concat(some.map(({ bytes }) => bytes))));
    }
  }

  async readOutput(set: number, buffer: string, byteOffset: number, byteLength: number): Promise<Uint8Array> {
    const { payload } = await this.#explained(
      this.#channel.request({ type: "read", set, buffer, byteOffset, byteLength }, undefined, byteLength),
    );
    return payload;
  }

  async call(request: CallRequest): Promise<CallReport> {
    if (this.#ended) return this.#ended;
    const started = process.hrtime.bigint();
    let expired = false;
    const timer = setTimeout(() => {
      expired = true;
      this.process.kill();
    }, this.request.callTimeoutMs ?? defaultCallTimeoutMs);
    try {
      const { reply } = await this.#channel.request({ type: "call", ...request });
      const outsideNs = Number(process.hrtime.bigint() - started);
      if (typeof reply.crash === "string") return await this.#end({ status: "crashed", detail: reply.crash });
      const durationNs = Number(reply.durationNs);
      return {
        status: "returned",
        code: Number(reply.code),
        durationNs,
        // What the runner does beside the call no candidate reaches: it is nobody's time.
        insideNs: durationNs,
        outsideNs: outsideNs - (reply.insideNs - durationNs),
        threads: 1, // an object without imports cannot start one; V8's own threads are not its
        controlWordChanged: false, // WASM has no access to it
        inputsChanged: reply.inputsChanged === true,
      };
    } catch (error) {
      if (!(error instanceof ChannelClosed)) throw error;
      const { end, stderr } = await this.process.done;
      if (expired || end.kind === "timeout") return await this.#end({ status: "timeout" });
      return await this.#end({ status: "crashed", detail: `the runner ended: ${sandboxEndText(end)} ${tail(stderr)}`.trim() });
    } finally {
      clearTimeout(timer);
    }
  }

  /** A trap leaves the object's stack and memory in no defined state, as a crash does a native process: nothing may run on it. */
  async #end(report: Exclude<CallReport, { status: "returned" }>): Promise<CallReport> {
    this.#ended = report;
    await this.close();
    return report;
  }

  freeze(): Promise<void> {
    return this.process.freeze();
  }

  thaw(): Promise<void> {
    return this.process.thaw();
  }

  cpuSeconds(): number {
    return this.process.cpuSeconds();
  }

  peakBytes(): number {
    return this.process.peakBytes();
  }

  async close(): Promise<void> {
    this.process.kill();
    await this.process.done.catch(() => undefined);
  }

  /** A closed channel says nothing; how the process ended does. */
  async #explained<T>(answer: Promise<T>): Promise<T> {
    try {
      return await answer;
    } catch (error) {
      if (!(error instanceof ChannelClosed)) throw error;
      const { end, stderr } = await this.process.done;
      throw new Error(`the WASM runner has ended: ${sandboxEndText(end)} ${tail(stderr)}`.trim(), { cause: error });
    }
  }
}

const tail = (stderr: Buffer) => stderr.toString("utf8").slice(-2000);
