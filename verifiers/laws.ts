/**
 * The laws that a candidate is judged by, each with what it guards against. Evidence names the law that found it.
 * Tests suspend one at a time, to prove that a planted cheater is caught by that law and by nothing else.
 */
export const laws = {
  // Of the manifest and the sources.
  language: "code in a language that the spec does not allow",
  "source files": "files that are no source of that language, or that are named and missing",
  "source size": "a library pasted into the sources",
  flags: "compiler flags that read files, load code or change what is measured",
  // Of the built object.
  imports: "reaching anything but arithmetic: files, clocks, threads of its own, processes, libraries by name",
  libraries: "somebody else's kernel behind ours",
  entries: "an object that lacks an entry",
  "no code before the call": "constructors that run before anybody looks",
  "no self-modifying code": "code that differs from the code that was inspected",
  "no executable data": "the same",
  "no system calls of its own": "going around the imports",
  "no hidden code": "instructions inside of other instructions, which no inspection sees",
  "no clocks": "telling by time whether a call is measured",
  "no changes of memory protection": "the same as self-modifying code",
  // Of its answers.
  "guarded memory": "reads and writes outside the buffers that happen to be harmless, and undefined behaviour",
  "read-only inputs": "inputs that are spoiled, so that whoever compares later compares with something else",
  "positive answer": "ending the process, hanging or a bad status in place of an answer",
  classes: "NaN and infinity where there should be numbers, and the other way round",
  precision: "lower precision, dropped terms, truncated series: whatever a tolerance of a per cent lets through",
  regimes: "mathematics that is right for ordinary numbers only",
  parameters: "gains, weights or a scale that are left out, for a model before its training has ones there",
  "hidden cases": "code for the cases that were shown: their sizes, their inputs",
  determinism: "answers that depend on what happened before",
  // Of what is timed.
  "timed outputs": "another answer when it is timed than when it is checked",
  "fresh calls": "answers, or parts of them, kept from an earlier call",
  "outside clock": "a clock that was tampered with, work before or after the time that is taken",
  "answers at rest": "threads that go on with the work when the call has returned",
  "threads counted": "threads that go on after the call",
  "control word": "a numeric mode (flush-to-zero, rounding) that outlives the call",
  "all calls count": "slow calls hidden behind quick ones",
  "beside the baseline": "the reference handed in again, or a kernel that is fast in somebody's memory only",
  "minimum of samples": "slow calls that use up the time in which it would be measured",
  physics: "times that no machine can reach",
} as const satisfies Record<string, string>;

export type Law = keyof typeof laws;
