import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { Ajv } from "ajv";
import type { ForgeEvent } from "../../specs/contracts/event.js";
import { StoreError } from "../../specs/contracts/store.js";
import { replaceFile } from "../../verifiers/replace-file.js";
import { learnFrom } from "./learn.js";
import { isDemoted, type Lesson, PlaybookDocument } from "./lesson.js";

/** Whose playbook: an operation on a chip. */
export interface PlaybookKey {
  spec: string;
  target: string;
  cpuModel: string;
}

const mostWorked = 12;
const mostDidNot = 8;
const validate = new Ajv({ allErrors: true }).compile<PlaybookDocument>(PlaybookDocument);

const slugOf = (text: string): string =>
  text
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "-")
    .replace(/^-|-$/g, "");

export const playbookPath = (runsDirectory: string, { spec, target, cpuModel }: PlaybookKey): string =>
  join(runsDirectory, "playbook", `${spec}.${target}.${slugOf(cpuModel)}.json`);

/** The lessons so far; none where there is no file. Throws StoreError naming the file where it is damaged. */
export function readLessons(runsDirectory: string, key: PlaybookKey): Lesson[] {
  const path = playbookPath(runsDirectory, key);
  if (!existsSync(path)) return [];
  const remedy = "correct it, or delete it: `forge` learns anew from later runs";
  let parsed: unknown;
  try {
    parsed = JSON.parse(readFileSync(path, "utf8"));
  } catch (error) {
    throw new StoreError(`${path}: is not JSON (${error instanceof Error ? error.message : String(error)}); ${remedy}`, { cause: error });
  }
  if (!validate(parsed)) {
    const [first] = validate.errors ?? [];
    throw new StoreError(`${path}: ${first?.instancePath || "the document"} ${first?.message ?? "is not as expected"}; ${remedy}`);
  }
  return parsed.lessons;
}

/** Adds what a run taught. */
export function writeLessons(runsDirectory: string, key: PlaybookKey, events: readonly ForgeEvent[]): void {
  const lessons = learnFrom(readLessons(runsDirectory, key), events);
  const path = playbookPath(runsDirectory, key);
  mkdirSync(dirname(path), { recursive: true });
  const document: PlaybookDocument = { format: "forge-playbook/1", ...key, lessons };
  replaceFile(path, `${JSON.stringify(document, null, 2)}\n`);
}

/** What an agent is given: what worked, the largest gain first, and what did not; demoted lessons only as a warning. */
export function playbookText(lessons: readonly Lesson[]): string {
  const standing = lessons.filter((lesson) => !isDemoted(lesson));
  const worked = standing.filter(({ effect }) => effect === "worked").sort((a, b) => gainOf(b) - gainOf(a));
  const didNot = standing.filter(({ effect }) => effect === "did-not").reverse();
  const demoted = lessons.filter((lesson) => isDemoted(lesson) && lesson.effect === "worked");
  return [
    ...listing("Worked:", worked.slice(0, mostWorked), evidenceText),
    ...listing("Did not:", didNot.slice(0, mostDidNot), evidenceText),
    ...listing(
      "Said to work, but later runs contradict it:",
      demoted.slice(-mostDidNot),
      (lesson) => lesson.contradictions.at(-1)!.finding,
    ),
  ].join("\n");
}

const listing = (title: string, lessons: Lesson[], why: (lesson: Lesson) => string): string[] =>
  lessons.length === 0 ? [] : [title, ...lessons.map((lesson) => `- ${lesson.id}: ${lesson.text} (${why(lesson)})`)];

function evidenceText({ evidence }: Lesson): string {
  const newest = evidence.at(-1);
  if (!newest) return "no figures";
  const times = evidence.length > 1 ? `, seen ${evidence.length} times` : "";
  return `${newest.variant}, ${newest.finding}, run ${newest.run}${times}`;
}

function gainOf({ evidence }: Lesson): number {
  const gains = evidence.flatMap(({ before, after }) => (after === null ? [] : [after / (before ?? 1)]));
  return Math.max(0, ...gains);
}
