import type { WorkspaceFiles } from "../../specs/contracts/agent.js";
import type { ForgeEvent } from "../../specs/contracts/event.js";
import type { Candidate } from "../../specs/contracts/target.js";
import {
  CandidateError,
  candidateBytes,
  companionNames,
  fileNameProblem,
  manifestName,
  maximumFileBytes,
  maximumFiles,
  refuseMissingSources,
} from "../candidate-files.js";
import { parseManifest } from "../candidate-manifest.js";

export type Changes = Record<string, string | null>;

/**
 * The files of one lane. They live in memory and in the run's log: what the log says of them is what they are, so that a killed run
 * goes on from the very state that its last logged event left. Changes wait in `pending` until an event takes them along.
 */
export class LaneWorkspace implements WorkspaceFiles {
  private readonly files = new Map<string, string>();
  private pending = new Map<string, string | null>();

  /** The workspace as the events of a lane left it. */
  static restore(events: readonly ForgeEvent[], lane: number): LaneWorkspace {
    const workspace = new LaneWorkspace();
    for (const event of events) {
      if ((event.type === "workspace-changed" || event.type === "tool-called") && event.lane === lane)
        for (const [name, text] of Object.entries(event.changed ?? {})) workspace.put(name, text);
    }
    return workspace;
  }

  list(): { name: string; bytes: number }[] {
    return this.names().map((name) => ({ name, bytes: Buffer.byteLength(this.files.get(name)!) }));
  }

  read(name: string): string | null {
    return this.files.get(name) ?? null;
  }

  write(name: string, text: string): void {
    const problem = fileNameProblem(name);
    if (problem) throw new CandidateError(`file name ${JSON.stringify(name)} ${problem}`);
    if (companionNames.has(name)) throw new CandidateError(`${name} is written by Forge; use another name`);
    if (Buffer.byteLength(text) > maximumFileBytes)
      throw new CandidateError(`${name} would have ${Buffer.byteLength(text)} bytes, at most ${maximumFileBytes} are taken`);
    if (Buffer.from(text, "utf8").toString("utf8") !== text) throw new CandidateError(`${name} holds text that is not valid Unicode`);
    if (!this.files.has(name) && this.files.size > maximumFiles)
      throw new CandidateError(`the workspace has ${this.files.size} files already; remove some`);
    const clash = this.names().find((other) => other.startsWith(`${name}/`) || name.startsWith(`${other}/`));
    if (clash !== undefined) throw new CandidateError(`${name} and ${clash}: one would be both a file and a folder`);
    if (this.files.get(name) !== text) this.change(name, text);
  }

  remove(name: string): boolean {
    if (!this.files.has(name)) return false;
    this.change(name, null);
    return true;
  }

  replace(candidate: Candidate): void {
    const wanted = new Map([...candidateBytes(candidate)].map(([name, bytes]) => [name, bytes.toString("utf8")]));
    this.become(wanted);
  }

  /** Makes the workspace these files and nothing else. */
  become(wanted: ReadonlyMap<string, string>): void {
    for (const name of this.names()) if (!wanted.has(name)) this.change(name, null);
    for (const [name, text] of wanted) if (this.files.get(name) !== text) this.change(name, text);
  }

  snapshot(): Map<string, string> {
    return new Map(this.files);
  }

  /** What changed since the last call, for the event that will say so; null where nothing did. */
  takeChanges(): Changes | null {
    if (this.pending.size === 0) return null;
    const changes = Object.fromEntries(this.pending);
    this.pending = new Map();
    return changes;
  }

  /** The candidate that stands here. Throws CandidateError naming the file, and the key in forge.json. */
  candidate(): Candidate {
    const text = this.files.get(manifestName);
    if (this.files.size === 0) throw new CandidateError("the workspace is empty: write the sources and forge.json first");
    if (text === undefined)
      throw new CandidateError(`${manifestName} is missing: it says how the sources become one object; write it beside them`);
    const files = Object.fromEntries(this.names().flatMap((name) => (name === manifestName ? [] : [[name, this.files.get(name)!]])));
    const manifest = parseManifest(text, manifestName);
    refuseMissingSources(manifest, files);
    return { files, manifest };
  }

  private names(): string[] {
    return [...this.files.keys()].sort();
  }

  private change(name: string, text: string | null): void {
    this.put(name, text);
    this.pending.set(name, text);
  }

  private put(name: string, text: string | null): void {
    if (text === null) this.files.delete(name);
    else this.files.set(name, text);
  }
}
