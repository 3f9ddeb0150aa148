import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { homedir, tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createBubblewrapSandbox } from "../../../harness/sandbox/bubblewrap.js";
import { createUnprotectedSandbox } from "../../../harness/sandbox/unprotected.js";
import { type Sandbox, SandboxUnavailable } from "../../../specs/contracts/sandbox.js";
import { type AttackPrograms, compileAttackPrograms, limits, printed, runAndPrint } from "./attack-programs.js";

let attacks: AttackPrograms;
let sandbox: Sandbox;
const unprotected = createUnprotectedSandbox();
const project = resolve(import.meta.dirname, "../../..");

beforeAll(() => {
  attacks = compileAttackPrograms();
  sandbox = createBubblewrapSandbox();
});
afterAll(() => attacks.remove());

/** Variables other than those that a shell on the way makes up. */
const foreign = (variables: string[]): string[] => variables.filter((variable) => !/^(|PWD=.*|OLDPWD|SHLVL=\d|_=.*)$/.test(variable));

/** Host processes whose command line holds `text`. */
function processesNaming(text: string): string[] {
  return readdirSync("/proc").filter((pid) => {
    try {
      return /^\d+$/.test(pid) && Number(pid) !== process.pid && readFileSync(`/proc/${pid}/cmdline`, "utf8").includes(text);
    } catch {
      return false;
    }
  });
}

describe("how a program ends", () => {
  it.each([0, 1, 7, 125])("exit code %i", async (code) => {
    expect((await sandbox.run(attacks.command("behaviour", ["exit", String(code)]))).end).toEqual({ kind: "exited", code });
  });

  it.each([
    ["crash", "SIGSEGV"],
    ["abort", "SIGABRT"],
  ])("%s reads as %s", async (name, signal) => {
    expect((await sandbox.run(attacks.command("behaviour", [name]))).end).toEqual({ kind: "signalled", signal });
    expect((await unprotected.run(attacks.command("behaviour", [name]))).end).toEqual({ kind: "signalled", signal });
  });

  it("kill() ends it, whenever it is called", async () => {
    const early = sandbox.start(attacks.command("behaviour", ["sleep"]));
    early.kill();
    expect((await early.done).end).toEqual({ kind: "killed" });
    const late = sandbox.start(attacks.command("behaviour", ["sleep"]));
    await sleep(100);
    late.kill();
    expect((await late.done).end).toEqual({ kind: "killed" });
  });

  it("a program that does not exist is the program's failure", async () => {
    const output = await sandbox.run({ profile: "run", command: ["/nowhere/program"], mounts: [], limits });
    expect(output.end).toEqual({ kind: "exited", code: 127 });
  });

  it("the sandbox's own failure is not", async () => {
    const inside = { profile: "run" as const, command: ["/usr/bin/true"], limits };
    const impossible = { ...inside, mounts: [{ host: attacks.folder, inside: "/proc/nowhere/x", writable: false }] };
    await expect(sandbox.run(impossible)).rejects.toThrow(SandboxUnavailable);
    const missing = { ...inside, mounts: [{ host: "/nowhere", inside: "/x", writable: false }] };
    await expect(sandbox.run(missing)).rejects.toThrow(/Cannot mount \/nowhere at \/x/);
  });
});

