import { cpSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { parse, stringify } from "yaml";
import type { KernelSpec } from "../../specs/contracts/spec.js";
import { runForge } from "../harness/cli/run-forge.js";
import { lastingFolder } from "../small-spec.js";
import { isBusy, streamForge } from "./forge-process.js";

const minutes = 60_000;
const whole = process.env.FORGE_WHOLE === "1";

/**
 * Timed with inputs in the caches, and on the second target forward only: of a function without sums a compiler makes there what the
 * baseline is, and a duel of equals takes all the time that it is given. `npm run test:integrity -- own-spec` has both.
 */
function shorten(folder: string, target: string): string[] {
  const path = join(folder, "gelu/gelu.yaml");
  const spec = parse(readFileSync(path, "utf8")) as KernelSpec;
  spec.gates.warm = true;
  if (target === "wasm-simd" && !whole) delete spec.entries.gelu_backward;
  writeFileSync(path, stringify(spec));
  return Object.keys(spec.entries);
}

/** A spec that Forge does not ship, written by hand from docs/spec.md: no code knows of it. */
describe.each(["x86-64", "wasm-simd"])("GELU, from a user's own spec, on %s", (target) => {
  const folder = lastingFolder();
  cpSync("tests/fixtures/gelu", join(folder, "gelu"), { recursive: true });
  const entries = shorten(folder, target);
  const accepted = join("generated", "gelu", "f32", target);

  it("is an exam that can be trusted", { timeout: 5 * minutes }, () => {
    const examined = runForge(["lint", "gelu/gelu.yaml", "--variant", "f32"], folder);
    expect({ code: examined.code, text: examined.stdout }).toEqual({ code: 0, text: expect.stringContaining("Strong: ") });
  });

  it("is forged, passes and gets its certificate", { timeout: 20 * minutes }, async () => {
    const goal = ["goal", "gelu/gelu.yaml", "--target", target, "--threads", "1"];
    let ended = await streamForge(goal, folder);
    if (ended.code === 4 && ended.events.some(isBusy)) ended = await streamForge([...goal, "--resume"], folder);
    expect({ code: ended.code, errors: ended.errors }).toEqual({ code: 0, errors: "" });
    expect(existsSync(join(folder, accepted, "certificate.json"))).toBe(true);
    const judged = ended.events.findLast((event) => event.type === "attempt-judged")!;
    if (judged.type !== "attempt-judged") throw new Error(judged.type);
    expect(["passed", "surpassed"]).toContain(judged.verdict.outcome);
    const speed = judged.verdict.checks.find(({ check }) => check === "speed")!;
    expect("figures" in speed && speed.figures!.map((figure) => figure.entry)).toEqual(entries);
  });

  it("can be judged again by anyone, from its folder alone", () => {
    const quick = runForge(["check", accepted, "--quick", "--threads", "1"], folder);
    expect(quick).toMatchObject({ code: 0, stderr: expect.stringContaining("Its certificate is intact") });
    expect(quick.stdout).toContain("Passed");
  });
});
