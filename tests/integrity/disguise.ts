import type { Candidate } from "../../specs/contracts/target.js";

/** Names that are not the cheater's own: of the language, of libraries, of the harness, of instructions. */
const foreign =
  /^(?:forge_\w*|FORGE_\w*|_mm\w*|__\w+|GOMP_\w+|omp_\w+|_\w*|[A-Z_]+_MAX|SYS_\w+|RTLD_\w+|O_\w+|PROT_\w+|MAP_\w+|CLOCK_\w+|Elf64_\w+|[edprst]{1,2}_(?:phoff|phnum|type|vaddr|tag|un|ptr|info|name|offset)|PT_\w+|DT_\w+|ELF64_\w+|clockid_t|puts|SIG[A-Z]+)$/;
const known = new Set(
  (
    "auto break case char const continue default do double else enum extern float for goto if inline int long register restrict return short signed sizeof static " +
    "struct switch typedef union unsigned void volatile while asm typeof size_t ssize_t ptrdiff_t intptr_t uintptr_t int8_t uint8_t int16_t uint16_t int32_t " +
    "uint32_t int64_t uint64_t NULL include define ifdef ifndef endif pragma elif defined error omp parallel for schedule num_threads simd reduction nowait task GCC unroll " +
    "memcpy memset memmove memcmp malloc calloc realloc free aligned_alloc abort sqrtf expf logf fabsf fmaxf fminf fmaf exp2f tanhf rintf nearbyintf sqrt exp log fabs " +
    "vector_size aligned may_alias noinline always_inline used constructor naked optimize target volatile memory rax rbx rcx rdx rsi rdi r8 r9 r10 r11 r12 r13 r14 r15 rsp rbp " +
    "fopen fread fwrite fclose fputs printf puts write read open close exit _exit getenv environ dlopen dlsym dlclose shm_open shm_unlink mmap munmap mprotect ftruncate pthread_create pthread_join " +
    "pthread_t pthread_detach FILE stdout stderr clock_gettime timespec tv_sec tv_nsec kill getppid getpid thread_local thread tls dynamic static runtime x"
  ).split(" "),
);

/** Splits C text into what is code and what is not to be touched: strings, comments, included names. */
const tokens =
  /"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|\/\*[\s\S]*?\*\/|\/\/[^\n]*|^[ \t]*#[ \t]*include[^\n]*|0[xX][0-9a-fA-F.]+[pP]?[-+]?\w*|\d[\w.]*(?:[eE][-+]?\d+\w*)?|[A-Za-z_]\w*|[\s\S]/gm;

/** The same program under other names, without its comments: whoever recognises words recognises nothing. */
function renameAll(files: Record<string, string>, entries: string[]): Record<string, string> {
  const names = new Map<string, string>();
  const rename = (word: string): string => {
    if (known.has(word) || foreign.test(word) || entries.includes(word)) return word;
    const given = names.get(word) ?? `q${(names.size * 7919 + 104_729).toString(36)}`;
    names.set(word, given);
    return given;
  };
  const disguised = (text: string): string =>
    text.replace(tokens, (token) =>
      token.startsWith("/*") || token.startsWith("//") ? " " : /^[A-Za-z_]/.test(token) ? rename(token) : token,
    );
  return Object.fromEntries(Object.entries(files).map(([name, text]) => [name, disguised(text)]));
}

/** The pieces of a file at its outermost level: lines of the preprocessor, declarations, definitions. */
function piecesOf(text: string): string[] {
  const pieces: string[] = [];
  let piece = "";
  let depth = 0;
  const finish = () => {
    if (piece.trim() !== "") pieces.push(piece.trim());
    piece = "";
  };
  const lines = text.replace(/\\\n/g, "\\\u0000").split("\n");
  for (const line of lines) {
    const whole = line.replaceAll("\u0000", "\n");
    if (depth === 0 && /^\s*#/.test(line)) {
      finish();
      pieces.push(whole.trim());
      continue;
    }
    for (const token of `${whole}\n`.match(tokens) ?? []) {
      piece += token;
      if (token === "{" || token === "(") depth++;
      if (token === "}" || token === ")") depth--;
      if (depth !== 0) continue;
      const isFunction =
        /\)\s*\{/.test(piece) &&
        !/=\s*\{/.test(piece.slice(0, piece.indexOf("{") + 1)) &&
        !/^\s*(?:typedef|struct|enum|union)\b/.test(piece);
      if (token === ";" || (token === "}" && isFunction)) finish();
    }
  }
  finish();
  return pieces;
}

const isDefinition = (piece: string): boolean =>
  /\)\s*\{/.test(piece) && !/^(?:typedef|struct|enum|union|#)/.test(piece) && !/^static\s+inline/.test(piece);
const isVariable = (piece: string): boolean =>
  /^(?:static\s+)(?!inline)/.test(piece) && !isDefinition(piece) && !/\)\s*;$/.test(piece.replace(/=[\s\S]*/, ";"));

/** One file as two: definitions by turns in the one and the other, everything else in both, what was static shared between them. */
function split(text: string): [string, string] {
  const pieces = piecesOf(text);
  const parts: [string[], string[]] = [[], []];
  let turn = 0;
  for (const piece of pieces) {
    const shared = piece.replace(/^(__attribute__\S+\s+)?static\s+(?!inline)/, "$1");
    if (isDefinition(piece)) {
      const home = turn++ % 2;
      parts[home]!.push(shared);
      parts[1 - home]!.push(`${shared.slice(0, shared.indexOf("{")).trim()};`);
    } else if (isVariable(piece)) {
      parts[0].push(shared);
      // A struct without a name cannot be declared twice: it is given one first, see `namedStructs`.
      parts[1].push(`extern ${shared.replace(/^((?:__thread\s+)?struct\s+\w+)\s*\{[\s\S]*?\}/, "$1").replace(/\s*=[\s\S]*$/, ";")}`);
      const body = /^(?:__thread\s+)?(struct\s+\w+\s*\{[\s\S]*?\})/.exec(shared);
      if (body) parts[1].splice(-1, 0, `${body[1]};`);
    } else for (const part of parts) part.push(piece);
  }
  return [`${parts[0].join("\n")}\n`, `${parts[1].join("\n")}\n`];
}

let structs = 0;
const namedStructs = (text: string): string =>
  text.replace(/^(static\s+(?:__thread\s+)?)struct\s*\{/gm, (_, before: string) => `${before}struct anonymous_${structs++} {`);

/** Renamed throughout and its code in two files, mechanically: what must be caught again, by the same law. */
export function disguise(candidate: Candidate, entries: string[]): Candidate {
  const named = Object.fromEntries(
    Object.entries(candidate.files).map(([name, text]) => [name, name === "kernel.c" ? namedStructs(text) : text]),
  );
  const files = renameAll(named, entries);
  const [first, second] = split(files["kernel.c"]!);
  const { "kernel.c": _, ...headers } = files;
  const { manifest } = candidate;
  const flags = manifest.units[0]!.flags;
  return {
    files: { ...headers, "first.c": first, "second.c": second },
    manifest: { ...manifest, units: ["first.c", "second.c"].map((source) => ({ source, flags })) },
  };
}
