import { expect, test } from "vitest";
import { verdictFeedback } from "../../../agents/prompts/verdict-feedback.js";
import { evidenceText } from "../../../harness/progress/evidence-text.js";
import type { AgentBriefing } from "../../../specs/contracts/agent.js";
import type { Evidence } from "../../../specs/contracts/verdict.js";
import { verdictOf } from "./recorded-run.js";

const misaligned: Evidence = {
  ...{ law: "precision", kind: "misaligned", visibility: "public", gate: "envelope-rms", output: "step 1: loss", timesOver: 12.34 },
  mismatch: { output: "step 1: loss", index: [0], expected: 5.5, got: 5.25, timesOver: 12.34 },
};

test("a trainer's evidence says what was compared, by how much it is off, and on a public case where", () => {
  expect(evidenceText(misaligned)).toBe("step 1: loss: envelope-rms, 12.3 times the bound (public case); at [0] expected 5.5, got 5.25");
  expect(evidenceText({ law: "precision", kind: "misaligned", visibility: "own", gate: "bias", output: "logits", timesOver: 2 })).toBe(
    "logits: bias, 2.00 times the bound (the spec's own shape)",
  );
  expect(evidenceText({ law: "positive answer", kind: "fault", detail: "trainer_step: \u001b[31mSIGSEGV" })).not.toContain("\u001b");
});

test("an agent is told the same, and of a hidden case no more than output and gate", () => {
  const feedback = (evidence: Evidence) =>
    verdictFeedback(
      verdictOf("failed", [{ check: "backward", status: "failed", durationMs: 1, summary: "off", evidence: [evidence] }]),
      {} as AgentBriefing,
    );
  expect(feedback(misaligned)).toContain("step 1: loss[0] is 5.25, expected 5.5");
  const hidden = feedback({
    law: "precision",
    kind: "misaligned",
    visibility: "hidden",
    gate: "bias",
    output: "layer *: gate",
    timesOver: 3,
  });
  expect(hidden).toContain("a hidden case: gate bias, 3.00 times over");
  expect(hidden).toContain("think of shapes");
});
