import { describe, expect, it } from "vitest";
import { LaneWorkspace } from "../../../harness/goal/lane-workspace.js";
import type { EventBody, ForgeEvent } from "../../../specs/contracts/event.js";
import { sampleCandidate } from "../sample-run.js";

const logged = (bodies: EventBody[]): ForgeEvent[] =>
  bodies.map((body, sequence) => ({ ...body, sequence, at: "2026-01-01T00:00:00.000Z", run: "run-1" }));
const called = (lane: number, changed: Record<string, string | null>): EventBody => ({
  type: "tool-called",
  lane,
  call: { id: "1", name: "write", argumentsText: "{}" },
  answer: { id: "1", text: "", isError: false },
  durationMs: 1,
  changed,
});

describe("a lane's workspace", () => {
  it("is what the lane's events say, whoever changed it", () => {
    const events = logged([
      called(0, { "a.c": "1", "b.c": "2" }),
      called(1, { "a.c": "other lane" }),
      { type: "workspace-changed", lane: 0, changed: { "b.c": null, "c.c": "3" }, by: "outside" },
    ]);
    expect(LaneWorkspace.restore(events, 0).snapshot()).toEqual(
      new Map([
        ["a.c", "1"],
        ["c.c", "3"],
      ]),
    );
    expect(LaneWorkspace.restore(events, 1).list()).toEqual([{ name: "a.c", bytes: 10 }]);
    expect(LaneWorkspace.restore(events, 0).takeChanges()).toBeNull();
  });

  it("hands out each change once, the latest of a file alone", () => {
    const workspace = new LaneWorkspace();
    workspace.write("a.c", "1");
    workspace.write("a.c", "2");
    workspace.write("b.c", "x");
    expect(workspace.remove("b.c")).toBe(true);
    expect(workspace.remove("b.c")).toBe(false);
    expect(workspace.takeChanges()).toEqual({ "a.c": "2", "b.c": null });
    expect(workspace.takeChanges()).toBeNull();
    workspace.write("a.c", "2");
    expect(workspace.takeChanges()).toBeNull();
  });

  it("becomes a candidate and gives it back", () => {
    const workspace = new LaneWorkspace();
    workspace.write("old.c", "goes");
    const candidate = sampleCandidate();
    workspace.replace(candidate);
    expect(workspace.candidate()).toEqual(candidate);
    expect(workspace.read("old.c")).toBeNull();
  });

  it.each([
    ["../out.c", "x", "leads out"],
    ["/etc/passwd", "x", "absolute"],
    [".hidden", "x", "component"],
    ["certificate.json", "{}", "written by Forge"],
    ["big.c", "x".repeat(1_000_001), "at most"],
    ["lone.c", "\ud800", "not valid Unicode"],
    ["a.c/b.c", "x", "both a file and a folder"],
  ])("refuses %s", (name, text, why) => {
    const workspace = new LaneWorkspace();
    workspace.write("a.c", "1");
    expect(() => workspace.write(name, text)).toThrow(why);
    expect(workspace.list()).toHaveLength(1);
  });

  it("says what it lacks to be a candidate", () => {
    const workspace = new LaneWorkspace();
    expect(() => workspace.candidate()).toThrow("the workspace is empty");
    workspace.write("kernel.c", "int x;");
    expect(() => workspace.candidate()).toThrow("forge.json is missing");
    workspace.write("forge.json", "{");
    expect(() => workspace.candidate()).toThrow("forge.json: is not JSON");
    workspace.write(
      "forge.json",
      JSON.stringify({ language: "c", compiler: "gcc", units: [{ source: "other.c", flags: [] }], linkFlags: [] }),
    );
    expect(() => workspace.candidate()).toThrow('names "other.c"');
  });
});
