import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createBubblewrapSandbox } from "../../../harness/sandbox/bubblewrap.js";
import { createUnprotectedSandbox } from "../../../harness/sandbox/unprotected.js";
import type { Sandbox, SandboxCommand } from "../../../specs/contracts/sandbox.js";
import { type AttackPrograms, compileAttackPrograms, runAndPrint } from "./attack-programs.js";

const isRoot = process.getuid?.() === 0;
let attacks: AttackPrograms;
let sandbox: Sandbox;
const unprotected = createUnprotectedSandbox();

beforeAll(() => {
  attacks = compileAttackPrograms();
  sandbox = createBubblewrapSandbox();
});
afterAll(() => attacks.remove());

const attempt = (where: Sandbox, name: string, more?: Partial<SandboxCommand>): Promise<string> =>
  runAndPrint(where, attacks.command("system-call", [name], more));

/** Attacks that work for anybody, for root, and those that this machine may refuse by itself. */
const worksForAnybody = [
  ...["socket-inet", "socket-unix", "socket-netlink", "urgent-data", "ptrace", "process-vm-read", "process-vm-write"],
  ...["keyctl", "add-key", "memfd", "shared-memory", "setuid", "personality", "unshare-user", "clone-user"],
  ...["set-id-chmod", "set-id-fchmod", "set-id-open"],
];
const worksForRoot = ["unshare-mount", "setns", "mount", "chroot", "fsopen", "setgroups", "perf"];
const refusedAnyway = ["io-uring", "bpf", "userfaultfd", "execveat", "type-into-terminal"];

describe.each(["run", "build"] as const)("the filter of profile %s", (profile) => {
  it.each([...worksForAnybody, ...worksForRoot, ...refusedAnyway])("refuses %s", async (name) => {
    expect(await attempt(sandbox, name, { profile })).toBe("EPERM");
  });

  it("has clone3 and whatever is newer than the filter look like an older kernel", async () => {
    expect(await attempt(sandbox, "clone3", { profile })).toBe("ENOSYS");
    expect(await attempt(sandbox, "new-call", { profile })).toBe("ENOSYS");
    expect(await attempt(sandbox, "unknown-call", { profile })).toBe("ENOSYS");
  });

  it("lets harmless calls through", async () => {
    expect(await attempt(sandbox, "socketpair", { profile })).toBe(profile === "run" ? "done" : "EPERM");
    expect(await attempt(sandbox, "personality-query", { profile })).not.toBe("EPERM");
    expect(await attempt(sandbox, "no-new-privileges", { profile })).toBe("done");
  });

  it.runIf(process.arch === "x64").each(["x32", "i386"])("kills a program that uses the other system call table: %s", async (name) => {
    const { end } = await sandbox.run(attacks.command("system-call", [name], { profile }));
    expect(end).toEqual({ kind: "signalled", signal: "SIGSYS" });
  });
});

describe("process creation", () => {
  it.each(["fork", "vfork"])("%s is refused at run time and allowed to builds", async (name) => {
    expect(await attempt(sandbox, name, { profile: "run" })).toBe("EPERM");
    expect(await attempt(sandbox, name, { profile: "build" })).toBe("done");
  });
});

describe("affinity", () => {
  it("cannot be changed where CPUs were given, and can be otherwise", async () => {
    expect(await attempt(sandbox, "affinity", { cpus: [0] })).toBe("EPERM");
    expect(await attempt(sandbox, "affinity")).toBe("done");
  });
});

describe("without the sandbox the same attacks work", () => {
  it.each([...worksForAnybody, "fork", "vfork"])("%s", async (name) => {
    expect(await attempt(unprotected, name)).toBe("done");
  });
  it.runIf(isRoot).each(worksForRoot)("%s, as root", async (name) => {
    expect(await attempt(unprotected, name)).toBe("done");
  });
  it.each(["clone3", "new-call", ...refusedAnyway])("%s fails of something else, or not at all", async (name) => {
    expect(["EPERM", "ENOSYS"]).not.toContain(await attempt(unprotected, name));
  });
});
