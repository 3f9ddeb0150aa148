import { execFileSync, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { findBubblewrap } from "../../../harness/sandbox/bubblewrap-installation.js";
import { createSandbox } from "../../../harness/sandbox/create-sandbox.js";
import { type SandboxCommand, SandboxUnavailable } from "../../../specs/contracts/sandbox.js";
import { type AttackPrograms, compileAttackPrograms, limits } from "./attack-programs.js";
import { writeStandaloneSandbox } from "./standalone.js";

let attacks: AttackPrograms;
let folder: string;
let standalone: ReturnType<typeof writeStandaloneSandbox>;

beforeAll(() => {
  attacks = compileAttackPrograms();
  folder = mkdtempSync(join(tmpdir(), "forge-standalone-"));
  standalone = writeStandaloneSandbox(folder);
});
afterAll(() => {
  attacks.remove();
  rmSync(folder, { recursive: true });
});

it("the sandbox dies with a harness that is killed", async () => {
  const marker = `forge-orphan-${process.pid}`;
  const command = attacks.command("behaviour", ["sleep", marker], { profile: "build" });
  const script = `
    import { createSandbox } from ${JSON.stringify(standalone.create)};
    createSandbox({ unsafe: false }).start(${JSON.stringify(command)});
    setTimeout(() => console.log("started"), 300);`;
  const harness = spawn(standalone.node, ["--input-type=module", "-e", script], { stdio: ["ignore", "pipe", "inherit"] });
  const sleepers = (): string[] =>
    readdirSync("/proc").filter((pid) => {
      try {
        const line = readFileSync(`/proc/${pid}/cmdline`, "utf8");
        return /^\d+$/.test(pid) && line.includes(marker) && !line.startsWith(standalone.node);
      } catch {
        return false;
      }
    });
  await once(harness.stdout, "data");
  expect(sleepers().length).toBeGreaterThan(0);
  harness.kill("SIGKILL");
  await once(harness, "exit");
  for (let tries = 0; tries < 100 && sleepers().length > 0; tries++) await sleep(20);
  expect(sleepers()).toEqual([]);
});

describe("row 30: descriptors inherited from whoever started the harness", () => {
  /** What a program sees where the harness itself was started with descriptor 240. */
  const seenBy = (create: string): string => {
    const script = `
      import { createSandbox } from ${JSON.stringify(standalone.create)};
      import { createWeakenedSandbox } from ${JSON.stringify(standalone.weakened)};
      const output = await ${create}.run(${JSON.stringify(attacks.command("behaviour", ["descriptors"]))});
      process.stdout.write(output.stdout);`;
    const inheriting = ["-c", 'exec 240</etc/passwd; exec "$0" "$@"', standalone.node, "--input-type=module", "-e", script];
    return execFileSync("/bin/bash", inheriting, { encoding: "utf8" });
  };

  it("reach it unless they are closed", () => {
    expect(seenBy('createWeakenedSandbox(["closed-descriptors"])').split("\n")).toContain("240");
  });

  it("are closed before it, with and without a sandbox", () => {
    expect(seenBy("createSandbox({ unsafe: false })")).toBe("0\n1\n2\n");
    expect(seenBy("createSandbox({ unsafe: true })")).toBe("0\n1\n2\n");
  });
});

describe("row 33: the terminal of whoever started the harness", () => {
  /** Runs a program that types into the terminal, under a harness that has one. */
  const typing = (create: string): string => {
    const command = attacks.command("system-call", ["type-into-terminal", "/dev/tty"]);
    const script = `
      import { createSandbox } from ${JSON.stringify(standalone.create)};
      import { createWeakenedSandbox } from ${JSON.stringify(standalone.weakened)};
      const output = await ${create}.run(${JSON.stringify(command)});
      console.log("answer: " + output.stdout + output.stderr);`;
    const path = join(folder, "typing.mjs");
    writeFileSync(path, script);
    const shown = spawnSync("/usr/bin/script", ["--quiet", "--return", "--command", `${standalone.node} ${path}`, "/dev/null"], {
      encoding: "utf8",
    });
    return /answer: (\S*)/.exec(shown.stdout)?.[1] ?? shown.stdout + shown.stderr;
  };

  it("can be typed into without new-session and system-call-filter", () => {
    expect(typing('createWeakenedSandbox(["new-session", "system-call-filter"])')).toBe("done");
  });

  it("cannot be otherwise, and each of the two suffices", () => {
    expect(typing("createSandbox({ unsafe: false })")).toBe("EPERM");
    expect(typing('createWeakenedSandbox(["new-session"])')).toBe("EPERM");
    expect(typing('createWeakenedSandbox(["system-call-filter"])')).not.toBe("done");
  });
});

it("a harness that may not use CPU 0 pins programs to CPUs that it may use", () => {
  const allowed = (status: string): string => /^Cpus_allowed_list:\s*(\S+)/m.exec(status)?.[1] ?? "";
  const last = allowed(readFileSync("/proc/self/status", "utf8")).split(/[-,]/).at(-1)!;
  const command: SandboxCommand = { profile: "run", command: ["/bin/cat", "/proc/self/status"], mounts: [], limits, cpus: [0] };
  const script = `
    import { createSandbox } from ${JSON.stringify(standalone.create)};
    for (const unsafe of [false, true]) process.stdout.write((await createSandbox({ unsafe }).run(${JSON.stringify(command)})).stdout);`;
  const restricted = ["--cpu-list", last, standalone.node, "--input-type=module", "-e", script];
  const statuses = execFileSync("/usr/bin/taskset", restricted, { encoding: "utf8" }).split(/^(?=Name:)/m);
  expect(statuses.map(allowed)).toEqual([last, last]);
});

describe("a machine without a working sandbox", () => {
  const thrownBy = (action: () => unknown): Error => {
    try {
      action();
    } catch (error) {
      return error as Error;
    }
    throw new Error("nothing was thrown");
  };

  it("names the command that installs bubblewrap", () => {
    const error = thrownBy(() => findBubblewrap([folder]));
    expect(error).toBeInstanceOf(SandboxUnavailable);
    expect(error.message).toBe("bubblewrap (bwrap) is not installed. Install it with: sudo apt-get install bubblewrap");
  });

  it.each([
    [
      "refuses user namespaces",
      'case $1 in --version) echo bubblewrap 0.9.0;; --help) echo --size;; *) echo "bwrap: No permissions" >&2; exit 1;; esac',
      /No permissions.*apparmor_restrict/,
    ],
    ["has a bubblewrap that is too old", "echo bubblewrap 0.6.1", /0\.6\.1 is too old/],
  ])("%s", (_, script, message) => {
    const bin = mkdtempSync(join(tmpdir(), "forge-bwrap-"));
    writeFileSync(join(bin, "bwrap"), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
    chmodSync(bin, 0o755);
    const error = thrownBy(() => findBubblewrap([bin]));
    rmSync(bin, { recursive: true });
    expect(error).toBeInstanceOf(SandboxUnavailable);
    expect(error.message).toMatch(message);
  });
});

describe("createSandbox", () => {
  it("confines unless told not to", () => {
    expect(createSandbox({ unsafe: false }).protection().kind).toBe("bubblewrap");
    expect(createSandbox({ unsafe: true }).protection().kind).toBe("none");
  });
});
