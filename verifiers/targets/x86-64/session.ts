import { chmodSync, closeSync, ftruncateSync, openSync, readSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { Sandbox, SandboxLimits, SandboxProcess } from "../../../specs/contracts/sandbox.js";
import type { CallReport, CallRequest, EntrySignature, InputChange, Session, SessionRequest } from "../../../specs/contracts/target.js";
import { ChannelClosed, FrameChannel } from "../frame-channel.js";
import { sandboxEndText } from "../sandbox-end.js";
import { makeScratchFolder, sharedMemory } from "../scratch-folder.js";

const OP_BIND = 1;
const OP_CALL = 2;
const OP_CLOSE = 3;
const OP_PREPARE = 4;
const STATUS_OK = 0;
const STATUS_CRASHED = 2;
const hugePage = 2 << 20;
const defaultCallTimeoutMs = 120_000;

const align = (value: number, to: number): number => Math.ceil(value / to) * to;
/** Large buffers start on a huge page, small ones on a page; so do arenas, of which every page is filled with zeros when they are laid out. */
const alignmentOf = (bytes: number): number => (bytes >= hugePage ? hugePage : 4096);

interface Layout {
  entry: EntrySignature;
  offsets: number[][];
  lengths: number[];
}

/** Opens a runner in the sandbox with the libraries loaded. */
export async function openSession(sandbox: Sandbox, runner: string, request: SessionRequest): Promise<Session> {
  const directory = makeScratchFolder("arena", existsWritable(sharedMemory) ? sharedMemory : tmpdir());
  chmodSync(directory, 0o711);
  const inputs = openArena(join(directory, "inputs"), 0o644);
  const outputs = openArena(join(directory, "outputs"), 0o666);
  const limits: SandboxLimits = {
    wallMs: request.wallMs,
    cpuSeconds: Math.ceil((request.wallMs / 1000) * Math.max(1, request.threads)),
    // AddressSanitizer reserves its shadow at once; what it really uses is limited by its own option below.
    addressSpaceBytes: request.memory === "sanitized" ? 32 * 2 ** 40 : (request.addressSpaceBytes ?? 16 * 2 ** 30),
    fileBytes: 8 * 2 ** 30,
    processes: request.threads + 64,
    scratchBytes: 16 << 20,
    outputBytes: 1 << 20,
  };
  const process = sandbox.start({
    profile: "run",
    command: [
      ...["/forge/runner", request.memory, "/arena/inputs", "/arena/outputs"],
      ...request.libraries.map((_, index) => `/forge/library-${index}.so`),
    ],
    mounts: [
      { host: runner, inside: "/forge/runner", writable: false },
      ...request.libraries.map((library, index) => ({ host: library.path, inside: `/forge/library-${index}.so`, writable: false })),
      { host: inputs.path, inside: "/arena/inputs", writable: false },
      { host: outputs.path, inside: "/arena/outputs", writable: true },
    ],
    limits,
    environment: {
      OMP_NUM_THREADS: String(request.threads),
      OMP_DYNAMIC: "false",
      // libomp would set affinities, which the sandbox refuses; the CPUs are given anyway.
      KMP_AFFINITY: "disabled",
      ASAN_OPTIONS: "detect_leaks=0:abort_on_error=0:hard_rss_limit_mb=8192",
      UBSAN_OPTIONS: "print_stacktrace=0:halt_on_error=1",
    },
    cpus: Array.from({ length: request.threads }, (_, index) => index),
    channel: true,
  });
  const arenas = { inputs: inputs.fd, outputs: outputs.fd, directory };
  const session = new X86Session(process, new FrameChannel(process.channel!, 4096), arenas, request);
  await session.greet();
  // The sandbox has them mounted, and nothing is left of them however this process ends.
  if (sandbox.protection().kind === "bubblewrap") rmSync(directory, { recursive: true });
  return session;
}

function openArena(path: string, mode: number): { path: string; fd: number } {
  const fd = openSync(path, "w+", mode);
  chmodSync(path, mode);
  return { path, fd };
}

function existsWritable(path: string): boolean {
  try {
    rmSync(makeScratchFolder("probe", path), { recursive: true });
    return dirname(path) === "/dev";
  } catch {
    return false;
  }
}

interface Arenas {
  /** File descriptors. */
  inputs: number;
  outputs: number;
  directory: string;
}

class X86Session implements Session {
  private layout: Layout | null = null;
  private closed = false;

  constructor(
    private readonly process: SandboxProcess,
    private readonly channel: FrameChannel,
    private readonly arenas: Arenas,
    private readonly request: SessionRequest,
  ) {
    // An ended sandbox is reported by the call that meets it; without this its rejection would be unhandled.
    process.done.catch(() => {});
  }

  async greet(): Promise<void> {
    const greeting = await this.channel.greeting().catch(async (error: unknown) => {
      const end = await this.describeEnd();
      await this.close();
      throw new RunnerFailure(`the runner did not start: ${end}`, { cause: error });
    });
    if (greeting.code === STATUS_OK) return;
    await this.close();
    throw new RunnerFailure(greeting.payload.toString("utf8"));
  }

  async bind(entryName: string, byteLengths: number[], sets: number): Promise<void> {
    const entryIndex = this.request.entries.findIndex((entry) => entry.name === entryName);
    const entry = this.request.entries[entryIndex]!;
    const cursor = { input: 0, output: 0 };
    const offsets = Array.from({ length: sets }, () =>
      entry.buffers.map((buffer, index) => {
        const bytes = byteLengths[index]!;
        const offset = align(cursor[buffer.role], alignmentOf(bytes));
        cursor[buffer.role] = offset + bytes;
        return offset;
      }),
    );
    const inputBytes = align(Math.max(cursor.input, 1), alignmentOf(cursor.input));
    const outputBytes = align(Math.max(cursor.output, 1), alignmentOf(cursor.output));
    // Fresh pages: nothing of an earlier binding can be found in them.
    for (const [fd, bytes] of [
      [this.arenas.inputs, inputBytes],
      [this.arenas.outputs, outputBytes],
    ] as const) {
      ftruncateSync(fd, 0);
      ftruncateSync(fd, bytes);
    }
    const payload = Buffer.alloc(24 + 8 * entry.buffers.length * (1 + sets));
    payload.writeUInt32LE(entryIndex, 0);
    payload.writeUInt32LE(sets, 4);
    payload.writeBigUInt64LE(BigInt(inputBytes), 8);
    payload.writeBigUInt64LE(BigInt(outputBytes), 16);
    [...byteLengths, ...offsets.flat()].forEach((value, index) => {
      payload.writeBigUInt64LE(BigInt(value), 24 + 8 * index);
    });
    this.layout = { entry, offsets, lengths: byteLengths };
    const reply = await this.channel.request(OP_BIND, payload).catch(async (error: unknown) => {
      throw new RunnerFailure(`the runner ended while buffers were laid out: ${await this.describeEnd()}`, { cause: error });
    });
    if (reply.code !== STATUS_OK) throw new RunnerFailure(reply.payload.toString("utf8"));
  }

  async writeInput(set: number, buffer: string, byteOffset: number, bytes: Uint8Array): Promise<void> {
    let written = 0;
    const at = this.locate(set, "input", buffer, byteOffset, bytes.byteLength);
    while (written < bytes.byteLength) written += writeSync(this.arenas.inputs, bytes, written, bytes.byteLength - written, at + written);
  }

  async changeInputs(changes: InputChange[]): Promise<void> {
    for (const { set, buffer, byteOffset, bytes } of changes) await this.writeInput(set, buffer, byteOffset, bytes);
  }

  async readOutput(set: number, buffer: string, byteOffset: number, byteLength: number): Promise<Uint8Array> {
    const bytes = new Uint8Array(byteLength);
    const at = this.locate(set, "output", buffer, byteOffset, byteLength);
    let read = 0;
    while (read < byteLength) {
      const count = readSync(this.arenas.outputs, bytes, read, byteLength - read, at + read);
      if (count === 0) throw new RunnerFailure(`the output ${buffer} was cut short by the candidate`);
      read += count;
    }
    return bytes;
  }

  async call(request: CallRequest): Promise<CallReport> {
    const entry = this.layout!.entry;
    const preparation = Buffer.alloc(12);
    preparation.writeUInt32LE(request.set, 0);
    preparation.writeUInt32LE(request.poison >>> 0, 4);
    preparation.writeUInt32LE(request.lateWrites ? 0 : 1, 8);
    const payload = Buffer.alloc(12 + 8 * (entry.sizes.length + entry.scalars.length));
    payload.writeUInt32LE(request.library, 0);
    payload.writeUInt32LE(this.request.entries.indexOf(entry), 4);
    payload.writeUInt32LE(request.set, 8);
    entry.sizes.forEach((name, index) => {
      payload.writeBigInt64LE(BigInt(request.sizes[name]!), 12 + 8 * index);
    });
    entry.scalars.forEach((scalar, index) => {
      payload.writeDoubleLE(request.scalars[scalar.name]!, 12 + 8 * (entry.sizes.length + index));
    });
    const timer = { expired: false };
    const timeout = setTimeout(() => {
      timer.expired = true;
      this.process.kill();
    }, this.request.callTimeoutMs ?? defaultCallTimeoutMs);
    try {
      const prepared = await this.channel.request(OP_PREPARE, preparation);
      if (prepared.code !== STATUS_OK) throw new RunnerFailure(prepared.payload.toString("utf8"));
      const sentAt = process.hrtime.bigint();
      const reply = await this.channel.request(OP_CALL, payload);
      const outsideNs = Number(process.hrtime.bigint() - sentAt);
      if (reply.code === STATUS_CRASHED) return { status: "crashed", detail: `${reply.payload.toString("utf8")}${await this.lastWords()}` };
      if (reply.code !== STATUS_OK) throw new RunnerFailure(reply.payload.toString("utf8"));
      return {
        status: "returned",
        code: reply.payload.readInt32LE(0),
        threads: reply.payload.readUInt32LE(4),
        controlWordChanged: reply.payload.readUInt32LE(8) !== 0,
        inputsChanged: reply.payload.readUInt32LE(12) !== 0,
        durationNs: Number(reply.payload.readBigInt64LE(16)),
        insideNs: Number(reply.payload.readBigInt64LE(24)),
        outsideNs,
      };
    } catch (error) {
      if (!(error instanceof ChannelClosed)) throw error;
      const { end } = await this.process.done;
      if (timer.expired || end.kind === "timeout") return { status: "timeout" };
      return { status: "crashed", detail: await this.describeEnd() };
    } finally {
      clearTimeout(timeout);
    }
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
    if (this.closed) return;
    this.closed = true;
    void this.channel.request(OP_CLOSE, new Uint8Array()).catch(() => {});
    this.process.kill();
    await this.process.done.catch(() => {});
    closeSync(this.arenas.inputs);
    closeSync(this.arenas.outputs);
    rmSync(this.arenas.directory, { recursive: true, force: true });
  }

  private locate(set: number, role: "input" | "output", buffer: string, byteOffset: number, byteLength: number): number {
    const { entry, offsets, lengths } = this.layout!;
    const index = entry.buffers.findIndex((candidate) => candidate.name === buffer && candidate.role === role);
    if (index < 0) throw new RangeError(`${buffer}: ${entry.name} has no such ${role}`);
    if (byteOffset < 0 || byteOffset + byteLength > lengths[index]!)
      throw new RangeError(`${buffer}: ${byteLength} bytes at ${byteOffset} lie outside the buffer`);
    return offsets[set]![index]! + byteOffset;
  }

  /** What the process wrote to stderr before a crash, in short; sanitizers and runtimes say there why they gave up. */
  private async lastWords(): Promise<string> {
    this.process.kill();
    const { stderr } = await this.process.done;
    const log = stderr.toString("utf8").trim().split("\n").slice(0, 4).join(" ");
    return log === "" ? "" : `: ${log}`;
  }

  private async describeEnd(): Promise<string> {
    const output = await this.process.done;
    const log = output.stderr.toString("utf8").trim().split("\n").slice(0, 12).join("\n");
    const how = sandboxEndText(output.end);
    return log ? `${how}: ${log}` : how;
  }
}

/** The runner itself failed, or a library could not be loaded. */
export class RunnerFailure extends Error {
  override name = "RunnerFailure";
}
