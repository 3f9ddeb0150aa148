/** Flags that a candidate's manifest may ask for: an allow-list, because a compiler's flags can read files and load code. */

const optimisations = new Set(
  (
    "fast-math associative-math reciprocal-math finite-math-only math-errno signed-zeros trapping-math rounding-math unsafe-math-optimizations " +
    "approx-func honor-nans honor-infinities cx-limited-range single-precision-constant excess-precision " +
    "unroll-loops unroll-all-loops peel-loops unswitch-loops split-loops finite-loops aggressive-loop-optimizations loop-interchange " +
    "loop-unroll-and-jam loop-nest-optimize tree-loop-distribution tree-loop-distribute-patterns tree-loop-vectorize tree-loop-im tree-loop-ivcanon ivopts " +
    "vectorize tree-vectorize slp-vectorize tree-slp-vectorize prefetch-loop-arrays variable-expansion-in-unroller web rename-registers " +
    "inline inline-functions inline-small-functions early-inlining ipa-cp ipa-cp-clone ipa-pta ipa-ra " +
    "gcse gcse-las gcse-sm gcse-after-reload schedule-insns schedule-insns2 modulo-sched modulo-sched-allow-regmoves sched-pressure selective-scheduling " +
    "omit-frame-pointer strict-aliasing strict-overflow wrapv merge-all-constants jump-tables if-conversion if-conversion2 split-paths code-hoisting " +
    "tree-pre tree-partial-pre tree-ter tree-vrp predictive-commoning version-loops-for-strides cse-follow-jumps live-range-shrinkage " +
    "openmp openmp-simd signed-char unsigned-char common builtin plt pic PIC semantic-interposition exceptions rtti unwind-tables " +
    "asynchronous-unwind-tables stack-protector ident align-functions align-loops align-jumps align-labels function-sections data-sections"
  ).split(" "),
);

const instructionSets = new Set(
  (
    "avx avx2 avx512f avx512bw avx512cd avx512dq avx512vl avx512ifma avx512vbmi avx512vbmi2 avx512vnni avx512bf16 avx512fp16 avx512bitalg " +
    "avx512vpopcntdq avxvnni avxneconvert amx-tile amx-bf16 amx-int8 amx-fp16 fma fma4 f16c bmi bmi2 lzcnt popcnt movbe prfchw sse sse2 sse3 ssse3 sse4 sse4.1 sse4.2 " +
    "vzeroupper recip gather scatter simd128 relaxed-simd bulk-memory bulk-memory-opt sign-ext nontrapping-fptoint multivalue extended-const"
  ).split(" "),
);

const allowed: RegExp[] = [
  /^-O(?:[0-3sgz]|fast)?$/,
  /^-ffp-contract=(?:on|off|fast)$/,
  /^-ffp-model=(?:precise|strict|fast|aggressive)$/,
  /^-fdenormal-fp-math=(?:ieee|preserve-sign|positive-zero)$/,
  /^-fexcess-precision=(?:fast|standard|16)$/,
  /^-f(?:vect|simd)-cost-model=(?:unlimited|dynamic|cheap|very-cheap)$/,
  /^-fvisibility=(?:hidden|default)$/,
  /^-falign-(?:functions|loops|jumps|labels)=\d{1,4}$/,
  /^--param=[a-z][a-z0-9-]*=\d{1,9}$/,
  /^-m(?:arch|tune|cpu)=[a-z0-9][a-z0-9._+-]*$/,
  /^-mprefer-vector-width=(?:none|128|256|512)$/,
  /^-mrecip=[a-z0-9,!:]+$/,
  /^-D[A-Za-z_][A-Za-z0-9_]*(?:=(?:-?\d+|0[xX][0-9a-fA-F]+|[A-Za-z_]\w*))?$/,
  /^-std=(?:c|gnu)(?:99|11|17|18|2x|23|\+\+(?:11|14|17|20|2a|2b|23))$/,
  /^-W(?:no-)?[a-z][a-z0-9+-]+(?:=[a-z0-9-]+)?$/,
  /^-(?:W|w|pedantic|g[0-3]?|lm)$/,
];

/** What is known to be dangerous is named as such; the rest is merely not on the list. */
const refusals: [RegExp, string][] = [
  [/^@/, "reads further flags from a file"],
  [/\s/, "holds white space; every flag is an element of its own"],
  [/^-f?(?:plugin|pass-plugin|plugin-arg-)|^-load/, "loads code into the compiler"],
  [
    /^-(?:I|isystem|iquote|idirafter|include|imacros|isysroot|-sysroot)/,
    "names a path; files are included from the candidate's own folder only",
  ],
  [/^-B/, "changes where the compiler looks for its own programs"],
  [/^-(?:Wl|Wa|Wp|X|mllvm)/, "hands options to another program behind the compiler"],
  [/^-(?:l|L|shared|static|rdynamic)/, "links something; only -lm and -fopenmp may be asked for"],
  [/^-fsanitize|^-fprofile|^-fcoverage|^-finstrument/, "changes what is measured; sanitizers are the harness's to switch on"],
  [/^-(?:o|x|c|S|E|M|save-temps|dump|fdump)/, "decides what is written, which is the harness's part"],
  [/^-D/, "defines something other than an integer or a name; write -DNAME, -DNAME=12 or -DNAME=OTHER"],
  [/^[^-]/, "is not a flag"],
];

function isAllowed(flag: string): boolean {
  if (allowed.some((pattern) => pattern.test(flag))) return true;
  const optimisation = /^-f(?:no-)?([A-Za-z0-9-]+)$/.exec(flag);
  if (optimisation) return optimisations.has(optimisation[1]!);
  const instructionSet = /^-m(?:no-)?([a-z0-9.-]+)$/.exec(flag);
  return instructionSet !== null && instructionSets.has(instructionSet[1]!);
}

/** The flags (compile or link) that may not be used, each with the reason; empty where all may. */
export function checkFlags(flags: string[]): { flag: string; why: string }[] {
  return flags
    .filter((flag) => !isAllowed(flag))
    .map((flag) => ({
      flag,
      why: refusals.find(([pattern]) => pattern.test(flag))?.[1] ?? "is not on the list of allowed flags (verifiers/build-flags.ts)",
    }));
}
