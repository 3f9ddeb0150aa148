import { existsSync, realpathSync } from "node:fs";
import { dirname, join } from "node:path";
import type { Available, CodeProfile, FunctionShare, SourceRange } from "../../../specs/contracts/profile.js";
import { type Sandbox, SandboxUnavailable } from "../../../specs/contracts/sandbox.js";
import type { Artifact, BuildRequest, Exercise, ProfileRequest, TargetProfile } from "../../../specs/contracts/target.js";
import { disassemble } from "../disassemble.js";
import { EndingSandbox } from "../ending-sandbox.js";
import { printedText } from "../printed-text.js";
import { parseRemarks, remarksWithin } from "../remarks.js";
import { rangeOf } from "../source-lines.js";
import { type BuildContext, buildObject } from "./build.js";
import { innermostLoops, objdumpOptions, parseListing, type WasmFunction } from "./listing.js";
import { openSession } from "./session.js";
import type { WasmToolchain } from "./toolchain.js";

const maximumLogCharacters = 4_000;
const maximumFunctions = 12;
const maximumInstructions = 120;
const worthRemarks = 0.01;
const annotations = ["-g", "-gdwarf-4", "-Rpass=loop-vectorize", "-Rpass-missed=loop-vectorize", "-Rpass-analysis=loop-vectorize"];
const noPlaces = "V8's profiler names functions, not places in them";

/** Builds the candidate with line information and runs it under V8's sampling profiler, in a runner of its own. */
export async function profileObject(context: BuildContext, request: ProfileRequest): Promise<TargetProfile> {
  const { candidate, support, entries, threads } = request;
  const wanted: BuildRequest = { candidate, support, entries, threads, mode: "plain" };
  const build = await buildObject(wanted, context, annotations);
  if (build.status === "failed") return { status: "does-not-build", log: printedText(build.log, maximumLogCharacters) };
  const { exercise, printed } = await sample(context, request, build.artifact);
  if (exercise.status !== "exercised") return exercise;
  const rows = parseRows(printed);
  const total = rows.reduce((sum, [, count]) => sum + count, 0);
  const listing = await list(context.sandbox, context.toolchain, build.artifact);
  const functions = functionShares(rows, total, listing.status === "available" ? listing.value : []);
  const code: CodeProfile = {
    samples: total,
    functions: total > 0 ? { status: "available", value: functions } : { status: "unavailable", reason: "V8 took no sample in the object" },
    loops: { status: "unavailable", reason: noPlaces },
    lines: { status: "unavailable", reason: noPlaces },
    assembly: hottestFunction(functions, listing),
    vectorisation: { status: "available", value: remarksOf(build.remarks ?? "", functions) },
    outside: [],
    kernel: { status: "unavailable", reason: "an object calls nothing of the operating system" },
  };
  return { status: "profiled", code, secondsPerCall: exercise.secondsPerCall };
}

async function sample(
  { sandbox, toolchain }: BuildContext,
  request: ProfileRequest,
  artifact: Artifact,
): Promise<{ exercise: Exercise; printed: Buffer }> {
  const { entries, threads, callTimeoutMs } = request;
  const ending = new EndingSandbox(sandbox, (command) => ({
    ...command,
    command: command.command.map((word) => word.replace(/\/runner\.mjs$/, "/sampled-runner.mjs")),
  }));
  try {
    const session = await openSession(
      { libraries: [artifact], entries, threads, memory: "plain", wallMs: 10 * callTimeoutMs, callTimeoutMs },
      ending,
      toolchain,
    );
    const exercise = await request.exercise(session).finally(() => session.close());
    return { exercise, printed: await ending.output() };
  } catch (error) {
    // What the runner cannot load or lay out is the object's doing.
    if (error instanceof SandboxUnavailable || !(error instanceof Error)) throw error;
    return { exercise: { status: "crashed", detail: printedText(error.message, maximumLogCharacters) }, printed: Buffer.alloc(0) };
  }
}

/** Functions and how often they were seen; a function may come several times, once for each way it was called. */
function parseRows(printed: Buffer): [string, number][] {
  const json = /^forge-samples (.*)$/m.exec(printed.toString("utf8"))?.[1];
  if (json === undefined) return [];
  const counts = new Map<string, number>();
  for (const [name, count] of JSON.parse(json) as [string, number][]) counts.set(name, count + (counts.get(name) ?? 0));
  return [...counts].map(([name, count]): [string, number] => [printedText(name, 120), count]).sort((a, b) => b[1] - a[1]);
}

function functionShares(rows: [string, number][], total: number, listing: WasmFunction[]): FunctionShare[] {
  return rows.slice(0, maximumFunctions).map(([name, count]) => {
    const code = listing.find((candidate) => candidate.name === name);
    return { name, share: count / Math.max(1, total), source: code ? rangeOf(code.instructions.map(({ source }) => source)) : null };
  });
}

function hottestFunction(functions: FunctionShare[], listing: Available<WasmFunction[]>): CodeProfile["assembly"] {
  if (listing.status === "unavailable") return listing;
  const code = listing.value.find(({ name }) => name === functions[0]?.name);
  if (code === undefined) return { status: "unavailable", reason: "no function of the object was seen" };
  // Without samples in it the best guess of where a long function spends its time is its innermost loops.
  const inner = code.instructions.length > maximumInstructions ? innermostLoops(code) : [];
  const indices = inner.length > 0 ? inner : [...code.instructions.keys()];
  const shown = indices.slice(0, maximumInstructions).map((index) => code.instructions[index]!);
  return {
    status: "available",
    value: {
      function: code.name,
      source: functions[0]!.source,
      lines: shown.map(({ text, source }) => ({ text, share: null, sourceLine: source?.line ?? null })),
      omitted: code.instructions.length - shown.length,
    },
  };
}

function remarksOf(log: string, functions: FunctionShare[]) {
  const hot = functions.filter(({ share }) => share >= worthRemarks);
  const ranges = hot.flatMap(({ source }): SourceRange[] => (source === null ? [] : [source]));
  const within = (source: SourceRange | null, line: number) => source !== null && line >= source.firstLine && line <= source.lastLine;
  const shareOf = (file: string, line: number) =>
    Math.max(0, ...hot.filter(({ source }) => source?.file === file && within(source, line)).map(({ share }) => share));
  return remarksWithin(parseRemarks(log), ranges, shareOf);
}

async function list(sandbox: Sandbox, toolchain: WasmToolchain, artifact: Artifact): Promise<Available<WasmFunction[]>> {
  const program = findDisassembler(toolchain.clang);
  if (program === null) return { status: "unavailable", reason: "no llvm-objdump is installed (apt-get install llvm)" };
  const listing = await disassemble(sandbox, program, objdumpOptions, artifact);
  if (listing === null) return { status: "unavailable", reason: "llvm-objdump could not read the object" };
  return { status: "available", value: parseListing(listing) };
}

/** The one that belongs to the compiler, else any: an older one knows most instructions. */
function findDisassembler(clang: string): string | null {
  const major = /clang-(\d+)$/.exec(clang)?.[1];
  const folders = [dirname(realpathSync(clang)), ...(process.env.PATH ?? "").split(":")].filter((folder) => folder.startsWith("/"));
  const names = ["llvm-objdump", ...(major === undefined ? [] : [`llvm-objdump-${major}`])];
  return folders.flatMap((folder) => names.map((name) => join(folder, name))).find((path) => existsSync(path)) ?? null;
}
