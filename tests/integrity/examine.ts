import { ExamRoom } from "../../harness/exam-room.js";
import { evidenceText } from "../../harness/progress/evidence-text.js";
import type { Candidate } from "../../specs/contracts/target.js";
import type { CheckResult, Verdict } from "../../specs/contracts/verdict.js";
import type { Cheater } from "./cheater-file.js";
import { disguise } from "./disguise.js";
import { failureOf, judgeByEveryLaw, judgeWithout, objectionOf, ratioOf } from "./judgements.js";
import { examineNaively, isFooled } from "./naive-examiner.js";
import { copyFor } from "./small-spec-copies.js";
import { candidateFor } from "./sources.js";

/** One question put to a cheater: as it should be or not, and what was seen. */
export interface Finding {
  right: boolean;
  seen: string;
  /** The baseline's time over the candidate's, where it came to that. */
  ratio?: number | null;
}

export interface Examination {
  cheater: Cheater;
  target: Cheater["targets"][number];
  naive: Finding;
  caught: Finding;
  withoutLaw: Finding;
  disguised: Finding;
  twin: Finding;
}

type Exam = Parameters<typeof judgeByEveryLaw>[1];

export const examOf = (cheater: Cheater, target: Examination["target"]): Exam => ({
  loaded: copyFor(cheater),
  variant: cheater.variant ?? "f32",
  target,
  threads: cheater.threads ?? 1,
});

/** What a trick must not gain, and what an unlawful gain is at least. */
const nothing = 1.1;

/** Caught: the check that was foretold failed. Harmless: right, and no faster than its twin. */
function judgeCatch(cheater: Cheater, verdict: Verdict, twin: Finding | null): Finding {
  const failure = failureOf(verdict.checks);
  if ("harmless" in cheater.caught) {
    const finding = findingOf(cheater, verdict);
    const isAsFast = twin === null || (finding.ratio ?? 1) <= nothing * (twin.ratio ?? 1);
    const gainsNothing = cheater.caught.shownBy === "outcome" ? verdict.outcome === "passed" : isAsFast;
    return { ...finding, right: finding.right && gainsNothing, seen: `${verdict.outcome}; ${finding.seen}` };
  }
  if (!failure) return { right: false, seen: objectionOf(verdict.checks) ?? `not caught: ${verdict.outcome}` };
  return {
    // A confirmation is the check on speed once more.
    right: failure.check === cheater.caught.check || (cheater.caught.check === "speed" && failure.check === "confirmation"),
    seen: `${failure.check}, ${failure.evidence.law}: ${evidenceText(failure.evidence)}`,
  };
}

function findingOf(cheater: Cheater, verdict: { checks: CheckResult[] }): Finding {
  const objection = objectionOf(verdict.checks);
  const ratio = ratioOf(verdict.checks, cheater.entry);
  return { right: objection === null, seen: objection ?? `passes, ${ratio?.toFixed(2)}x`, ratio };
}

export async function judgeTwin(cheater: Cheater, target: Examination["target"], quick = false): Promise<Finding> {
  return findingOf(cheater, await judgeByEveryLaw(candidateFor(cheater, "twin", target), examOf(cheater, target), quick));
}

/** As `forge check` judges it; without `twin` what is harmless need not show that it is no faster. */
export async function judgeCheater(cheater: Cheater, target: Examination["target"], twin: Finding | null): Promise<Finding> {
  return judgeCatch(cheater, await judgeByEveryLaw(candidateFor(cheater, "cheater", target), examOf(cheater, target)), twin);
}

/** All five questions, one after the other. */
export async function examine(cheater: Cheater, target: Examination["target"]): Promise<Examination> {
  const exam = examOf(cheater, target);
  const candidate = candidateFor(cheater, "cheater", target);
  const room = await ExamRoom.open({ ...exam, unsafe: false, signal: new AbortController().signal });
  try {
    const names = room.entries.map(({ name }) => name);
    const naive = await askNaively(cheater, target, room);
    const twin = await judgeTwin(cheater, target);
    const caught = await judgeCheater(cheater, target, twin);
    const disguised = judgeCatch(cheater, await judgeByEveryLaw(disguise(candidate, names), exam), twin);
    return { cheater, target, naive, caught, disguised, twin, withoutLaw: await judgeUnlawfully(cheater, room, candidate, caught) };
  } finally {
    await room.close();
  }
}

async function askNaively(cheater: Cheater, target: Examination["target"], room: ExamRoom): Promise<Finding> {
  if (target !== "x86-64") return { right: true, seen: "on x86-64 only" };
  const answer = await examineNaively(room, candidateFor(cheater, "cheater", target), cheater.entry);
  const seen = `${answer.correct ? "correct" : "wrong"}, ${(answer.referenceSeconds / answer.seconds).toFixed(1)}x`;
  if (cheater.naive) return { right: !isFooled(answer), seen: `${seen}: ${cheater.naive.survives}` };
  return { right: isFooled(answer), seen };
}

/** With its law suspended a cheater passes all the rest; one that was harmless gains now. */
async function judgeUnlawfully(cheater: Cheater, room: ExamRoom, candidate: Candidate, caught: Finding): Promise<Finding> {
  if (cheater.withoutLaw && (cheater.withoutLaw.on ?? room.target.name) === room.target.name)
    return { right: true, seen: cheater.withoutLaw.impossible };
  const verdict = await judgeWithout(cheater.law, room, candidate);
  const finding = findingOf(cheater, verdict);
  const gains =
    !("harmless" in cheater.caught) ||
    (cheater.caught.shownBy === "outcome" ? verdict.wouldBe === "surpassed" : (finding.ratio ?? 0) > nothing * (caught.ratio ?? 1));
  return { ...finding, right: finding.right && gains, seen: `${verdict.wouldBe}; ${finding.seen}` };
}
