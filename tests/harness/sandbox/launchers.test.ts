import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { findBubblewrap } from "../../../harness/sandbox/bubblewrap-installation.js";
import { createSandbox } from "../../../harness/sandbox/create-sandbox.js";
import { SandboxUnavailable } from "../../../specs/contracts/sandbox.js";
import { type AttackPrograms, compileAttackPrograms, limits } from "./attack-programs.js";
import { writeStandaloneSandbox } from "./standalone.js";

const isRoot = process.getuid?.() === 0;
const ORDINARY_UID = 61_000;
let attacks: AttackPrograms;
let folder: string;
let standalone: { node: string; module: string };

beforeAll(() => {
  attacks = compileAttackPrograms();
  folder = mkdtempSync(join(tmpdir(), "forge-standalone-"));
  standalone = writeStandaloneSandbox(folder);
  // The compiled programs lie in a private folder; the ordinary user must reach them.
  chmodSync(join(attacks.folder, ".."), 0o755);
});
afterAll(() => {
  attacks.remove();
  rmSync(folder, { recursive: true });
});

describe.runIf(isRoot)("started by an ordinary user", () => {
  const asUser = (program: string, argv: string[], profile: "run" | "build"): { stdout: string; protections: string[] } => {
    const command = attacks.command(program as "resources", argv, { profile });
    const script = `
      import { createSandbox } from ${JSON.stringify(standalone.module)};
      const sandbox = createSandbox({ unsafe: false });
      const output = await sandbox.run(${JSON.stringify(command)});
      console.log(JSON.stringify({ stdout: String(output.stdout) + output.stderr, protections: sandbox.protection().protections }));`;
    const options = { uid: ORDINARY_UID, gid: ORDINARY_UID, cwd: "/", env: { SECRET: "sk-secret" }, encoding: "utf8" as const };
    return JSON.parse(execFileSync(standalone.node, ["--input-type=module", "-e", script], options));
  };

  it("the process limit counts the sandbox alone", () => {
    expect(asUser("resources", ["processes", "200"], "build").stdout).toBe(`${limits.processes - 1} EAGAIN\n`);
    expect(asUser("resources", ["threads", "200"], "run").stdout).toBe(`${limits.processes - 1} EAGAIN\n`);
  });

  it("the filter, the environment and the files are the same", () => {
    expect(asUser("system-call", ["fork"], "run").stdout).toBe("EPERM\n");
    expect(asUser("system-call", ["unshare-user"], "build").stdout).toBe("EPERM\n");
    expect(asUser("behaviour", ["environment"], "run").stdout).toBe("PWD=/tmp\n");
    expect(asUser("behaviour", ["read", "/etc/passwd"], "run").stdout).toBe("ENOENT\n");
  });

  it("it does not claim a user of its own", () => {
    expect(asUser("behaviour", ["exit", "0"], "run").protections).not.toContain("own-uid");
  });
});

it("the sandbox dies with a harness that is killed", async () => {
  const marker = `forge-orphan-${process.pid}`;
  const command = attacks.command("behaviour", ["sleep", marker], { profile: "build" });
  const script = `
    import { createSandbox } from ${JSON.stringify(standalone.module)};
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

describe("descriptors inherited from whoever started the harness", () => {
  it("do not reach the program", () => {
    const command = attacks.command("behaviour", ["descriptors"]);
    const script = `
      import { createSandbox } from ${JSON.stringify(standalone.module)};
      const output = await createSandbox({ unsafe: process.argv[1] === "unsafe" }).run(${JSON.stringify(command)});
      process.stdout.write(output.stdout);`;
    const inherit = (how: string): string[] => [
      "-c",
      'exec 240</etc/passwd; exec "$0" "$@"',
      standalone.node,
      "--input-type=module",
      "-e",
      script,
      how,
    ];
    expect(execFileSync("/bin/bash", inherit("safe"), { encoding: "utf8" })).toBe("0\n1\n2\n");
    expect(execFileSync("/bin/bash", inherit("unsafe"), { encoding: "utf8" })).toBe("0\n1\n2\n");
    // Node itself would hand it on.
    const plain = "console.log(require('child_process').execFileSync('/bin/ls', ['/proc/self/fd'], {encoding: 'utf8'}))";
    const seen = execFileSync("/bin/bash", ["-c", 'exec 240</etc/passwd; exec "$0" "$@"', standalone.node, "-e", plain], {
      encoding: "utf8",
    });
    expect(seen.split("\n")).toContain("240");
  });
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