describe("what a program sees", () => {
  it("an environment with nothing but what it was given", async () => {
    process.env.FORGE_TEST_SECRET = "sk-secret";
    const plain = await runAndPrint(sandbox, attacks.command("behaviour", ["environment"]));
    expect(plain).toBe("PWD=/tmp");
    const given = await runAndPrint(sandbox, attacks.command("behaviour", ["environment"], { environment: { OMP_NUM_THREADS: "2" } }));
    expect(given.split("\n").sort()).toEqual(["OMP_NUM_THREADS=2", "PWD=/tmp"]);
    expect(foreign((await runAndPrint(unprotected, attacks.command("behaviour", ["environment"]))).split("\n"))).toEqual([]);
  });

  it("no process but its own, and nothing of bubblewrap's", async () => {
    const script = "for entry in /proc/[0-9]*; do echo $entry $(tr '\\0' ' ' < $entry/cmdline) $(cat $entry/environ); done 2>/dev/null";
    const seen = await runAndPrint(sandbox, { profile: "build", command: ["/bin/sh", "-c", script], mounts: [], limits });
    expect(seen).toMatch(/^\/proc\/1\n/);
    expect(seen).not.toContain("sk-secret");
    for (const file of ["environ", "mem", "cmdline", "root", "fd"]) {
      expect(await runAndPrint(sandbox, attacks.command("behaviour", ["read-write", `/proc/1/${file}`]))).toBe("ENOENT");
    }
  });

  it("PID 1 itself was started with an empty environment", async () => {
    const running = sandbox.start(attacks.command("behaviour", ["sleep"], { channel: true }));
    await sleep(200);
    // Read from the host: bubblewrap outside, its first process inside, and the program.
    const environments = processesNaming("/attack/behaviour\0sleep").map((pid) => readFileSync(`/proc/${pid}/environ`, "utf8"));
    running.kill();
    await running.done;
    expect(environments.length).toBe(3);
    for (const environment of environments) expect(foreign(environment.split("\0"))).toEqual([]);
  });

  it("no descriptors but the standard ones, and 3 where there is a channel", async () => {
    expect(await runAndPrint(sandbox, attacks.command("behaviour", ["descriptors"]))).toBe("0\n1\n2");
    const mounts = [{ host: attacks.scratch(), inside: "/out", writable: true }];
    const many = sandbox.start(attacks.command("behaviour", ["descriptors"], { channel: true, mounts }));
    expect(printed(await many.done)).toBe("0\n1\n2\n3");
  });

  it.each(["/root", "/home", project, homedir(), "/etc/passwd", "/etc/shadow", "/var", "/sys", "/run", "/mnt"])("no %s", async (path) => {
    expect(await runAndPrint(sandbox, attacks.command("behaviour", ["read", path]))).toBe("ENOENT");
  });

  it("but without the sandbox it sees them", async () => {
    for (const path of [project, homedir(), "/etc/passwd"]) {
      expect(await runAndPrint(unprotected, attacks.command("behaviour", ["read", path])), path).toBe("done");
    }
  });

  it.each(["#include", ".incbin"])("no host file through %s in a build", async (how) => {
    const folder = mkdtempSync(join(tmpdir(), "forge-secret-"));
    writeFileSync(join(folder, "secret"), "int secret;");
    const source = how === "#include" ? `#include "${folder}/secret"\n` : `__asm__(".incbin \\"${folder}/secret\\"");\n`;
    const build = { profile: "build" as const, command: ["/usr/bin/gcc", "-x", "c", "-c", "-", "-o", "x.o"], mounts: [], limits };
    const stdin = Buffer.from(source);
    const output = await sandbox.run({ ...build, stdin });
    expect(output.end).toEqual({ kind: "exited", code: 1 });
    expect(output.stderr.toString()).toContain(`${folder}/secret`);
    expect((await unprotected.run({ ...build, stdin, environment: { PATH: "/usr/bin:/bin" } })).end).toEqual({ kind: "exited", code: 0 });
    rmSync(folder, { recursive: true });
  });

  it("no network: only a loopback that is down, and no way to a socket", async () => {
    const command = { profile: "run" as const, command: ["/bin/cat", "/proc/net/dev"], mounts: [], limits };
    const devices = (await runAndPrint(sandbox, command)).split("\n").slice(2);
    expect(devices.map((line) => line.trim().split(":")[0])).toEqual(["lo"]);
    expect(await runAndPrint(sandbox, attacks.command("system-call", ["socket-inet"]))).toBe("EPERM");
  });
});

