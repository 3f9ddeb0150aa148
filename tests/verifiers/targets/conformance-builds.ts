import { expect, it } from "vitest";
import type { Artifact, Target } from "../../../specs/contracts/target.js";
import { candidateOf, type KernelName, requestFor } from "./conformance-kernels.js";

/** What every target must do short of running a kernel: building, inspecting, measuring peaks. */
export function describeBuilds(target: () => Target, built: (kernel: KernelName) => Promise<Artifact>): void {
  it("refuses forbidden flags by name", async () => {
    const result = await target().build(
      requestFor(target(), "scale", { candidate: candidateOf(target(), "scale", ["-fplugin=/tmp/evil.so"]) }),
    );
    expect(result).toMatchObject({ status: "failed", log: expect.stringContaining("-fplugin=/tmp/evil.so") });
  });

  it("refuses a compiler that is not there, by name", async () => {
    const candidate = candidateOf(target(), "scale");
    candidate.manifest.compiler = "nonesuch";
    expect(await target().build(requestFor(target(), "scale", { candidate }))).toMatchObject({
      status: "failed",
      log: expect.stringContaining("nonesuch"),
    });
  });

  it("keeps the compiler's errors and warnings", async () => {
    const broken = await target().build(requestFor(target(), "broken"));
    expect(broken).toMatchObject({ status: "failed", log: expect.stringMatching(/kernel\.c:\d+.*undeclared_name/) });
    const unused = await target().build(requestFor(target(), "unused"));
    expect(unused.status === "built" && unused.warnings.join("\n")).toContain("never_used_name");
  });

  it("fails the build or names the import where a function does not exist", async () => {
    const result = await target().build(requestFor(target(), "missing"));
    const where = result.status === "failed" ? result.log : (await target().inspect(result.artifact)).imports.join("\n");
    expect(where).toContain("nobody_has_this");
  });

  it("builds the same object once, and anew when a macro changes", async () => {
    const [first, again] = [await built("scale"), await built("scale")];
    expect(again).toEqual(first);
    const candidate = candidateOf(target(), "sizes");
    candidate.files["kernel.c"] = candidate.files["kernel.c"]!.replace("0xffff", "MASK");
    const hashes = [];
    for (const mask of [1, 2]) {
      candidate.manifest.chosen = { MASK: mask };
      const result = await target().build(requestFor(target(), "sizes", { candidate }));
      hashes.push(result.status === "built" ? result.artifact.hash : result.log);
    }
    expect(new Set(hashes).size).toBe(2);
  });

  it("inspects the object: its exports are the entries, constructors are an oddity", async () => {
    const plain = await target().inspect(await built("scale"));
    expect(plain).toMatchObject({ exports: ["scale"], oddities: [] });
    const constructed = await target().inspect(await built("constructed"));
    expect(constructed.oddities.map((oddity) => oddity.law)).toContain("no code before the call");
  });

  it("measures peaks that make sense, once, and writes facts", async () => {
    const peaks = await target().peaks(1);
    const { l1, l2, dramRead, dramCopy } = peaks.bytesPerSecond;
    for (const rate of [peaks.flopsPerSecond.f32!, l1, l2, dramRead, dramCopy]) {
      expect(rate).toBeGreaterThan(5e8);
      expect(rate).toBeLessThan(1e14);
    }
    expect(l1).toBeGreaterThan(dramRead);
    const started = performance.now();
    expect(await target().peaks(1)).toEqual(peaks);
    expect(performance.now() - started).toBeLessThan(1000);
    expect(await target().facts()).toMatch(/GB\/s/);
  });

  it("measures peaks again when asked to, and keeps the higher of each", async () => {
    const peaks = await target().peaks(1);
    const again = await target().peaks(1, true);
    expect(again.flopsPerSecond.f32).toBeGreaterThanOrEqual(peaks.flopsPerSecond.f32!);
    for (const level of ["l1", "l2", "l3", "dramRead", "dramCopy"] as const)
      expect(again.bytesPerSecond[level]).toBeGreaterThanOrEqual(peaks.bytesPerSecond[level]);
    expect(await target().peaks(1)).toEqual(again);
  });
}
