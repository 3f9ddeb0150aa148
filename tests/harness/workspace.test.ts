import { execFileSync } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { candidateBytes } from "../../harness/candidate-files.js";
import { gitTreeHash } from "../../harness/git-tree.js";
import { openWorkspace } from "../../harness/workspace.js";
import { sampleCandidate } from "./sample-run.js";
import { temporaryFolder } from "./temporary-folder.js";

test("a commit gives back the candidate as it was, whatever becomes of the work tree", async () => {
  const workspace = await openWorkspace(join(temporaryFolder(), "workspace"));
  const first = sampleCandidate("\ufeffint first; // é\r\n\n");
  await workspace.write(first);
  const one = await workspace.commit("first");
  const second = { ...sampleCandidate("int second;\n"), files: { "kernel.c": "int second;\n" } };
  await workspace.write(second);
  const two = await workspace.commit("second");
  writeFileSync(join(workspace.directory, "kernel.c"), "changed behind its back");
  expect(await workspace.readCommit(one.commit)).toEqual(first);
  expect(await workspace.readCommit(two.commit)).toEqual(second);
  expect(two.tree).toBe(gitTreeHash(candidateBytes(second)));
});

test("the same candidate twice is two commits of one tree", async () => {
  const workspace = await openWorkspace(temporaryFolder());
  await workspace.write(sampleCandidate());
  const one = await workspace.commit("again");
  const two = await workspace.commit("");
  expect(two.commit).not.toBe(one.commit);
  expect(two.tree).toBe(one.tree);
});

test("no hook and no configuration of the user or the machine has a say", async () => {
  const home = temporaryFolder();
  const trace = join(home, "hook-ran");
  mkdirSync(join(home, "hooks"));
  writeFileSync(join(home, "hooks", "pre-commit"), `#!/bin/sh\ntouch ${trace}\n`);
  chmodSync(join(home, "hooks", "pre-commit"), 0o755);
  writeFileSync(join(home, ".gitconfig"), `[core]\n\thooksPath = ${home}/hooks\n[user]\n\tname = Someone\n\temail = someone@example.com\n`);
  const before = { ...process.env };
  Object.assign(process.env, {
    HOME: home,
    GIT_CONFIG_GLOBAL: join(home, ".gitconfig"),
    GIT_AUTHOR_NAME: "Someone",
    GIT_DIR: "/nonexistent",
  });
  try {
    const plain = temporaryFolder();
    const environment = { ...process.env, GIT_DIR: undefined };
    execFileSync("git", ["init", "-q", plain], { env: environment });
    execFileSync("git", ["-C", plain, "commit", "-q", "--allow-empty", "-m", "plain git"], { env: environment });
    expect(existsSync(trace)).toBe(true);
    execFileSync("rm", [trace]);

    const workspace = await openWorkspace(temporaryFolder());
    mkdirSync(join(workspace.directory, ".git", "hooks"), { recursive: true });
    writeFileSync(join(workspace.directory, ".git", "hooks", "pre-commit"), `#!/bin/sh\ntouch ${trace}\n`);
    chmodSync(join(workspace.directory, ".git", "hooks", "pre-commit"), 0o755);
    await workspace.write(sampleCandidate());
    await workspace.commit("--amend\nsecond line\u001b[31m");
    expect(existsSync(trace)).toBe(false);
    const log = execFileSync("git", ["-C", workspace.directory, "log", "--format=%an <%ae>|%cn <%ce>|%B"], { env: { PATH: before.PATH } });
    expect(log.toString().trim()).toBe("Forge <forge@localhost>|Forge <forge@localhost>|--amend second line [31m");
  } finally {
    for (const name of ["HOME", "GIT_CONFIG_GLOBAL", "GIT_AUTHOR_NAME", "GIT_DIR"]) {
      if (before[name] === undefined) delete process.env[name];
      else process.env[name] = before[name];
    }
  }
});

test("lock files of a git that was killed do not stand in the way", async () => {
  const folder = temporaryFolder();
  await openWorkspace(folder);
  const lock = join(folder, ".git", "index.lock");
  writeFileSync(lock, "");
  expect(() => execFileSync("git", ["-C", folder, "add", "--all"], { stdio: "pipe" })).toThrow("index.lock");
  utimesSync(lock, new Date(0), new Date(0));
  const workspace = await openWorkspace(folder);
  await workspace.write(sampleCandidate());
  expect((await workspace.commit("after")).commit).toMatch(/^[0-9a-f]{40}$/);
});

test("what is no commit is refused with a reason", async () => {
  const workspace = await openWorkspace(temporaryFolder());
  await expect(workspace.readCommit("--help")).rejects.toThrow('"--help" is not the id of a commit');
  await expect(workspace.readCommit("0".repeat(40))).rejects.toThrow();
});
