import type { Artifact, ObjectFacts } from "../specs/contracts/target.js";
import type { Evidence } from "../specs/contracts/verdict.js";
import { checkFlags } from "./build-flags.js";
import type { CheckAnswer, JudgeContext } from "./judge-context.js";
import type { Law } from "./laws.js";

/** Extensions that a source of each language may have. */
const extensions: Record<string, RegExp> = { c: /\.(?:c|h)$/, "c++": /\.(?:cc|cpp|cxx|c|h|hpp)$/ };
/** A kernel that needs more than this has a library pasted into it. */
const maximumSourceBytes = 512 * 1024;

/** What the manifest asks for; whether names in the source look suspicious is not asked, for that is judged on the object. */
function judgeManifest(context: JudgeContext): Evidence[] {
  const { manifest, files } = context.candidate;
  const { rules } = context.loaded.spec;
  const evidence: Evidence[] = [];
  const breaks = (law: Law, detail: string) => evidence.push({ kind: "rules", law, detail });
  if (!rules.languages.includes(manifest.language)) breaks("language", `${manifest.language} is not among ${rules.languages.join(", ")}`);
  for (const name of Object.keys(files))
    if (!extensions[manifest.language]?.test(name)) breaks("source files", `${name} is not a ${manifest.language} file`);
  const bytes = Object.values(files).reduce((sum, text) => sum + Buffer.byteLength(text), 0);
  if (bytes > maximumSourceBytes) breaks("source size", `${bytes} bytes of source, at most ${maximumSourceBytes} are allowed`);
  for (const unit of manifest.units)
    if (!(unit.source in files)) breaks("source files", `forge.json names ${unit.source}, which is not there`);
  for (const { flag, why } of checkFlags([...manifest.units.flatMap((unit) => unit.flags), ...manifest.linkFlags]))
    breaks("flags", `${flag}: ${why}`);
  return evidence;
}

/** What the object imports, links, exports and contains, against the spec's allow-list. */
function judgeObject(context: JudgeContext, facts: ObjectFacts): Evidence[] {
  const { target, loaded, entries } = context;
  const allowed = ["libc", ...loaded.spec.rules.libraries];
  const evidence: Evidence[] = facts.oddities.map(({ law, detail }) => ({ kind: "rules", law, detail }));
  for (const symbol of facts.imports)
    if (!allowed.some((library) => target.importAllowed(library, symbol)))
      evidence.push({ kind: "rules", law: "imports", detail: `the object imports ${symbol}, which is in none of ${allowed.join(", ")}` });
  for (const file of facts.libraries)
    if (!allowed.some((library) => target.libraryAllowed(library, file)))
      evidence.push({ kind: "rules", law: "libraries", detail: `the object links ${file}, which is in none of ${allowed.join(", ")}` });
  const wanted = new Set(entries.map((entry) => entry.name));
  for (const name of wanted)
    if (!facts.exports.includes(name)) evidence.push({ kind: "rules", law: "entries", detail: `the object does not export ${name}` });
  return evidence;
}

/** The first check: it needs the built object, so a build failure is passed on for the build check to report. */
export async function checkRules(context: JudgeContext, build: () => Promise<Artifact | null>): Promise<CheckAnswer> {
  const enforced = ({ law }: Evidence) => law !== context.suspended;
  const manifest = judgeManifest(context).filter(enforced);
  if (manifest.length > 0) return { status: "failed", summary: "the manifest breaks the spec's rules", evidence: manifest };
  const artifact = await build();
  if (artifact === null) return { status: "passed", summary: "manifest fits the rules; the object could not be built" };
  const facts = await context.stopwatch.during("building", () => context.target.inspect(artifact));
  const evidence = judgeObject(context, facts).filter(enforced);
  if (evidence.length > 0) return { status: "failed", summary: "the built object breaks the spec's rules", evidence };
  return { status: "passed", summary: `${facts.imports.length} imports and ${facts.libraries.length} libraries, all allowed` };
}
