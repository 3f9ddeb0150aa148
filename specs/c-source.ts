/** What the loader needs to know of a C function: enough to catch a reference that does not fit its spec. */
export interface CFunction {
  /** Type and name of each parameter, without const, restrict and spaces: "STORE*", "x". */
  parameters: { type: string; name: string }[];
  loopVariables: string[];
}

/** Comments, strings and characters become blanks of the same length, so that no text in them is taken for code. */
export function withoutCommentsAndStrings(source: string): string {
  const literal = /\/\*[\s\S]*?(?:\*\/|$)|\/\/[^\n]*|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'/g;
  return source.replace(literal, (text) => text.replace(/[^\n]/g, " "));
}

/** The index behind the bracket that closes the one at `open`, or -1. */
function closingIndex(code: string, open: number, pair: "()" | "{}"): number {
  let depth = 0;
  for (let index = open; index < code.length; index++) {
    if (code[index] === pair[0]) depth++;
    else if (code[index] === pair[1] && --depth === 0) return index + 1;
  }
  return -1;
}

function parseParameter(text: string): { type: string; name: string } {
  const words = text.replace(/\b(?:const|restrict|__restrict|__restrict__)\b/g, " ").match(/\w+|\*/g) ?? [];
  return { type: words.slice(0, -1).join(""), name: words.at(-1) ?? "" };
}

/** Finds `int NAME(...) { ... }` in C without comments; null where the source does not define it that way. */
export function findFunction(code: string, name: string): CFunction | null {
  for (const match of code.matchAll(new RegExp(`\\bint\\s+${name}\\s*\\(`, "g"))) {
    const open = match.index + match[0].length - 1;
    const close = closingIndex(code, open, "()");
    const body = close === -1 ? null : /^\s*\{/.exec(code.slice(close));
    // Without a body it is a prototype.
    if (body === null) continue;
    const end = closingIndex(code, close + body[0].length - 1, "{}");
    if (end === -1) continue;
    const parameters = code
      .slice(open + 1, close - 1)
      .split(",")
      .map(parseParameter);
    // As the lowering finds them: at the start of a line, so that a pragma can stand before them.
    const loops = code.slice(close, end).matchAll(/^[ \t]*for \(\s*\w+ (\w+)\b/gm);
    return { parameters, loopVariables: [...new Set([...loops].map((loop) => loop[1]!))] };
  }
  return null;
}

/** The files that a source includes, as written: "forge.h" or <math.h>. Comments are looked through, strings are not. */
export function includesOf(source: string): string[] {
  const withoutComments = source.replace(/\/\*[\s\S]*?(?:\*\/|$)|\/\/[^\n]*/g, " ");
  return [...withoutComments.matchAll(/^[ \t]*(?:#|%:)[ \t]*(?:include|include_next|import|embed)\b[ \t]*([^\n]*)/gm)].map((match) =>
    match[1]!.trim(),
  );
}

const reserved = new Set(
  (
    "alignas alignof and and_eq asm atomic_cancel atomic_commit atomic_noexcept auto bitand bitor bool break case catch char char8_t char16_t char32_t class compl concept " +
    "const consteval constexpr constinit const_cast continue co_await co_return co_yield decltype default delete do double dynamic_cast else enum explicit export extern " +
    "false float for friend goto if inline int long mutable namespace new noexcept not not_eq nullptr operator or or_eq private protected public register reinterpret_cast " +
    "requires restrict return short signed sizeof static static_assert static_cast struct switch template this thread_local throw true try typedef typeid typename typeof " +
    "union unsigned using virtual void volatile wchar_t while xor xor_eq unix linux main load store int64_t int32_t uint16_t"
  ).split(" "),
);

/** Words that cannot be a parameter or function of a header for C and C++, or that forge.h needs for itself. */
export function isReservedWord(name: string): boolean {
  return reserved.has(name) || name.startsWith("forge_");
}
