import { dirname } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createBubblewrapSandbox } from "../../../harness/sandbox/bubblewrap.js";
import { createUnprotectedSandbox } from "../../../harness/sandbox/unprotected.js";
import type { Sandbox, SandboxProcess } from "../../../specs/contracts/sandbox.js";
import { type AttackPrograms, compileAttackPrograms, limits } from "./attack-programs.js";

let attacks: AttackPrograms;
beforeAll(() => {
  attacks = compileAttackPrograms();
});
afterAll(() => attacks.remove());

async function untilBusy(running: SandboxProcess, seconds: number): Promise<void> {
  for (let tries = 0; tries < 500 && running.cpuSeconds() < seconds; tries++) await sleep(10);
  expect(running.cpuSeconds()).toBeGreaterThanOrEqual(seconds);
}

describe.each<[string, () => Sandbox]>([
  ["bubblewrap", createBubblewrapSandbox],
  ["no sandbox", createUnprotectedSandbox],
])("freezing under %s", (_, create) => {
  it("stops a program with two spinning threads, and thawing continues it", async () => {
    const running = create().start(attacks.command("behaviour", ["spin"]));
    await untilBusy(running, 0.2);
    await running.freeze();
    const frozen = running.cpuSeconds();
    await sleep(300);
    expect(running.cpuSeconds()).toBe(frozen);
    await running.thaw();
    await untilBusy(running, frozen + 0.1);
    running.kill();
    expect((await running.done).end).toEqual({ kind: "killed" });
    // What was used stays known after the end.
    expect(running.cpuSeconds()).toBeGreaterThan(frozen);
  });

  it("reaches processes that left their parents, and a frozen one can be killed", async () => {
    const script = "(setsid sh -c 'while :; do :; done' &) ; while :; do :; done";
    const running = create().start({ profile: "build", command: ["/bin/sh", "-c", script], mounts: [], limits });
    await untilBusy(running, 0.2);
    await running.freeze();
    const frozen = running.cpuSeconds();
    await sleep(200);
    expect(running.cpuSeconds()).toBe(frozen);
    running.kill();
    await running.done;
  });

  it("CPU time of children that have ended counts", async () => {
    const script = "sh -c 'i=0; while [ $i -lt 300000 ]; do i=$((i+1)); done'; echo over; sleep 20";
    const running = create().start({ profile: "build", command: ["/bin/sh", "-c", script], mounts: [], limits });
    await new Promise((resolve) => running.stdout.once("data", resolve));
    expect(running.cpuSeconds()).toBeGreaterThan(0.05);
    running.kill();
    await running.done;
  });

  it("is harmless before the program lives and after it ended", async () => {
    const running = create().start(attacks.command("behaviour", ["exit", "0"]));
    await running.freeze();
    await running.thaw();
    await running.done;
    await running.freeze();
    await running.thaw();
    running.kill();
  });
});

describe("what must run under the run profile", () => {
  const node = (script: string) => ({
    profile: "run" as const,
    command: ["/node/node", "--no-liftoff", "-e", script],
    mounts: [{ host: dirname(process.execPath), inside: "/node", writable: false }],
    limits: { ...limits, addressSpaceBytes: null, processes: 64 },
    channel: true,
  });

  it("Node with its threads, WebAssembly and the channel", async () => {
    const script = `
      const { Worker } = require("node:worker_threads");
      const memory = new WebAssembly.Memory({ initial: 100, maximum: 1000, shared: true });
      new Worker("require('node:worker_threads').parentPort.postMessage(1 + 1)", { eval: true }).once("message", (sum) => {
        const channel = new (require("node:net").Socket)({ fd: 3 });
        channel.once("data", (bytes) => channel.end(sum + " " + bytes + " " + memory.buffer.byteLength));
      });`;
    const running = createBubblewrapSandbox().start(node(script));
    let answer = "";
    running.channel?.on("data", (bytes: Buffer) => {
      answer += bytes;
    });
    running.channel?.write("ping");
    const output = await running.done;
    expect(output.stderr.toString()).toBe("");
    expect(answer).toBe(`2 ping ${100 * 65_536}`);
    expect(output.end).toEqual({ kind: "exited", code: 0 });
  });

  it("Node cannot start a process or open a socket there", async () => {
    const script = `
      const answer = require("node:child_process").spawnSync("/bin/true");
      console.log(answer.error.code);
      require("node:net").connect(80, "127.0.0.1").once("error", (error) => console.log(error.code));`;
    const output = await createBubblewrapSandbox().run({ ...node(script), channel: false });
    expect(output.stdout.toString()).toBe("EPERM\nEPERM\n");
  });
});

it("a sandbox starts and ends within 50 ms", async () => {
  const sandbox = createBubblewrapSandbox();
  let fastest = Number.POSITIVE_INFINITY;
  // The fastest of several: other programs on the machine must not fail this.
  for (let run = 0; run < 10; run++) {
    const startedAt = performance.now();
    await sandbox.run(attacks.command("behaviour", ["exit", "0"]));
    fastest = Math.min(fastest, performance.now() - startedAt);
  }
  expect(fastest).toBeLessThan(50);
});
