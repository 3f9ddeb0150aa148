import { readdirSync, statSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createBubblewrapSandbox } from "../../../harness/sandbox/bubblewrap.js";
import { createUnprotectedSandbox } from "../../../harness/sandbox/unprotected.js";
import type { Sandbox } from "../../../specs/contracts/sandbox.js";
import { type AttackPrograms, compileAttackPrograms, limits, printed, runAndPrint } from "./attack-programs.js";

const MEBIBYTE = 1 << 20;
let attacks: AttackPrograms;
let sandbox: Sandbox;
const unprotected = createUnprotectedSandbox();

beforeAll(() => {
  attacks = compileAttackPrograms();
  sandbox = createBubblewrapSandbox();
});
afterAll(() => attacks.remove());

describe("processes and threads", () => {
  it("a fork bomb is refused at run time", async () => {
    expect(await runAndPrint(sandbox, attacks.command("resources", ["processes", "200"]))).toBe("0 EPERM");
  });

  it("a fork bomb in a build stops at the limit, which counts this sandbox only", async () => {
    const bomb = attacks.command("resources", ["processes", "200"], { profile: "build" });
    // The program itself is one of them.
    const expected = `${limits.processes - 1} EAGAIN`;
    expect(await Promise.all([runAndPrint(sandbox, bomb), runAndPrint(sandbox, bomb)])).toEqual([expected, expected]);
  });

  it("threads stop at the limit", async () => {
    const output = await sandbox.run(attacks.command("resources", ["threads", "200"]));
    expect(printed(output)).toBe(`${limits.processes - 1} EAGAIN`);
  });

  it("without the sandbox all of them start", async () => {
    expect(await runAndPrint(unprotected, attacks.command("resources", ["processes", "60"]))).toBe("60 unlimited");
    const roomy = { ...limits, addressSpaceBytes: null };
    expect(await runAndPrint(unprotected, attacks.command("resources", ["threads", "60"], { limits: roomy }))).toBe("60 unlimited");
  });
});

describe("memory", () => {
  it("address space ends at its limit", async () => {
    const [amount, why] = (await runAndPrint(sandbox, attacks.command("resources", ["memory", "700"]))).split(" ");
    expect(why).toBe("ENOMEM");
    expect(Number(amount)).toBeGreaterThan(400);
    expect(Number(amount)).toBeLessThan(512);
  });

  it("within the limit it is given", async () => {
    expect(await runAndPrint(sandbox, attacks.command("resources", ["memory", "300"]))).toBe("300 unlimited");
  });

  it("the sandbox is the first that the kernel ends when memory runs out", async () => {
    const read = { profile: "run" as const, command: ["/bin/cat", "/proc/self/oom_score_adj"], mounts: [], limits };
    expect(await runAndPrint(sandbox, read)).toBe("1000");
  });
});

describe("disk", () => {
  it.each(["/tmp", "/dev/shm"])("%s is full at its size", async (folder) => {
    const [amount, why] = (await runAndPrint(sandbox, attacks.command("resources", ["files", "50", folder]))).split(" ");
    expect(why).toBe("ENOSPC");
    expect(Number(amount)).toBeLessThanOrEqual(limits.scratchBytes / MEBIBYTE);
  });

  it("one file ends at the file limit, on a mount of the host too", async () => {
    const host = attacks.scratch();
    const small = { ...limits, fileBytes: 4 * MEBIBYTE };
    const mounts = [{ host, inside: "/out", writable: true }];
    expect(await runAndPrint(sandbox, attacks.command("resources", ["one-file", "20", "/out"], { mounts, limits: small }))).toBe("4 EFBIG");
    expect(statSync(`${host}/file-0`).size).toBe(4 * MEBIBYTE);
  });

  it("a sparse file of a terabyte is refused", async () => {
    expect(await runAndPrint(sandbox, attacks.command("resources", ["sparse", "1", "/tmp"]))).toBe("EFBIG");
  });

  it("nothing but scratch and writable mounts takes a file", async () => {
    const host = attacks.scratch();
    for (const path of ["/x", "/usr/x", "/etc/x", "/dev/x", "/proc/x", "/attack/x", "/bin/x", "/lib/x", "/proc/1/x", "/in/x"]) {
      const mounts = [{ host, inside: "/in", writable: false }];
      const answer = await runAndPrint(sandbox, attacks.command("behaviour", ["write", path], { mounts }));
      expect(["EROFS", "EACCES", "ENOENT", "EPERM"], path).toContain(answer);
    }
    expect(readdirSync(host)).toEqual([]);
    expect(await runAndPrint(sandbox, attacks.command("behaviour", ["write", "/tmp/x"]))).toBe("done");
  });
});

describe("time", () => {
  it("the CPU limit reads as a timeout", async () => {
    const { end } = await sandbox.run(attacks.command("behaviour", ["spin"], { limits: { ...limits, cpuSeconds: 1 } }));
    expect(end.kind).toBe("timeout");
  });

  it.each(["sleep", "stop-itself", "flood"])("the wall limit ends a program that does %s", async (name) => {
    const output = await sandbox.run(attacks.command("behaviour", [name], { limits: { ...limits, wallMs: 400 } }));
    expect(output.end.kind).toBe("timeout");
    expect(output.end).toHaveProperty("afterMs", expect.closeTo(400, -3));
  });

  it("only the given CPUs are used", async () => {
    const command = { profile: "run" as const, command: ["/usr/bin/nproc"], mounts: [], limits, cpus: [0] };
    expect(await runAndPrint(sandbox, command)).toBe("1");
  });
});

describe("output", () => {
  it("is cut at its limit and flagged, and the writer never blocks", async () => {
    const small = { ...limits, outputBytes: 1000, wallMs: 400 };
    const output = await sandbox.run(attacks.command("behaviour", ["flood"], { limits: small }));
    expect(output.truncated).toBe(true);
    expect(output.stdout.toString()).toBe("x".repeat(1000));
    expect(output.end.kind).toBe("timeout");
  });

  it("that fits is whole and not flagged", async () => {
    const output = await sandbox.run(attacks.command("behaviour", ["exit", "0"]));
    expect(output.truncated).toBe(false);
  });
});
