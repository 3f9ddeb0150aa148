import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { BlobStore, ExamEvent, JobBody } from "../../specs/contracts/queue.js";
import { makeScratchFolder } from "../../verifiers/targets/scratch-folder.js";
import { sha256Hex } from "../hash.js";
import { packageRoot } from "../package-root.js";
import { canonicalJson } from "../queue/canonical-json.js";
import { unpackCandidate, unpackSpec } from "../queue/job-parcel.js";
import { verifierHash } from "../verifier-hash.js";
import { ExamChild } from "./exam-child.js";
import type { ExamSetting } from "./exam-protocol.js";

/** An exam room takes seconds to open and some memory to keep. */
const keptChildren = 3;

interface Kept {
  child: ExamChild;
  setting: ExamSetting;
  folder: string;
}

/** Exam processes of one worker, each with its room open for one spec, variant, target and number of threads; a few are kept. */
export class ExamChildren {
  /** The one used last stands last. */
  private readonly kept = new Map<string, Kept>();
  private readonly scratch = makeScratchFolder("worker");

  constructor(private readonly blobs: BlobStore) {}

  /** The signal ends the process that is at it, with all its sandboxes. */
  async examine(body: JobBody, onEvent: (event: ExamEvent) => void, signal: AbortSignal): Promise<unknown> {
    const candidate = body.key.source === null ? null : await unpackCandidate(body.key.source, this.blobs);
    const name = nameOf(body);
    const kept = this.kept.get(name) ?? (await this.open(name, body));
    this.kept.delete(name);
    this.kept.set(name, kept);
    const onAbort = () => void this.end(name, kept);
    try {
      signal.throwIfAborted();
      signal.addEventListener("abort", onAbort, { once: true });
      return await kept.child.examine({ type: "exam", setting: kept.setting, task: body.key.task, candidate }, onEvent);
    } finally {
      signal.removeEventListener("abort", onAbort);
      if (kept.child.isGone || signal.aborted) await this.end(name, kept);
    }
  }

  async close(): Promise<void> {
    for (const [name, kept] of [...this.kept]) await this.end(name, kept);
    rmSync(this.scratch, { recursive: true, force: true });
  }

  private async open(name: string, body: JobBody): Promise<Kept> {
    while (this.kept.size >= keptChildren) {
      const [oldest, kept] = [...this.kept][0]!;
      await this.end(oldest, kept);
    }
    const folder = join(this.scratch, name);
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(folder, { recursive: true });
    const loaded = await unpackSpec(body, this.blobs, folder);
    const { variant, target, threads, verifierHash: asked } = body.key;
    if (verifierHash(packageRoot(), loaded.spec.format) !== asked) throw new Error("the job is for another version of the examiner");
    if (!Object.hasOwn(loaded.spec.variants, variant)) throw new Error(`the spec has no variant '${variant}'`);
    return { child: new ExamChild(), folder, setting: { specPath: loaded.path, variant, target, threads, duelLimitMs: body.duelLimitMs } };
  }

  private async end(name: string, kept: Kept): Promise<void> {
    if (this.kept.get(name) === kept) this.kept.delete(name);
    await kept.child.kill();
    rmSync(kept.folder, { recursive: true, force: true });
  }
}

function nameOf({ key, duelLimitMs, spec, reference }: JobBody): string {
  const { specHash, referenceHash, variant, target, threads } = key;
  return sha256Hex(canonicalJson({ specHash, referenceHash, variant, target, threads, duelLimitMs, spec, reference })).slice(0, 16);
}