describe("mounts", () => {
  it("a private folder of ours can be read and a private one can be written", async () => {
    const readable = mkdtempSync(join(tmpdir(), "forge-private-"));
    const writable = mkdtempSync(join(tmpdir(), "forge-private-"));
    writeFileSync(join(readable, "input"), "42");
    const output = await sandbox.run({
      profile: "build",
      command: ["/bin/cp", "/in/input", "/out/output"],
      mounts: [
        { host: readable, inside: "/in", writable: false },
        { host: writable, inside: "/out", writable: true },
      ],
      limits,
    });
    expect(output.stderr.toString()).toBe("");
    expect(readFileSync(join(writable, "output"), "utf8")).toBe("42");
    rmSync(readable, { recursive: true });
    rmSync(writable, { recursive: true });
  });

  it("what lies below a private folder can be mounted without opening that folder", async () => {
    const home = mkdtempSync(join(tmpdir(), "forge-home-"));
    for (const name of ["in", "out"]) mkdirSync(join(home, name));
    writeFileSync(join(home, "in", "input"), "42");
    const command = {
      profile: "build" as const,
      command: ["/bin/sh", "-c", `cp /in/input /out/output && cp /file /out/file && ls ${home}`],
      mounts: [
        { host: join(home, "in"), inside: "/in", writable: false },
        { host: join(home, "in", "input"), inside: "/file", writable: false },
        { host: join(home, "out"), inside: "/out", writable: true },
      ],
      limits,
    };
    const output = await sandbox.run(command);
    expect(output.stderr.toString()).toMatch(/^ls: cannot access .*: No such file or directory\n$/);
    expect(readFileSync(join(home, "out", "output"), "utf8") + readFileSync(join(home, "out", "file"), "utf8")).toBe("4242");
    expect(statSync(home).mode & 0o777).toBe(0o700);
    rmSync(home, { recursive: true });
  });

  it("a single file can be mounted", async () => {
    const mounts = [{ host: join(attacks.folder, "behaviour"), inside: "/program", writable: false }];
    expect((await sandbox.run({ profile: "run", command: ["/program", "exit", "3"], mounts, limits })).end).toEqual({
      kind: "exited",
      code: 3,
    });
  });
});

describe("processes left behind", () => {
  it("a daemon is gone when the program's end is reported, and does not delay it", async () => {
    const marker = `forge-daemon-${process.pid}`;
    const command = attacks.command("behaviour", ["daemon", marker], { profile: "build" });
    const startedAt = performance.now();
    const output = await sandbox.run(command);
    expect(performance.now() - startedAt).toBeLessThan(2000);
    expect(printed(output)).toBe("left");
    expect(processesNaming(marker)).toEqual([]);
  });

  it("who kills all it can reach kills nobody outside", async () => {
    const neighbour = sandbox.start(attacks.command("behaviour", ["echo"], { channel: true }));
    await sandbox.run(attacks.command("behaviour", ["kill-everybody"], { profile: "build" }));
    neighbour.channel?.end();
    expect((await neighbour.done).end).toEqual({ kind: "exited", code: 0 });
  });
});

describe("the channel", () => {
  it("carries bytes both ways, more than any buffer holds", async () => {
    const running = sandbox.start(attacks.command("behaviour", ["echo"], { channel: true }));
    const channel = running.channel;
    if (channel === null) throw new Error("no channel");
    const sent = Buffer.alloc(4 << 20, 7);
    for (let index = 0; index < sent.length; index += 997) sent[index] = index % 251;
    const hash = createHash("sha256");
    channel.on("data", (chunk: Buffer) => hash.update(chunk));
    channel.end(sent);
    expect((await running.done).end).toEqual({ kind: "exited", code: 0 });
    expect(hash.digest("hex")).toBe(createHash("sha256").update(sent).digest("hex"));
  });

  it("is absent where it was not asked for", async () => {
    const running = sandbox.start(attacks.command("behaviour", ["exit", "0"]));
    expect(running.channel).toBeNull();
    await running.done;
  });
});

describe("stdin", () => {
  it("is what was given, and empty otherwise", async () => {
    const command = { profile: "run" as const, command: ["/bin/cat"], mounts: [], limits };
    expect(await runAndPrint(sandbox, { ...command, stdin: Buffer.from("input") })).toBe("input");
    expect(await runAndPrint(sandbox, command)).toBe("");
  });
});

it("says what is in force", () => {
  expect(sandbox.protection()).toMatchObject({ kind: "bubblewrap", version: expect.stringMatching(/^\d+\.\d+/) });
  expect(sandbox.protection().protections).toEqual(expect.arrayContaining(["network", "pid-namespace", "seccomp", "rlimits"]));
  expect(unprotected.protection().kind).toBe("none");
});
