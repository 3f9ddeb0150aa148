import type { Certificate } from "../../specs/contracts/certificate.js";
import type { SpeedFinding, SpeedRule } from "../../specs/contracts/gate.js";
import type { Candidate } from "../../specs/contracts/target.js";
import { isTrainerExam } from "../../specs/contracts/trainer-spec.js";
import type { Evidence, SpeedFigure } from "../../specs/contracts/verdict.js";
import type { ExamRoom, SpeedQuestion } from "../exam-room.js";
import type { TrainerRoom } from "../train/trainer-room.js";
import { type Measured, settle } from "./settle.js";
import {
  figuresOfCertificate,
  isSamePlace,
  mostRaces,
  ratioRules,
  readAgainstBase,
  readAgainstBaseline,
  readAgainstCertificate,
  type SpeedReading,
  speedTolerance,
} from "./speed-rules.js";

export interface SpeedHolding {
  room: ExamRoom | TrainerRoom;
  candidate: Candidate;
  certificate: Certificate;
  /** Whether the certificate's ratio was measured on this machine class, of this exam. */
  isComparable: boolean;
  /** The code of before, where it was another. */
  before: { candidate: Candidate; name: string } | null;
  say: (line: string) => void;
}

type Stop = { status: "failed"; summary: string; evidence: Evidence[] } | { status: "errored"; reason: string };

/** `findings` are those there are, however it ended. */
export type SpeedAnswer = { findings: SpeedFinding[]; remarks: string[] } & ({ status: "measured" } | Stop);

/** Measures beside the baseline, and beside the code of before, and reads it by every rule that applies. */
export async function holdSpeed(holding: SpeedHolding): Promise<SpeedAnswer> {
  const findings: SpeedFinding[] = [];
  const remarks: string[] = [];
  const first = await ask(holding.room, holding.candidate, {});
  if (first.status !== "measured") return { findings, remarks, ...first };
  for (const figure of first.figures) {
    const stop = await holdRatio(holding, figure, findings);
    if (stop) return { findings, remarks, ...stop };
  }
  const stop = await holdAgainstBase(holding, first.figures, findings, remarks);
  return stop ? { findings, remarks, ...stop } : { findings, remarks, status: "measured" };
}

async function holdRatio(holding: SpeedHolding, figure: SpeedFigure, findings: SpeedFinding[]): Promise<Stop | null> {
  const { room, candidate, certificate, isComparable, say } = holding;
  const certified = figuresOfCertificate(certificate).find((other) => isSamePlace(other, figure));
  for (const rule of ratioRules(certificate, certified, isComparable)) {
    const read = (measured: SpeedFigure): SpeedReading =>
      rule === "as-certified" ? readAgainstCertificate(measured, certified!) : readAgainstBaseline(measured, targetOf(room));
    const first = read(figure);
    const again = () => {
      say(`${figure.entry} seems slower (${rule}); measuring again`);
      return readOne(room, candidate, { only: figure }, read);
    };
    // What is not slower beyond doubt fails nothing, so nothing is asked again.
    const settled = await settle<Stop>(again, first.outcome === "fell" ? 2 : 1, first);
    if (settled.status === "stopped") return settled.failure;
    findings.push(findingOf(rule, figure, settled));
  }
  return null;
}

async function holdAgainstBase(
  { room, candidate, before, say }: SpeedHolding,
  places: SpeedFigure[],
  findings: SpeedFinding[],
  remarks: string[],
): Promise<Stop | null> {
  if (before === null) return null;
  const { support, entries, threads } = room;
  const built = await room.target.build({ candidate: before.candidate, support, entries, mode: "plain", threads });
  if (built.status === "failed") {
    remarks.push(`not compared with the code at the base (${before.name}), which does not build by today's exam`);
    return null;
  }
  for (const place of places) {
    const settled = await settle<Stop>(async () => {
      say(`${place.entry}: racing the code at the base`);
      const question = { rival: candidate, target: 1 + speedTolerance.atBase, only: place };
      return readOne(room, before.candidate, question, (figure) => readAgainstBase(figure, before.name));
    }, mostRaces);
    if (settled.status === "settled") findings.push(findingOf("as-at-base", place, settled));
    else if (settled.failure.status === "errored") return settled.failure;
    else {
      remarks.push(`not compared with the code at the base (${before.name}), which fails today's exam at ${place.entry}`);
      return null;
    }
  }
  return null;
}

/** What "faster" must exceed: a trainer's exam asks for no more than faster. */
const targetOf = ({ loaded }: SpeedHolding["room"]): number => (isTrainerExam(loaded) ? 1 : loaded.spec.gates.speed);

function findingOf(
  rule: SpeedRule,
  { entry, sizes }: SpeedFigure,
  { outcome, reading, measurements }: { outcome: SpeedReading["outcome"]; reading: SpeedReading; measurements: number },
): SpeedFinding {
  return { ...reading, rule, entry, sizes, outcome, measurements };
}

async function readOne(
  room: ExamRoom | TrainerRoom,
  candidate: Candidate,
  question: SpeedQuestion,
  read: (figure: SpeedFigure) => SpeedReading,
): Promise<Measured<Stop>> {
  const answer = await ask(room, candidate, question);
  return answer.status === "measured" ? { status: "read", reading: read(answer.figures[0]!) } : { status: "stopped", failure: answer };
}

async function ask(
  room: ExamRoom | TrainerRoom,
  candidate: Candidate,
  question: SpeedQuestion,
): Promise<{ status: "measured"; figures: SpeedFigure[] } | Stop> {
  const answer = await room.judgeSpeed(candidate, question);
  switch (answer.status) {
    case "failed":
      return { status: "failed", summary: answer.summary, evidence: answer.evidence };
    case "errored":
    case "skipped":
      return { status: "errored", reason: answer.reason };
    default:
      return { status: "measured", figures: answer.figures ?? [] };
  }
}
