import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { candidateBytes } from "../../../harness/candidate-files.js";
import { verifyCertificate, writeAccepted } from "../../../harness/certificate.js";
import { gitTreeHash } from "../../../harness/git-tree.js";
import { createWeakenedSandbox } from "../../../harness/sandbox/weakened.js";
import type { EventBody, ForgeEvent } from "../../../specs/contracts/event.js";
import type { SandboxProtection } from "../../../specs/contracts/sandbox.js";
import { runStarted, sampleCandidate, sampleGoal, sampleVerdict } from "../sample-run.js";
import { temporaryFolder } from "../temporary-folder.js";

const candidate = sampleCandidate();

/** A run that surpassed everything, in such a sandbox. */
function accept(sandbox: SandboxProtection): string {
  const bodies = [
    { ...runStarted(), sandbox } as EventBody,
    { type: "attempt-submitted", attempt: 1, commit: "d".repeat(40), tree: gitTreeHash(candidateBytes(candidate)), summary: "s" },
    { type: "attempt-judged", attempt: 1, verdict: sampleVerdict("surpassed"), bestRatio: null },
  ] satisfies EventBody[];
  return writeAccepted({
    generated: join(temporaryFolder(), "generated"),
    candidate,
    events: bodies.map((body, sequence): ForgeEvent => ({ ...body, sequence, at: "2026-01-02T03:04:05.678Z", run: "run-1" })),
    attempt: 1,
    exam: { spec: { format: "forge-kernel/1" }, hash: sampleGoal.specHash, referenceHash: "c".repeat(64) },
    toolchains: [],
    baseline: { compiler: "gcc", flags: [], sourceHash: "e".repeat(64) },
    repeat: (directory) => `forge check ${directory}`,
  });
}

function modulesUnder(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((name) => /\.(ts|mjs)$/.test(name))
    .map((name) => join(folder, name));
}

describe("a sandbox with a protection taken away", () => {
  it("says so and claims none", () => {
    expect(createWeakenedSandbox(["network-namespace"]).protection()).toMatchObject({ kind: "weakened", protections: [] });
  });

  it("can never certify", () => {
    const weakened = createWeakenedSandbox(["wall-limit"]).protection();
    expect(() => accept(weakened)).toThrow("sandbox is weakened, which certifies nothing");
    for (const kind of ["bubblewrap", "none"] as const) {
      const directory = accept({ ...weakened, kind });
      const exam = { spec: { format: "forge-kernel/1" as const }, hash: sampleGoal.specHash, referenceHash: "c".repeat(64) };
      expect(verifyCertificate(directory, exam).status).toBe("valid");
    }
  });

  it("is built by tests alone: nothing that Forge runs can reach it", () => {
    const importing = ["specs", "agents", "verifiers", "harness", "scripts"]
      .flatMap(modulesUnder)
      .filter((file) => /weakened\.js/.test(readFileSync(file, "utf8")));
    expect(importing).toEqual([]);
    // Whoever starts bubblewrap otherwise takes nothing away.
    const starting = modulesUnder("harness").filter((file) => /startBubblewrap\(/.test(readFileSync(file, "utf8")));
    expect(starting.sort()).toEqual(["bubblewrap.ts", "start-bubblewrap.ts", "weakened.ts"].map((name) => `harness/sandbox/${name}`));
    expect(readFileSync("harness/sandbox/bubblewrap.ts", "utf8")).toContain("startBubblewrap(installation, command, nothingRemoved)");
  });
});
