import { spawnSync } from "node:child_process";
import { lstatSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createBubblewrapSandbox } from "../../../harness/sandbox/bubblewrap.js";
import type { Target } from "../../../specs/contracts/target.js";
import { createX86Target } from "../../../verifiers/targets/x86-64/target.js";
import { candidateOf, requestFor, signature } from "../../verifiers/targets/conformance-kernels.js";
import { type AttackPrograms, compileAttackPrograms, limits, printed, runAndPrint } from "./attack-programs.js";

const SECRET = "a secret of the host";
let programs: AttackPrograms;
let cacheDirectory: string;
let target: Target;
beforeAll(() => {
  programs = compileAttackPrograms();
  cacheDirectory = mkdtempSync(join(tmpdir(), "forge-outputs-"));
  target = createX86Target({ sandbox: createBubblewrapSandbox(), cacheDirectory });
});
afterAll(() => {
  programs.remove();
  rmSync(cacheDirectory, { recursive: true });
});

/** A harness that lets a program write into a folder and afterwards takes its result by name: what it finds there. */
async function takenByName(argv: string[]): Promise<{ said: string; path: string }> {
  const folder = programs.scratch();
  writeFileSync(join(folder, "secret"), SECRET);
  const mounts = [{ host: folder, inside: "/out", writable: true }];
  const said = await runAndPrint(createBubblewrapSandbox(), programs.command("files", argv, { mounts, limits }));
  return { said, path: join(folder, "result") };
}

/** A kernel of Forge that does `attack` where its output lies, and then tells the error; what the harness then reads. */
async function takenByForge(attack: string): Promise<{ error: number; second: number }> {
  const request = requestFor(target, "scale");
  request.candidate = candidateOf(target, "scale");
  request.candidate.files["kernel.c"] = `#define _GNU_SOURCE
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>
int scale(const float *x, float *y, int64_t n, float s) {
  (void)n; (void)s;
  errno = 0;
  ${attack};
  y[0] = (float)errno;
  y[1] = x[1];
  return 0;
}
`;
  const built = await target.build(request);
  if (built.status === "failed") throw new Error(built.log);
  const session = await target.open({
    libraries: [built.artifact],
    entries: [signature("scale")],
    threads: 1,
    memory: "plain",
    wallMs: 20_000,
  });
  try {
    await session.bind("scale", [16, 16], 1);
    await session.writeInput(0, "x", 0, new Uint8Array(Float32Array.of(1, 2, 3, 4).buffer));
    const report = await session.call({ library: 0, entry: "scale", set: 0, sizes: { n: 4 }, scalars: { s: 1 }, poison: 1 });
    expect(report.status).toBe("returned");
    const [error = 0, second = 0] = new Float32Array((await session.readOutput(0, "y", 0, 16)).slice().buffer);
    return { error, second };
  } finally {
    await session.close();
  }
}

const EBUSY = 16;
const EEXIST = 17;
const EXDEV = 18;
const EROFS = 30;

describe("row 22: a symbolic link as output", () => {
  it("is followed by who takes it by name", async () => {
    const { said, path } = await takenByName(["replace", "/out/result", "secret"]);
    expect(said).toBe("done");
    expect(readFileSync(path, "utf8")).toBe(SECRET);
  });

  it("cannot be put there: the output is one file, mounted, and held open since before the program began", async () => {
    const unlinking = await takenByForge('unlink("/arena/outputs")');
    expect([EBUSY, EROFS]).toContain(unlinking.error);
    expect(unlinking.second).toBe(2);
    const linking = await takenByForge('symlink("/etc/passwd", "/tmp/link"); rename("/tmp/link", "/arena/outputs")');
    expect([EBUSY, EROFS, EXDEV]).toContain(linking.error);
    expect(linking.second).toBe(2);
  });
});

describe("row 24: a FIFO as output", () => {
  it("holds up who takes it by name", async () => {
    const { said, path } = await takenByName(["fifo", "/out/result"]);
    expect([said, lstatSync(path).isFIFO()]).toEqual(["done", true]);
    expect(spawnSync("/bin/cat", [path], { timeout: 300 }).signal).toBe("SIGTERM");
  });

  it("cannot be put there", async () => {
    const { error, second } = await takenByForge('mkfifo("/arena/outputs", 0666)');
    expect([EEXIST, EROFS]).toContain(error);
    expect(second).toBe(2);
  });
});

describe("row 25: an output of another size than asked for", () => {
  it("is cut short or grown without the harness reading more, or waiting for more, than the buffer's bytes", async () => {
    await expect(takenByForge('truncate("/arena/outputs", 0)')).rejects.toThrow(/crashed|cut short|returned/);
    expect(await takenByForge('truncate("/arena/outputs", 1l << 32)')).toEqual({ error: 0, second: 2 });
  });
});

describe("row 23: a hard link between mounts", () => {
  it("is refused, though both lie on one file system of the host", async () => {
    const [input, output] = [programs.scratch(), programs.scratch()];
    writeFileSync(join(input, "file"), SECRET);
    const mounts = [
      { host: input, inside: "/in", writable: true },
      { host: output, inside: "/out", writable: true },
    ];
    expect(await runAndPrint(createBubblewrapSandbox(), programs.command("files", ["link", "/in/file", "/out/link"], { mounts }))).toBe(
      "EXDEV",
    );
  });
});

describe("row 36: hostile build flags", () => {
  const hostile = ["-wrapper", "/bin/echo"];

  it("have the compiler start any program", async () => {
    const build = { profile: "build" as const, command: ["/usr/bin/gcc", ...hostile, "-x", "c", "-c", "-"], mounts: [], limits };
    const output = await createBubblewrapSandbox().run({ ...build, stdin: Buffer.from("int x;") });
    expect(printed(output)).toMatch(/cc1/);
  });

  it("are refused by name before anything is compiled", async () => {
    const request = requestFor(target, "scale", { candidate: candidateOf(target, "scale", hostile) });
    expect(await target.build(request)).toMatchObject({ status: "failed", log: expect.stringMatching(/-wrapper[\s\S]*\/bin\/echo/) });
  });
});
