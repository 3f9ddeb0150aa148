import { readFileSync } from "node:fs";
import { afterAll } from "vitest";
import { cacheDirectory } from "../../../harness/cache-directory.js";
import { createSandbox } from "../../../harness/sandbox/create-sandbox.js";
import { createTarget } from "../../../harness/targets.js";
import type { LoadedSpec } from "../../../specs/contracts/spec.js";
import type { Candidate, Session } from "../../../specs/contracts/target.js";
import { entrySignatures } from "../../../specs/entry-signature.js";
import { generateKernelHeader } from "../../../specs/kernel-header.js";
import { ReferenceBench } from "../../../verifiers/align/reference-bench.js";

const open: { close(): Promise<void> }[] = [];
afterAll(async () => {
  for (const session of open.splice(0)) await session.close();
});

/** References and candidates of one spec's f32 variant in real sessions on this machine's CPU, closed when the test file ends. */
export async function openSessions(loaded: LoadedSpec) {
  const variant = loaded.spec.variants.f32!;
  const target = createTarget("x86-64", { sandbox: createSandbox({ unsafe: false }), cacheDirectory: cacheDirectory() });
  const entries = entrySignatures(loaded.spec, variant);
  const support = {
    "forge.h": readFileSync("reference-kernels/forge.h", "utf8"),
    "forge_kernel.h": generateKernelHeader(loaded.spec, variant),
  };
  const bench = await ReferenceBench.open(target, loaded, variant, support);
  open.push(bench);
  return {
    bench,
    async start(candidate: Candidate): Promise<Session> {
      const build = await target.build({ candidate, support, entries, mode: "plain", threads: 1 });
      if (build.status === "failed") throw new Error(build.log);
      const session = await target.open({ libraries: [build.artifact], entries, threads: 1, memory: "plain", wallMs: 120_000 });
      open.push(session);
      return session;
    },
  };
}
