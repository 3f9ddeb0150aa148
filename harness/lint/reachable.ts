import { withoutCommentsAndStrings } from "../../specs/c-source.js";
import { definitionRange } from "../../specs/lower-reference.js";

/** A function or a macro of a source, with its place in it. */
interface Definition {
  name: string;
  start: number;
  end: number;
  /** Names that stand in it. */
  mentions: Set<string>;
}

/** Which entries can be changed by a change at a place: the one it stands in, or all that use what it stands in. */
export function entriesReaching(text: string, entries: string[]): (place: number) => string[] {
  const definitions = definitionsOf(text, entries);
  const reached = new Map(entries.map((entry) => [entry, reach(entry, definitions)]));
  return (place) => {
    const within = definitions.find(({ start, end }) => place >= start && place < end);
    // Outside of all of them: a constant of the file, say.
    return within ? entries.filter((entry) => reached.get(entry)!.has(within.name)) : entries;
  };
}

function definitionsOf(text: string, entries: string[]): Definition[] {
  const code = withoutCommentsAndStrings(text);
  const definition = (name: string, start: number, end: number): Definition => ({
    name,
    start,
    end,
    mentions: new Set(code.slice(start, end).match(/[A-Za-z_]\w*/g)),
  });
  const functions = [...code.matchAll(/^[A-Za-z_][\w \t*]*?\b(\w+)\s*\([^;{}]*\)\s*\{/gm)].map((match) => match[1]!);
  const macros = [...code.matchAll(/^[ \t]*#[ \t]*define[ \t]+(\w+)(?:\\\n|[^\n])*/gm)];
  return [
    ...[...new Set([...entries, ...functions])].map((name) => {
      const { start, end } = definitionRange(text, name);
      return definition(name, start, end);
    }),
    ...macros.map((match) => definition(match[1]!, match.index, match.index + match[0].length)),
  ];
}

function reach(from: string, definitions: Definition[]): Set<string> {
  const found = new Set([from]);
  for (const name of found)
    for (const { mentions } of definitions.filter((candidate) => candidate.name === name))
      for (const { name: other } of definitions) if (mentions.has(other)) found.add(other);
  return found;
}
