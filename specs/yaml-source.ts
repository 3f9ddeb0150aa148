import { type Document, isAlias, isMap, isNode, isScalar, isSeq, LineCounter, type Node, parseDocument } from "yaml";
import { type Fail, SpecError, type SpecPath, showPath } from "./spec-error.js";

const maximumDepth = 32;
const maximumAliases = 100;
/** Keys that name something in every JavaScript object. */
const forbiddenKeys = ["__proto__", "constructor", "prototype"];

/** A YAML text as plain data, with the place of everything in it. */
export interface YamlSource {
  value: unknown;
  fail: Fail;
}

/** Follows a path through mappings, sequences and aliases as far as it leads. */
function locate(document: Document, path: SpecPath, at: "key" | "value"): Node | null {
  let node: unknown = document.contents;
  let found: Node | null = isNode(node) ? node : null;
  path.forEach((step, index) => {
    if (isAlias(node)) node = node.resolve(document);
    if (isMap(node)) {
      const pair = node.items.find((item) => isScalar(item.key) && item.key.value === step);
      node = pair?.value;
      if (pair !== undefined && isNode(pair.key)) found = pair.key;
      if (at === "key" && index === path.length - 1) return;
    } else node = isSeq(node) ? node.items[Number(step)] : undefined;
    // An empty value has no place of its own: then the key is shown.
    if (isNode(node) && node.range && node.range[0] < node.range[1]) found = node;
  });
  return found;
}

/** A bomb is refused before the parser, whose time grows with depth times length, sees it. */
function nestingOf(text: string): number {
  let depth = 0;
  let deepest = 0;
  for (const character of text) {
    if (character === "[" || character === "{") deepest = Math.max(deepest, ++depth);
    else if (character === "]" || character === "}") depth = Math.max(0, depth - 1);
  }
  const compact = /(?:[-?:][ \t]+){33,}/.test(text) ? maximumDepth + 1 : 0;
  return Math.max(deepest, compact);
}

/** Parses the subset of YAML that a spec may use; throws SpecError with line and column. `file` is for messages only. */
export function parseYaml(text: string, file: string): YamlSource {
  const lines = new LineCounter();
  const failAt = (offset: number, problem: string, expected: string, remedy: string): never => {
    const { line, col } = lines.linePos(offset);
    throw new SpecError({ file, line: Math.max(1, line), column: Math.max(1, col), problem, expected, remedy });
  };
  const tooDeep = (offset: number): never =>
    failAt(offset, `nested deeper than ${maximumDepth} levels`, "a spec, which needs about 6 levels", "take the excess nesting out");
  if (nestingOf(text) > maximumDepth) tooDeep(0);

  // Duplicate keys are looked for below, in linear time.
  const document = parseDocument(text, { lineCounter: lines, uniqueKeys: false, prettyErrors: false, version: "1.2", schema: "core" });
  const { yaml, tags } = document.directives ?? {};
  if (yaml?.explicit || (tags !== undefined && Object.keys(tags).length > 1))
    failAt(0, "%-directives are not allowed", "plain YAML 1.2", "remove the lines that begin with %");
  const tagged = document.warnings.find((warning) => warning.code === "TAG_RESOLVE_FAILED");
  const first = document.errors[0] ?? tagged;
  if (first !== undefined) failAt(first.pos[0], `not valid YAML: ${first.message}`, "YAML 1.2 without tags", "correct the syntax here");

  const fail: Fail = (path, problem, expected, remedy, at = "value") =>
    failAt(locate(document, path, at)?.range?.[0] ?? 0, problem, expected, remedy);

  let aliases = 0;
  const pending: { node: unknown; depth: number; path: SpecPath }[] = [{ node: document.contents, depth: 0, path: [] }];
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    const { node, depth, path } = next;
    if (!isNode(node)) continue;
    const offset = node.range?.[0] ?? 0;
    const name = showPath(path);
    if (depth > maximumDepth) tooDeep(offset);
    if (node.tag !== undefined)
      failAt(offset, `${name} has the tag ${node.tag}`, "values without tags", "remove the tag (the word that begins with !)");
    if (isAlias(node) && ++aliases > maximumAliases)
      failAt(offset, `more than ${maximumAliases} aliases`, "few or none", "write the values out instead of referring to them with *");
    if (isScalar(node)) checkScalar(node.value, name, offset, failAt);
    else if (isSeq(node))
      for (const [index, item] of node.items.entries()) pending.push({ node: item, depth: depth + 1, path: [...path, index] });
    else if (isMap(node)) {
      const seen = new Set<string>();
      for (const { key, value } of node.items) {
        const keyOffset = (isNode(key) ? key.range?.[0] : undefined) ?? offset;
        const word = isScalar(key) ? key.value : key;
        if (typeof word !== "string" || (isScalar(key) && key.tag !== undefined))
          return failAt(keyOffset, `a key of ${name} is not a word`, "words as keys", "put the key in quotes or give it a name");
        if (forbiddenKeys.includes(word))
          failAt(keyOffset, `the key ${word} is not allowed`, "a name that means nothing to JavaScript", "choose another name");
        if (seen.has(word))
          failAt(keyOffset, `the key ${word} occurs twice in ${name}`, "every key once", "remove or rename one of the two");
        seen.add(word);
        checkScalar(word, name, keyOffset, failAt);
        pending.push({ node: value, depth: depth + 1, path: [...path, word] });
      }
    }
  }
  return { value: toPlainData(document, failAt), fail };
}

function checkScalar(
  value: unknown,
  name: string,
  offset: number,
  failAt: (offset: number, ...texts: [string, string, string]) => never,
): void {
  if (typeof value === "number" && !Number.isFinite(value))
    failAt(offset, `${name} is ${value}`, "a finite number (64-bit floating point ends at 1.8e308)", "write a finite number");
  if (typeof value === "string" && /[\p{Cc}\u2028\u2029]/u.test(value.replace(/[\t\n\r]/g, "")))
    failAt(offset, `${name} contains a control character`, "printable text", "remove the control character");
}

function toPlainData(document: Document, failAt: (offset: number, ...texts: [string, string, string]) => never): unknown {
  try {
    // A copy through JSON breaks up shared objects, and refuses an alias that contains itself.
    return JSON.parse(JSON.stringify(document.toJS({ maxAliasCount: maximumAliases })) ?? "null");
  } catch (error) {
    return failAt(
      0,
      `aliases that cannot be resolved: ${(error as Error).message.split("\n")[0]}`,
      "few aliases, none inside itself",
      "write the values out instead of referring to them with *",
    );
  }
}
