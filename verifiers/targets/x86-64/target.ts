import { existsSync } from "node:fs";
import { availableParallelism } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Variant } from "../../../specs/contracts/spec.js";
import type {
  Artifact,
  BuildRequest,
  Peaks,
  ProfileRequest,
  Session,
  SessionRequest,
  Target,
  TargetContext,
  TargetProbe,
  TargetProfile,
  Toolchain,
  TuningSpace,
} from "../../../specs/contracts/target.js";
import { buildObject } from "./build.js";
import { describeChip } from "./facts.js";
import { inspectObject } from "./inspect.js";
import { measurePeaks } from "./peaks.js";
import { probeX86, supportedCompilers } from "./probe.js";
import { profileObject } from "./profile.js";
import { buildRunner } from "./runner-build.js";
import { openSession } from "./session.js";

/** Where runner.c and peaks.c lie: beside this file in the source tree, which also ships beside dist/. */
function assetDirectory(): string {
  const here = dirname(fileURLToPath(import.meta.url));
  const shipped = join(here.replace(/\/dist(?=\/verifiers\/)/, ""));
  return existsSync(join(shipped, "runner.c")) ? shipped : here;
}

const libcImports = [
  ..."memcpy memmove memset memcmp bcmp malloc calloc realloc free aligned_alloc posix_memalign abort abs labs".split(" "),
  ..."__stack_chk_fail __memcpy_chk __memset_chk __memmove_chk __cxa_finalize __gmon_start__ _ITM_deregisterTMCloneTable _ITM_registerTMCloneTable __tls_get_addr __cpu_model __cpu_indicator_init".split(
    " ",
  ),
];
const libmImports =
  /^(?:_ZGV[a-z]\w+|(?:exp|exp2|expm1|log|log2|log1p|log10|sqrt|cbrt|pow|sin|cos|sincos|tan|tanh|sinh|cosh|erf|erfc|fma|fmax|fmin|fabs|floor|ceil|round|rint|nearbyint|trunc|copysign|ldexp|frexp|scalbn|fmod|hypot|atan|atan2|asin|acos|lrint|lround|llrint)f?|__(?:exp|log|pow|expf|logf|powf|exp2f|log2f)_finite)$/;
/** Without its clock: nobody is to know how long a call took. */
const openmpImports = /^(?:GOMP_\w+|omp_(?!get_w(?:time|tick)$)\w+|__kmpc_\w+)$/;

export function createX86Target(context: TargetContext): Target {
  return new X86Target(context);
}

class X86Target implements Target {
  readonly name = "x86-64";
  private readonly assets = assetDirectory();
  private probed: Promise<TargetProbe> | null = null;

  constructor(private readonly context: TargetContext) {}

  probe(): Promise<TargetProbe> {
    this.probed ??= probeX86();
    return this.probed;
  }

  defaultThreads(): number {
    return Math.min(availableParallelism(), 64);
  }

  async build(request: BuildRequest) {
    return buildObject(this.context.sandbox, this.context.cacheDirectory, await this.toolchains(), request);
  }

  inspect(artifact: Artifact) {
    return inspectObject(artifact);
  }

  importAllowed(library: string, symbol: string): boolean {
    if (library === "libm") return libmImports.test(symbol);
    if (library === "openmp") return openmpImports.test(symbol);
    return library === "libc" && libcImports.includes(symbol);
  }

  libraryAllowed(library: string, file: string): boolean {
    const patterns: Record<string, RegExp> = {
      libc: /^(libc\.so|ld-linux|libgcc_s\.so)/,
      libm: /^(libm\.so|libmvec\.so)/,
      openmp: /^(libgomp\.so|libomp\.so|libpthread\.so)/,
    };
    return patterns[library]?.test(file) ?? false;
  }

  runtimeThreads(): number {
    return 0;
  }

  sanitizers(): boolean {
    return true;
  }

  async open(request: SessionRequest): Promise<Session> {
    const sanitized = request.memory === "sanitized";
    const toolchains = await this.toolchains();
    // A sanitized object needs the runtime of its own compiler, hence the name that the build was asked with.
    const compiler = toolchains.find((toolchain) => toolchain.name === (request.compiler ?? "gcc")) ?? toolchains[0]!;
    const runner = await buildRunner(
      this.assets,
      this.context.cacheDirectory,
      compiler,
      request.entries,
      sanitized ? "sanitized" : "plain",
    );
    return openSession(this.context.sandbox, runner, request);
  }

  async profile(request: ProfileRequest): Promise<TargetProfile> {
    const toolchains = await this.toolchains();
    const { sandbox, cacheDirectory } = this.context;
    const runner = await buildRunner(this.assets, cacheDirectory, toolchains[0]!, request.entries, "sampling");
    return profileObject({ sandbox, cacheDirectory, toolchains, runner }, request);
  }

  async peaks(threads: number, anew = false): Promise<Peaks> {
    const probe = await this.available();
    return measurePeaks(this, this.assets, this.context.cacheDirectory, probe.machine, probe.toolchains[0]!.name, threads, anew);
  }

  baselineFlags(_compiler: string): string[] {
    return ["-O3", "-march=native"];
  }

  tuningSpace(_variant: Variant): TuningSpace {
    return {
      compilers: supportedCompilers,
      optimisation: ["-O3", "-O2"],
      mathematics: [
        [],
        ["-ffp-contract=fast"],
        ["-fno-math-errno", "-fno-trapping-math", "-ffp-contract=fast"],
        ["-fno-math-errno", "-fno-trapping-math", "-ffp-contract=fast", "-fassociative-math", "-fno-signed-zeros", "-freciprocal-math"],
        ["-ffast-math"],
      ],
      vectors: [[], ["-mprefer-vector-width=512"], ["-mprefer-vector-width=256"]],
      unrolling: [[], ["-funroll-loops"]],
      machine: ["-march=native"],
      openmp: { compile: ["-fopenmp"], link: ["-fopenmp"] },
    };
  }

  async facts(): Promise<string> {
    const probe = await this.available();
    return describeChip(probe.machine, probe.toolchains, await this.peaks(this.defaultThreads()));
  }

  private async toolchains(): Promise<Toolchain[]> {
    return (await this.available()).toolchains;
  }

  private async available(): Promise<Extract<TargetProbe, { status: "available" }>> {
    const probe = await this.probe();
    if (probe.status === "unavailable") throw new Error(`target ${this.name} is not available: ${probe.reason}; install: ${probe.install}`);
    return probe;
  }
}
