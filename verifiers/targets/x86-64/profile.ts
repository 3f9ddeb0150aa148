import type { CodeProfile, SourceRange } from "../../../specs/contracts/profile.js";
import type { Sandbox } from "../../../specs/contracts/sandbox.js";
import type { Artifact, BuildRequest, Exercise, ProfileRequest, TargetProfile, Toolchain } from "../../../specs/contracts/target.js";
import { disassemble } from "../disassemble.js";
import { EndingSandbox } from "../ending-sandbox.js";
import { printedText } from "../printed-text.js";
import { parseRemarks, remarksWithin } from "../remarks.js";
import { attributeSamples, type CodeShares } from "./attribution.js";
import { buildLog, buildObject } from "./build.js";
import { objdumpOptions, parseDisassembly } from "./disassembly.js";
import { parseSamples, type Samples } from "./samples.js";
import { openSession, RunnerFailure } from "./session.js";

const objdump = "/usr/bin/objdump";
const maximumLogCharacters = 4_000;
const maximumOutside = 8;
/** Functions that cost less are not worth a remark. */
const worthRemarks = 0.01;
/** Several ticks of the scheduler, by which CPU time is divided between a program and the kernel. */
const tellableSeconds = 0.02;
/** Line information and remarks; neither changes what is compiled. DWARF 4 is what every binutils reads. */
const annotations: Record<string, string[]> = {
  gcc: ["-g", "-gdwarf-4", "-fopt-info-vec-optimized-missed"],
  clang: ["-g", "-gdwarf-4", "-Rpass=loop-vectorize", "-Rpass-missed=loop-vectorize", "-Rpass-analysis=loop-vectorize"],
};

export interface ProfileTools {
  sandbox: Sandbox;
  cacheDirectory: string;
  toolchains: Toolchain[];
  /** Path of a runner that samples. */
  runner: string;
}

/** Builds the candidate with line information, samples its calls in a runner of its own and lays the samples over the disassembly. */
export async function profileObject(tools: ProfileTools, request: ProfileRequest): Promise<TargetProfile> {
  const { candidate, support, entries, threads } = request;
  const wanted: BuildRequest = { candidate, support, entries, threads, mode: "plain" };
  const build = await buildObject(tools.sandbox, tools.cacheDirectory, tools.toolchains, wanted, annotations[candidate.manifest.compiler]);
  if (build.status === "failed") return { status: "does-not-build", log: printedText(build.log, maximumLogCharacters) };
  const { exercise, printed } = await sample(tools, request, build.artifact);
  if (exercise.status !== "exercised") return exercise;
  const samples = parseSamples(printed);
  if (samples === null) return { status: "crashed", detail: "the runner ended without its samples: did the candidate end the process?" };
  const { secondsPerCall } = exercise;
  const totalSeconds = secondsPerCall.reduce((sum, seconds) => sum + seconds, 0);
  const code = await describeCode(tools, build.artifact, samples, totalSeconds / secondsPerCall.length);
  return { status: "profiled", code, secondsPerCall };
}

async function sample(
  { sandbox, runner }: ProfileTools,
  request: ProfileRequest,
  artifact: Artifact,
): Promise<{ exercise: Exercise; printed: Buffer }> {
  const { entries, threads, callTimeoutMs } = request;
  const ending = new EndingSandbox(sandbox);
  const crashed = (error: unknown): Exercise => {
    if (error instanceof RunnerFailure) return { status: "crashed", detail: printedText(error.message, maximumLogCharacters) };
    throw error;
  };
  let session: Awaited<ReturnType<typeof openSession>>;
  try {
    session = await openSession(ending, runner, {
      libraries: [artifact],
      entries,
      threads,
      memory: "plain",
      wallMs: 10 * callTimeoutMs,
      callTimeoutMs,
    });
  } catch (error) {
    return { exercise: crashed(error), printed: Buffer.alloc(0) };
  }
  let exercise: Exercise;
  try {
    exercise = await request.exercise(session).catch(crashed);
  } finally {
    await session.close();
  }
  return { exercise, printed: await ending.output() };
}

async function describeCode({ sandbox }: ProfileTools, artifact: Artifact, samples: Samples, meanSeconds: number): Promise<CodeProfile> {
  const listing = await disassemble(sandbox, objdump, objdumpOptions, artifact);
  const shares = listing === null ? withoutListing() : attributeSamples(samples, parseDisassembly(listing));
  const share = (count: number) => count / Math.max(1, samples.total);
  const cpuNs = samples.userNs + samples.systemNs;
  return {
    samples: samples.total,
    ...shares,
    vectorisation: { status: "available", value: remarksOf(buildLog(artifact), shares) },
    outside: samples.outside.slice(0, maximumOutside).map(({ library, symbol, count }) => ({ library, symbol, share: share(count) })),
    kernel: {
      status: "available",
      value: {
        pageFaultsPerCall: samples.pageFaults / Math.max(1, samples.calls),
        share: meanSeconds >= tellableSeconds && cpuNs > 0 ? samples.systemNs / cpuNs : null,
      },
    },
  };
}

function remarksOf(log: string, shares: CodeShares) {
  const functions = shares.functions.status === "available" ? shares.functions.value : [];
  const ranges = functions.flatMap(({ share, source }): SourceRange[] => (source !== null && share >= worthRemarks ? [source] : []));
  const loops = shares.loops.status === "available" ? shares.loops.value : [];
  // A remark names the loop's head, which often is the line before the first that costs something.
  const isAt = (source: SourceRange | null, file: string, line: number) =>
    source !== null && source.file === file && line >= source.firstLine - 1 && line <= source.lastLine;
  const shareOf = (file: string, line: number) =>
    Math.max(0, ...loops.filter(({ source }) => isAt(source, file, line)).map(({ share }) => share));
  return remarksWithin(parseRemarks(log), ranges, shareOf);
}

function withoutListing(): CodeShares {
  const unavailable = { status: "unavailable", reason: "objdump could not read the object" } as const;
  return { functions: unavailable, loops: unavailable, lines: unavailable, assembly: unavailable };
}
