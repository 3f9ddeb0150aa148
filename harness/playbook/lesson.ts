import { type Static, Type } from "@sinclair/typebox";

const closed = { additionalProperties: false };
const positive = Type.Number({ exclusiveMinimum: 0 });

/** One attempt that a lesson rests on, or that speaks against it. */
const Evidence = Type.Object(
  {
    run: Type.String({ minLength: 1 }),
    attempt: Type.Integer({ minimum: 1 }),
    variant: Type.String(),
    /** Speed over the baseline before and after; null where nothing was timed. */
    before: Type.Union([positive, Type.Null()]),
    after: Type.Union([positive, Type.Null()]),
    /** What was measured, or what failed, in a few words. */
    finding: Type.String(),
  },
  closed,
);

/** `worked`: made it faster, or right. `did-not`: made it slower, wrong, or changed nothing. */
export const Lesson = Type.Object(
  {
    id: Type.String({ pattern: "^L[0-9a-f]{6}$" }),
    text: Type.String({ minLength: 1, maxLength: 400 }),
    effect: Type.Union([Type.Literal("worked"), Type.Literal("did-not")]),
    evidence: Type.Array(Evidence),
    contradictions: Type.Array(Evidence),
  },
  closed,
);

export const PlaybookDocument = Type.Object(
  {
    format: Type.Literal("forge-playbook/1"),
    spec: Type.String(),
    target: Type.String(),
    cpuModel: Type.String(),
    lessons: Type.Array(Lesson),
  },
  closed,
);

export type Evidence = Static<typeof Evidence>;
export type Lesson = Static<typeof Lesson>;
export type PlaybookDocument = Static<typeof PlaybookDocument>;

/** A lesson that as much speaks against as for: it is told no more as something that works. */
export const isDemoted = ({ evidence, contradictions }: Lesson): boolean => contradictions.length >= Math.max(1, evidence.length);
