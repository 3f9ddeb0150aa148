import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { cutInTheMiddle, runShell } from "../../../harness/goal/sandbox-shell.js";
import { readTextFolder } from "../../../harness/goal/text-folder.js";
import { createSandbox } from "../../../harness/sandbox/create-sandbox.js";
import { temporaryFolder } from "../temporary-folder.js";

const run = (
  command: string,
  files: Record<string, string> = { "kernel.c": '#include "forge_kernel.h"\nint main(void) { return ANSWER; }\n' },
) => runShell(createSandbox({ unsafe: false }), new Map(Object.entries(files)), { "forge_kernel.h": "#define ANSWER 7\n" }, command);

describe("the shell of an agent", () => {
  it("compiles and runs what lies in the workspace", async () => {
    const { result, files } = await run("gcc -o /tmp/a kernel.c && /tmp/a; echo got $?");
    expect(result).toEqual({ output: "got 7\n", end: "exit code 0", failed: false });
    expect([...files.keys()]).toEqual(["kernel.c"]);
  });

  it("keeps text that it changes, and says what it does not keep", async () => {
    const { result, files } = await run(
      "sed -i s/ANSWER/8/ kernel.c; echo new > made.h; mkdir -p sub; cp kernel.c sub/; gcc -c -o kernel.o kernel.c; ln -s /etc/passwd link",
    );
    expect(files.get("kernel.c")).toContain("return 8;");
    expect([...files.keys()]).toEqual(["kernel.c", "made.h", "sub/kernel.c"]);
    expect(result.output).toContain("kernel.o (not UTF-8 text)");
    expect(result.output).toContain("link (no plain file)");
  });

  it("says how it ended, stderr where it belongs", async () => {
    const { result } = await run("echo one; echo two >&2; echo three; exit 3");
    expect(result).toEqual({ output: "one\ntwo\nthree\n", end: "exit code 3", failed: true });
    expect((await run("kill -9 $$")).result).toMatchObject({ failed: true });
  });

  it("takes any command line as it stands", async () => {
    expect((await run(`printf '%s|' "a b" 'c"d' $((1+1)); { echo '}' ; }`)).result.output).toBe('a b|c"d|2|}\n');
    expect((await run("if then")).result).toMatchObject({ failed: true, output: expect.stringContaining("syntax error") });
  });

  it("has no network, no key and nothing of the host", async () => {
    process.env.ANTHROPIC_API_KEY = "sk-ant-test-of-the-shell-00000000";
    try {
      const { result } = await run("env; ls /root /home 2>&1; (exec 3<>/dev/tcp/127.0.0.1/22) 2>&1 || echo no network");
      expect(result.output).toContain("no network");
      expect(result.output).not.toContain("sk-ant");
    } finally {
      delete process.env.ANTHROPIC_API_KEY;
    }
  });

  it("shows the beginning and the end of a flood", async () => {
    const { result } = await run("seq 1 100000");
    expect(result.output.length).toBeLessThan(17_000);
    expect(result.output).toMatch(/^1\n2\n[\s\S]*characters left out[\s\S]*100000\n$/);
    expect(cutInTheMiddle("short", 10)).toBe("short");
  });
});

describe("a folder that others write to", () => {
  it("gives its text files, never what lies behind a link", () => {
    const folder = temporaryFolder();
    mkdirSync(join(folder, "deep"));
    writeFileSync(join(folder, "deep", "a.c"), "1");
    writeFileSync(join(folder, ".secret"), "hidden");
    writeFileSync(join(folder, "big.c"), "x".repeat(1_000_001));
    writeFileSync(join(folder, "bad name.c"), "x");
    symlinkSync("/etc/hostname", join(folder, "link.c"));
    symlinkSync("/etc", join(folder, "etc"));
    const { files, leftOut } = readTextFolder(folder);
    expect(files).toEqual(new Map([["deep/a.c", "1"]]));
    expect(leftOut).toHaveLength(4);
    expect(readTextFolder(join(folder, "nowhere")).files.size).toBe(0);
  });
});
