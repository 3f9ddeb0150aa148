/** How every command ends; the one place where the codes are defined. Scripts and CI gates rely on them. */
export const exitCodes = {
  ok: 0,
  failed: 1,
  badInput: 2,
  undecided: 3,
  errored: 4,
  interrupted: 130,
} as const;
export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];

export const exitCodeMeanings: Record<ExitCode, string> = {
  0: "done; where something is judged: it passed",
  1: "judged, and it failed the exam; or nothing was accepted within the budget",
  2: "bad usage or bad input; the message says what to do",
  3: "passed, but undecided or not surpassed where --require surpassed asks for it",
  4: "the harness or the machine failed, so nothing is said of the code",
  130: "interrupted",
};

/** What stands for several judgements: the gravest of them. */
export function gravestExitCode(codes: ExitCode[]): ExitCode {
  const byGravity: ExitCode[] = [130, 4, 2, 1, 3];
  return byGravity.find((code) => codes.includes(code)) ?? exitCodes.ok;
}
