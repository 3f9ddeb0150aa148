import { existsSync, mkdirSync, readFileSync, symlinkSync, unlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { deskFolder } from "../../../harness/goal/desk-folder.js";
import { temporaryFolder } from "../temporary-folder.js";

/** A workspace and its folder; `open` is what another Forge does that goes on with the run. */
function desk(files: Record<string, string> = {}) {
  const path = join(temporaryFolder(), "desk");
  let workspace = new Map(Object.entries(files));
  const owner = {
    snapshot: () => new Map(workspace),
    adopt: (taken: ReadonlyMap<string, string>) => {
      workspace = new Map(taken);
    },
  };
  return {
    path,
    open: () => deskFolder(path, { "forge.h": "ours\n" }, owner),
    set: (wanted: Record<string, string>) => {
      workspace = new Map(Object.entries(wanted));
    },
    workspace: () => Object.fromEntries(workspace),
    read: (name: string) => (existsSync(join(path, name)) ? readFileSync(join(path, name), "utf8") : null),
    write: (name: string, text: string | Buffer) => writeFileSync(join(path, name), text),
  };
}

test("lays the workspace down, and a strategy's change of it over what nobody touched", () => {
  const { open, set, read } = desk({ "kernel.c": "first", "tiles/a.h": "a" });
  const folder = open();
  folder.lay();
  expect([read("kernel.c"), read("tiles/a.h")]).toEqual(["first", "a"]);
  set({ "kernel.c": "best" });
  folder.lay();
  expect([read("kernel.c"), read("tiles/a.h")]).toEqual(["best", null]);
});

test("takes what somebody did, but neither its own files nor what is no text", () => {
  const { path, open, write, workspace } = desk({ "kernel.c": "first", "old.h": "old" });
  const folder = open();
  folder.lay();
  write("kernel.c", "edited");
  write("new.h", "new");
  write("AGENTS.md", "ours");
  write("forge.h", "ours, spoilt");
  write("a.out", Buffer.from([0x7f, 0xff, 0xfe]));
  symlinkSync("/etc/passwd", join(path, "link.h"));
  unlinkSync(join(path, "old.h"));
  expect(folder.take()).toEqual(["a.out (not UTF-8 text)", "link.h (no plain file)"]);
  expect(workspace()).toEqual({ "kernel.c": "edited", "new.h": "new" });
});

test.each([false, true])("keeps what was changed since the two agreed, in another session too: %s", (another) => {
  const { open, set, read, write } = desk({ "kernel.c": "first", "same.h": "same", "gone.h": "gone" });
  const folder = open();
  folder.lay();
  folder.take();
  write("kernel.c", "theirs");
  write("new.h", "theirs");
  set({ "kernel.c": "best", "same.h": "best", "gone.h": "best", "new.h": "best" });
  (another ? open() : folder).lay();
  expect(["kernel.c", "new.h", "same.h", "gone.h"].map(read)).toEqual(["theirs", "theirs", "best", "best"]);
});

test("writes through no link and over no binary, and takes a folder without a record for somebody's", () => {
  const { path, open, set, read } = desk({ "kernel.c": "ours" });
  mkdirSync(path, { recursive: true });
  writeFileSync(join(path, "target"), Buffer.from([0xff]));
  symlinkSync(join(path, "target"), join(path, "kernel.c"));
  writeFileSync(join(path, "notes.h"), "theirs");
  const folder = open();
  folder.lay();
  set({ "kernel.c": "ours", target: "ours" });
  folder.lay();
  expect(readFileSync(join(path, "target"))).toEqual(Buffer.from([0xff]));
  expect(read("notes.h")).toBe("theirs");
});
