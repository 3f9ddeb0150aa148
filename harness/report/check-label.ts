import type { CheckName } from "../../specs/contracts/verdict.js";

/** Milestones of a trainer's exam (docs/trainers.md). */
const milestones: Partial<Record<CheckName, string>> = { forward: "M3", backward: "M4", steps: "M5", checkpoint: "M5", training: "M6" };

/** A check as people are told of it: a trainer's with its milestone. */
export const checkLabel = (check: CheckName): string => (milestones[check] === undefined ? check : `${milestones[check]} ${check}`);
