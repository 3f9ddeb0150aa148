import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { createSandbox } from "../../../harness/sandbox/create-sandbox.js";
import type {
  Artifact,
  CallReport,
  EntrySignature,
  Session,
  SessionRequest,
  Target,
  TargetContext,
} from "../../../specs/contracts/target.js";
import { checkFlags } from "../../../verifiers/build-flags.js";
import { describeBuilds } from "./conformance-builds.js";
import { candidateOf, type KernelName, requestFor, signature } from "./conformance-kernels.js";

const poison = 0x7fa5a5a5;
const floats = (bytes: Uint8Array) => new Float32Array(bytes.slice().buffer);
const bytesOf = (values: ArrayBufferView) => new Uint8Array(values.buffer, values.byteOffset, values.byteLength);

/** What every target must do, whatever chip it stands for: real builds and real runs in the real sandbox. */
export function describeTarget(name: string, createTarget: (context: TargetContext) => Target): void {
  describe(`target ${name}`, () => {
    const cacheDirectory = mkdtempSync(join(tmpdir(), "forge-target-"));
    const sessions: Session[] = [];
    let target: Target;

    beforeAll(async () => {
      target = createTarget({ sandbox: createSandbox({ unsafe: false }), cacheDirectory });
      const probe = await target.probe();
      if (probe.status === "unavailable") throw new Error(`${probe.reason}; ${probe.install}`);
    });
    afterEach(async () => {
      await Promise.all(sessions.splice(0).map((session) => session.close()));
    });
    afterAll(() => rmSync(cacheDirectory, { recursive: true, force: true }));

    async function built(kernel: KernelName, mode: "plain" | "sanitized" = "plain", entry = signature(kernel)): Promise<Artifact> {
      const result = await target.build(requestFor(target, kernel, { mode, entries: [entry] }));
      if (result.status === "failed") throw new Error(result.log);
      return result.artifact;
    }

    async function opened(libraries: Artifact[], entry: EntrySignature, changes: Partial<SessionRequest> = {}): Promise<Session> {
      const session = await target.open({ libraries, entries: [entry], threads: 1, memory: "plain", wallMs: 60_000, ...changes });
      sessions.push(session);
      return session;
    }

    const callOf = (entry: string, n: number, changes: object = {}) => ({
      library: 0,
      entry,
      set: 0,
      sizes: { n },
      scalars: { s: 2 },
      poison,
      ...changes,
    });

    function returned(report: CallReport): Extract<CallReport, { status: "returned" }> {
      if (report.status !== "returned") throw new Error(JSON.stringify(report));
      return report;
    }

    /** Builds, binds one set of n floats (0, 1, 2 ...), calls once. */
    async function ran(kernel: KernelName, n: number, changes: Partial<SessionRequest> = {}) {
      const session = await opened([await built(kernel, changes.memory === "sanitized" ? "sanitized" : "plain")], signature(kernel), {
        compiler: candidateOf(target, kernel).manifest.compiler,
        ...changes,
      });
      await session.bind(kernel, [4 * n, 4 * n], 1);
      await session.writeInput(0, "x", 0, bytesOf(Float32Array.from({ length: n }, (_, index) => index)));
      return { session, report: await session.call(callOf(kernel, n)) };
    }

    it("names its machine and compilers, and asks for no flag that candidates may not use", async () => {
      const probe = await target.probe();
      if (probe.status === "unavailable") throw new Error(probe.reason);
      expect(probe.machine.target).toBe(target.name);
      const space = target.tuningSpace({ store: "f32", accumulate: "f32" });
      expect(probe.toolchains.map((toolchain) => toolchain.name)).toEqual(expect.arrayContaining(space.compilers));
      const flags = [space.optimisation, space.machine, ...space.mathematics, ...space.vectors, ...space.unrolling].flat();
      const openmp = space.openmp ? [...space.openmp.compile, ...space.openmp.link] : [];
      expect(checkFlags([...flags, ...openmp, ...target.baselineFlags(space.compilers[0]!)])).toEqual([]);
    });

    it("runs a kernel and gives its result, status and times", async () => {
      const { session, report } = await ran("scale", 1000);
      const { code, durationNs, insideNs, outsideNs, inputsChanged, controlWordChanged, threads } = returned(report);
      expect({ code, inputsChanged, controlWordChanged, threads }).toEqual({
        code: 0,
        inputsChanged: false,
        controlWordChanged: false,
        threads: 1,
      });
      expect(durationNs).toBeGreaterThan(0);
      expect(insideNs).toBeGreaterThanOrEqual(durationNs);
      expect(outsideNs).toBeGreaterThanOrEqual(insideNs);
      expect(floats(await session.readOutput(0, "y", 0, 4000))).toEqual(Float32Array.from({ length: 1000 }, (_, index) => 2 * index + 1));
      expect(floats(await session.readOutput(0, "y", 40, 8))).toEqual(Float32Array.of(21, 23));
    });

    it("links the mathematical functions", async () => {
      const { session, report } = await ran("exponential", 3);
      expect(returned(report).code).toBe(0);
      expect(floats(await session.readOutput(0, "y", 0, 12))[2]).toBeCloseTo(Math.exp(2), 5);
    });

    it("poisons outputs before every call and hands on the status", async () => {
      const { session, report } = await ran("half", 8);
      expect(returned(report).code).toBe(7);
      const words = new Uint32Array((await session.readOutput(0, "y", 0, 32)).slice().buffer);
      expect([...words.subarray(4)]).toEqual([poison, poison, poison, poison]);
    });

    it("poisons 16-bit outputs of odd length to the last byte", async () => {
      const entry = signature("copy16", "bf16");
      const session = await opened([await built("copy16", "plain", entry)], entry);
      await session.bind("copy16", [10, 10], 1);
      await session.writeInput(0, "x", 0, bytesOf(Uint16Array.of(1, 2, 3, 4, 5)));
      returned(await session.call(callOf("copy16", 5)));
      const words = new Uint16Array((await session.readOutput(0, "y", 0, 10)).slice().buffer);
      expect([...words]).toEqual([1, 2, 3, 4, poison & 0xffff]);
    });

    it("notices changed inputs: by comparing them, or by a fault where they cannot be written", async () => {
      for (const memory of ["plain", "guarded-end"] as const) {
        const { report } = await ran("spoil", 100, { memory });
        if (report.status === "returned") expect(report.inputsChanged).toBe(true);
        else expect(report).toMatchObject({ status: "crashed", detail: expect.stringContaining("input x") });
      }
    });

    it("keeps buffer sets and libraries apart, takes inputs in parts, binds anew", async () => {
      const entry = signature("scale");
      const library = await built("scale");
      const session = await opened([library, library], entry);
      await session.bind("scale", [16, 16], 3);
      await session.writeInput(2, "x", 0, bytesOf(Float32Array.of(1, 2)));
      await session.writeInput(2, "x", 8, bytesOf(Float32Array.of(3, 4)));
      await session.writeInput(0, "x", 0, bytesOf(Float32Array.of(9, 9, 9, 9)));
      returned(await session.call(callOf("scale", 4, { set: 0 })));
      returned(await session.call(callOf("scale", 4, { set: 2, library: 1 })));
      expect(floats(await session.readOutput(2, "y", 0, 16))).toEqual(Float32Array.of(3, 5, 7, 9));
      expect(floats(await session.readOutput(0, "y", 0, 16))).toEqual(Float32Array.of(19, 19, 19, 19));
      await session.bind("scale", [4 * 100_000, 4 * 100_000], 2);
      await session.writeInput(1, "x", 0, bytesOf(new Float32Array(100_000).fill(5)));
      returned(await session.call(callOf("scale", 100_000, { set: 1 })));
      expect(floats(await session.readOutput(1, "y", 399_996, 4))).toEqual(Float32Array.of(11));
    });

    it("changes many inputs at once, the last change of a place last, and refuses what is outside", async () => {
      const n = 2000;
      const session = await opened([await built("scale")], signature("scale"));
      await session.bind("scale", [4 * n, 4 * n], 2);
      for (const set of [0, 1]) await session.writeInput(set, "x", 0, bytesOf(new Float32Array(n).fill(1)));
      const change = (set: number, index: number, value: number) => ({
        set,
        buffer: "x",
        byteOffset: 4 * index,
        bytes: bytesOf(Float32Array.of(value)),
      });
      const everyOther = Array.from({ length: n / 2 }, (_, index) => change(1, 2 * index, index));
      await session.changeInputs([change(1, 4, -7), ...everyOther, change(1, 0, 9)]);
      for (const set of [0, 1]) returned(await session.call(callOf("scale", n, { set })));
      expect(floats(await session.readOutput(0, "y", 0, 4 * n))).toEqual(new Float32Array(n).fill(3));
      const expected = Float32Array.from({ length: n }, (_, index) => (index % 2 === 1 ? 3 : 2 * (index / 2) + 1));
      expected[0] = 19;
      expect(floats(await session.readOutput(1, "y", 0, 4 * n))).toEqual(expected);
      await expect(session.changeInputs([change(1, n, 1)])).rejects.toThrow(/x/);
      await expect(session.changeInputs([{ ...change(1, 0, 1), buffer: "y" }])).rejects.toThrow(/y/);
    });

    it.each(["guarded-end", "guarded-start"] as const)("leaves an honest kernel alone with memory %s", async (memory) => {
      const { session, report } = await ran("scale", 37, { memory });
      expect(returned(report)).toMatchObject({ code: 0, inputsChanged: false });
      expect(floats(await session.readOutput(0, "y", 144, 4))).toEqual(Float32Array.of(73));
    });

    it.each([
      ["past_end", "guarded-end"],
      ["before_start", "guarded-start"],
      ["reads_past_end", "guarded-end"],
    ] as const)("catches %s with memory %s", async (kernel, memory) => {
      expect((await ran(kernel, 37, { memory })).report).toMatchObject({ status: "crashed" });
    });

    it("finds undefined behaviour where it has sanitizers", async () => {
      if (!target.sanitizers()) return;
      expect((await ran("scale", 37, { memory: "sanitized" })).report).toMatchObject({ status: "returned", code: 0 });
      const { report } = await ran("overflowing", 37, { memory: "sanitized" });
      expect(report).toMatchObject({ status: "crashed", detail: expect.stringContaining("kernel.c") });
    });

    it("reports a crash, and nothing runs on what is left", async () => {
      const { session, report } = await ran("trap", 4);
      expect(report).toMatchObject({ status: "crashed" });
      const later = await session.call(callOf("trap", 4)).catch(() => ({ status: "refused" }));
      expect(later.status).not.toBe("returned");
    });

    it("ends an endless loop by the session's wall limit", async () => {
      const started = performance.now();
      const { report } = await ran("endless", 4, { wallMs: 2500 });
      expect(report).toEqual({ status: "timeout" });
      expect(performance.now() - started).toBeLessThan(30_000);
    });

    it("ends an endless loop by the call's own limit", async () => {
      const started = performance.now();
      const { session, report } = await ran("endless", 4, { callTimeoutMs: 1000 });
      expect(report).toEqual({ status: "timeout" });
      expect(performance.now() - started).toBeLessThan(30_000);
      const later = await session.call(callOf("endless", 4)).catch(() => ({ status: "refused" }));
      expect(later.status).not.toBe("returned");
    });

    it("passes 64-bit sizes whole", async () => {
      const session = await opened([await built("sizes")], signature("sizes"));
      await session.bind("sizes", [16, 16], 1);
      returned(await session.call(callOf("sizes", 3 * 2 ** 32 + 17)));
      expect(floats(await session.readOutput(0, "y", 0, 8))).toEqual(Float32Array.of(3, 17));
    });

    it("moves big buffers", async () => {
      const n = 24_000_000;
      const session = await opened([await built("scale")], signature("scale"));
      await session.bind("scale", [4 * n, 4 * n], 1);
      const input = new Float32Array(n).fill(1.5);
      input[n - 1] = 7;
      const started = performance.now();
      await session.writeInput(0, "x", 0, bytesOf(input));
      const written = performance.now();
      returned(await session.call(callOf("scale", n)));
      const called = performance.now();
      const output = floats(await session.readOutput(0, "y", 0, 4 * n));
      const seconds = (written - started + performance.now() - called) / 1000;
      expect([output[0], output[n - 1]]).toEqual([4, 15]);
      // Far below what it reaches alone: other tests may run beside this one.
      expect((8 * n) / seconds).toBeGreaterThan(25e6);
    });

    it("stands still while frozen and goes on afterwards", async () => {
      const { session } = await ran("busy", 1);
      const calling = session.call(callOf("busy", 1_000_000_000, { scalars: { s: 0 } }));
      await new Promise((resolve) => setTimeout(resolve, 150));
      await session.freeze();
      const before = session.cpuSeconds();
      await new Promise((resolve) => setTimeout(resolve, 500));
      expect(session.cpuSeconds() - before).toBeLessThan(0.1);
      await session.thaw();
      expect(returned(await calling).code).toBe(0);
      expect(session.cpuSeconds()).toBeGreaterThan(before);
    });

    it("builds and runs without a sandbox too, where a user insists", async () => {
      const unprotected = createTarget({ sandbox: createSandbox({ unsafe: true }), cacheDirectory: join(cacheDirectory, "unprotected") });
      const result = await unprotected.build(requestFor(unprotected, "scale"));
      if (result.status === "failed") throw new Error(result.log);
      const session = await unprotected.open({
        libraries: [result.artifact],
        entries: [signature("scale")],
        threads: 1,
        memory: "plain",
        wallMs: 60_000,
      });
      sessions.push(session);
      for (const n of [4, 9]) {
        await session.bind("scale", [4 * n, 4 * n], 1);
        await session.writeInput(0, "x", 0, bytesOf(new Float32Array(n).fill(5)));
        returned(await session.call(callOf("scale", n)));
        expect(floats(await session.readOutput(0, "y", 0, 4))).toEqual(Float32Array.of(11));
      }
    });

    describeBuilds(
      () => target,
      (kernel) => built(kernel),
    );
  });
}
