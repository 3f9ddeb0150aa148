import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Sandbox, SandboxProcess } from "../../../specs/contracts/sandbox.js";
import { type AttackPrograms, limits, printed, runAndPrint } from "./attack-programs.js";

/** One thing that a sandbox must do; it throws where it does not. Free of any test framework: some run in processes of other users. */
export type Case = (sandbox: Sandbox, attacks: AttackPrograms) => Promise<void>;

const MEBIBYTE = 1 << 20;

async function untilBusy(running: SandboxProcess, seconds: number): Promise<void> {
  for (let tries = 0; tries < 1000 && running.cpuSeconds() < seconds; tries++) await sleep(10);
  assert.ok(running.cpuSeconds() >= seconds, `${running.cpuSeconds()} s of CPU time used, ${seconds} s awaited`);
}

const shell = (script: string) => ({ profile: "build" as const, command: ["/bin/sh", "-c", script], mounts: [], limits });

/** What the port promises of every implementation, also of one that confines nothing. */
export const conformanceCases: Record<string, Case> = {
  "exit codes are the program's": async (sandbox, attacks) => {
    for (const code of [0, 1, 7, 125]) {
      const { end, truncated } = await sandbox.run(attacks.command("behaviour", ["exit", String(code)]));
      assert.deepEqual([end, truncated], [{ kind: "exited", code }, false]);
    }
  },
  "signals have their names": async (sandbox, attacks) => {
    assert.deepEqual((await sandbox.run(attacks.command("behaviour", ["crash"]))).end, { kind: "signalled", signal: "SIGSEGV" });
    assert.deepEqual((await sandbox.run(attacks.command("behaviour", ["abort"]))).end, { kind: "signalled", signal: "SIGABRT" });
  },
  "row 11, row 44: who claims success on every descriptor and crashes has crashed": async (sandbox, attacks) => {
    const running = sandbox.start(attacks.command("behaviour", ["claim-and-crash"], { channel: true }));
    const output = await running.done;
    assert.deepEqual(output.end, { kind: "signalled", signal: "SIGABRT" });
    // What a harness would see that believes what is printed.
    assert.match(output.stdout.toString(), /"exit-code": 0[\s\S]*OK: all tests passed/);
  },
  "kill() ends it, whenever it is called": async (sandbox, attacks) => {
    const early = sandbox.start(attacks.command("behaviour", ["sleep"]));
    early.kill();
    assert.deepEqual((await early.done).end, { kind: "killed" });
    const late = sandbox.start(attacks.command("behaviour", ["sleep"]));
    await sleep(100);
    late.kill();
    assert.deepEqual((await late.done).end, { kind: "killed" });
  },
  "the wall limit ends whoever sleeps, stops itself or floods": async (sandbox, attacks) => {
    for (const name of ["sleep", "stop-itself", "flood"]) {
      const { end } = await sandbox.run(attacks.command("behaviour", [name], { limits: { ...limits, wallMs: 400 } }));
      assert.equal(end.kind, "timeout", name);
      // A timer may come a moment early, by another clock.
      assert.ok(end.kind === "timeout" && end.afterMs >= 390 && end.afterMs < 2400, JSON.stringify(end));
    }
  },
  "the CPU limit reads as a timeout": async (sandbox, attacks) => {
    const { end } = await sandbox.run(attacks.command("behaviour", ["spin"], { limits: { ...limits, cpuSeconds: 1 } }));
    assert.equal(end.kind, "timeout");
  },
  "output is cut at its limit and flagged, and the writer never blocks": async (sandbox, attacks) => {
    const output = await sandbox.run(attacks.command("behaviour", ["flood"], { limits: { ...limits, outputBytes: 1000, wallMs: 400 } }));
    assert.deepEqual([output.truncated, output.stdout.toString(), output.end.kind], [true, "x".repeat(1000), "timeout"]);
  },
  "memory of one process ends at its limit, and below it there is some": async (sandbox, attacks) => {
    const [amount, why] = (await runAndPrint(sandbox, attacks.command("resources", ["memory", "700"]))).split(" ");
    assert.equal(why, "ENOMEM");
    assert.ok(Number(amount) > 400 && Number(amount) < 512, amount);
    assert.equal(await runAndPrint(sandbox, attacks.command("resources", ["memory", "300"])), "300 unlimited");
  },
  "memory of all processes together ends at its limit": async (sandbox, attacks) => {
    const together = { profile: "build" as const, limits: { ...limits, memoryBytes: 256 * MEBIBYTE } };
    const { end } = await sandbox.run(attacks.command("resources", ["memory-of-many", "8", "64"], together));
    assert.ok(end.kind === "out-of-memory" && end.usedBytes > 256 * MEBIBYTE, JSON.stringify(end));
    // Pages that children share with their parent count once.
    assert.equal(await runAndPrint(sandbox, attacks.command("resources", ["shared-memory-of-many", "8", "64"], together)), "8 unlimited");
  },
  "files end at their limit": async (sandbox, attacks) => {
    const host = attacks.scratch();
    const small = { ...limits, fileBytes: 4 * MEBIBYTE };
    const mounts = [{ host, inside: "/out", writable: true }];
    assert.equal(
      await runAndPrint(sandbox, attacks.command("resources", ["one-file", "20", "/out"], { mounts, limits: small })),
      "4 EFBIG",
    );
    assert.equal(statSync(join(host, "file-0")).size, 4 * MEBIBYTE);
    rmSync(host, { recursive: true });
  },
  "mounts are found where they were asked for": async (sandbox, attacks) => {
    const [input, output] = [attacks.scratch(), attacks.scratch()];
    writeFileSync(join(input, "input"), "42");
    const mounts = [
      { host: input, inside: "/in", writable: false },
      { host: output, inside: "/out", writable: true },
    ];
    const copied = await sandbox.run({ profile: "build", command: ["/bin/cp", "/in/input", "/out/output"], mounts, limits });
    assert.equal(copied.stderr.toString(), "");
    assert.equal(readFileSync(join(output, "output"), "utf8"), "42");
    for (const folder of [input, output]) rmSync(folder, { recursive: true });
  },
  "the environment holds what was given, and nothing else": async (sandbox, attacks) => {
    process.env.FORGE_TEST_SECRET ??= "sk-secret";
    // What a shell on the way makes up.
    const given = async (environment?: Record<string, string>): Promise<string[]> => {
      const command = attacks.command("behaviour", ["environment"], environment === undefined ? {} : { environment });
      const variables = (await runAndPrint(sandbox, command)).split("\n");
      return variables.filter((variable) => !/^(|PWD=.*|OLDPWD|SHLVL=\d|_=.*)$/.test(variable));
    };
    assert.deepEqual(await given(), []);
    assert.deepEqual(await given({ OMP_NUM_THREADS: "2" }), ["OMP_NUM_THREADS=2"]);
  },
  "there are no descriptors but the standard ones, and 3 where there is a channel": async (sandbox, attacks) => {
    assert.equal(await runAndPrint(sandbox, attacks.command("behaviour", ["descriptors"])), "0\n1\n2");
    const withChannel = sandbox.start(attacks.command("behaviour", ["descriptors"], { channel: true }));
    assert.equal(printed(await withChannel.done), "0\n1\n2\n3");
  },
  "stdin is what was given, and empty otherwise": async (sandbox) => {
    const command = { profile: "run" as const, command: ["/bin/cat"], mounts: [], limits };
    assert.equal(await runAndPrint(sandbox, { ...command, stdin: Buffer.from("input") }), "input");
    assert.equal(await runAndPrint(sandbox, command), "");
  },
  "the channel carries bytes both ways, more than any buffer holds": async (sandbox, attacks) => {
    const running = sandbox.start(attacks.command("behaviour", ["echo"], { channel: true }));
    assert.ok(running.channel);
    const sent = Buffer.alloc(4 << 20, 7);
    for (let index = 0; index < sent.length; index += 997) sent[index] = index % 251;
    const hash = createHash("sha256");
    running.channel.on("data", (chunk: Buffer) => hash.update(chunk));
    running.channel.end(sent);
    assert.deepEqual((await running.done).end, { kind: "exited", code: 0 });
    assert.equal(hash.digest("hex"), createHash("sha256").update(sent).digest("hex"));
    const without = sandbox.start(attacks.command("behaviour", ["exit", "0"]));
    assert.equal(without.channel, null);
    await without.done;
  },
  "the end is reported promptly though a daemon holds the output": async (sandbox, attacks) => {
    const startedAt = performance.now();
    assert.equal(await runAndPrint(sandbox, attacks.command("behaviour", ["daemon"], { profile: "build" })), "left");
    assert.ok(performance.now() - startedAt < 2000);
  },
  "only as many CPUs are used as were given": async (sandbox) => {
    const command = { profile: "run" as const, command: ["/usr/bin/nproc"], mounts: [], limits };
    assert.equal(await runAndPrint(sandbox, { ...command, cpus: [0] }), "1");
    const all = await runAndPrint(sandbox, command);
    // More than there are is all of them.
    assert.equal(await runAndPrint(sandbox, { ...command, cpus: Array.from({ length: 4096 }, (_, index) => index) }), all);
  },
  "freezing stops every thread, thawing continues, and what was used stays known": async (sandbox, attacks) => {
    const running = sandbox.start(attacks.command("behaviour", ["spin"]));
    await untilBusy(running, 0.2);
    await running.freeze();
    const frozen = running.cpuSeconds();
    await sleep(300);
    assert.equal(running.cpuSeconds(), frozen);
    await running.thaw();
    await untilBusy(running, frozen + 0.1);
    running.kill();
    assert.deepEqual((await running.done).end, { kind: "killed" });
    assert.ok(running.cpuSeconds() > frozen);
  },
  "freezing reaches processes that left their parents, and a frozen one can be killed": async (sandbox) => {
    const running = sandbox.start(shell("(setsid sh -c 'while :; do :; done' &) ; while :; do :; done"));
    await untilBusy(running, 0.2);
    await running.freeze();
    const frozen = running.cpuSeconds();
    await sleep(200);
    assert.equal(running.cpuSeconds(), frozen);
    running.kill();
    await running.done;
  },
  "CPU time of children that have ended counts": async (sandbox) => {
    const running = sandbox.start(shell("sh -c 'i=0; while [ $i -lt 300000 ]; do i=$((i+1)); done'; echo over; sleep 20"));
    await new Promise((resolve) => running.stdout.once("data", resolve));
    assert.ok(running.cpuSeconds() > 0.05);
    running.kill();
    await running.done;
  },
  "freezing is harmless before the program lives and after it ended": async (sandbox, attacks) => {
    const running = sandbox.start(attacks.command("behaviour", ["exit", "0"]));
    await running.freeze();
    await running.thaw();
    await running.done;
    await running.freeze();
    await running.thaw();
    running.kill();
  },
  "many run at once, each with an end of its own": async (sandbox, attacks) => {
    const codes = Array.from({ length: 12 }, (_, index) => index);
    const ends = await Promise.all(
      codes.map(async (code) => (await sandbox.run(attacks.command("behaviour", ["exit", String(code)]))).end),
    );
    assert.deepEqual(
      ends,
      codes.map((code) => ({ kind: "exited", code })),
    );
  },
};
