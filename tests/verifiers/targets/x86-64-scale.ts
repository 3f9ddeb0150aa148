import type { Artifact, BuildRequest, CallReport, CandidateManifest, SessionRequest, Target } from "../../../specs/contracts/target.js";
import { candidateOf, signature } from "./conformance-kernels.js";

export interface Change {
  compiler?: string;
  language?: CandidateManifest["language"];
  flags?: string[];
  linkFlags?: string[];
  mode?: BuildRequest["mode"];
  threads?: number;
}

/** Builds and runs variations of one entry, `scale`. */
export function scaleBench(target: Target): {
  build(text: string, change?: Change): Promise<Artifact>;
  run(text: string, memory?: SessionRequest["memory"], change?: Change): Promise<{ report: CallReport; values: Float32Array }>;
} {
  /** An entry `scale` with this body, or with this whole source where it holds an `int scale(`. */
  async function build(text: string, change: Change = {}) {
    const candidate = candidateOf(target, "scale", change.flags);
    const source = text.includes("int scale(")
      ? text
      : `#include <stdint.h>\nint scale(const float *x, float *y, int64_t n, float s) {\n  (void)x; (void)y; (void)n; (void)s;\n${text}\n  return 0;\n}\n`;
    const name = change.language === "c++" ? "kernel.cpp" : "kernel.c";
    candidate.files = { [name]: source };
    candidate.manifest.units[0]!.source = name;
    candidate.manifest.language = change.language ?? "c";
    candidate.manifest.compiler = change.compiler ?? "gcc";
    candidate.manifest.linkFlags = change.linkFlags ?? [];
    const result = await target.build({
      candidate,
      support: {},
      entries: [signature("scale")],
      mode: change.mode ?? "plain",
      threads: change.threads ?? 1,
    });
    if (result.status === "failed") throw new Error(result.log);
    return result.artifact;
  }

  /** Builds it, calls it once on 37 floats 0, 1, 2 ... with s = 2. */
  async function run(text: string, memory: SessionRequest["memory"] = "plain", change: Change = {}) {
    const artifact = await build(text, { ...change, mode: memory === "sanitized" ? "sanitized" : "plain" });
    const session = await target.open({
      libraries: [artifact],
      entries: [signature("scale")],
      threads: change.threads ?? 1,
      memory,
      compiler: change.compiler ?? "gcc",
      wallMs: 60_000,
      callTimeoutMs: 20_000,
    });
    try {
      await session.bind("scale", [148, 148], 1);
      await session.writeInput(0, "x", 0, new Uint8Array(Float32Array.from({ length: 37 }, (_, index) => index).buffer));
      const report = await session.call({ library: 0, entry: "scale", set: 0, sizes: { n: 37 }, scalars: { s: 2 }, poison: 1 });
      const output = report.status === "returned" ? await session.readOutput(0, "y", 0, 148) : new Uint8Array(148);
      return { report, values: new Float32Array(output.slice().buffer) };
    } finally {
      await session.close();
    }
  }
  return { build, run };
}
