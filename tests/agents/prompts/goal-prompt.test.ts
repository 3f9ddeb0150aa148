import { beforeAll, describe, expect, it } from "vitest";
import { fillPrompt } from "../../../agents/prompts/fill-prompt.js";
import { goalPrompt } from "../../../agents/prompts/goal-prompt.js";
import { briefingFor } from "../../../harness/run-goal.js";
import type { AgentBriefing } from "../../../specs/contracts/agent.js";
import { isTrainerExam } from "../../../specs/contracts/trainer-spec.js";
import { loadSpec } from "../../../specs/load-spec.js";

const specs = ["rmsnorm", "linear", "softmax-cross-entropy"];
const briefingOf = (spec: string, target: string): Promise<AgentBriefing> =>
  briefingFor({
    loaded: loadSpec(`specs/kernels/${spec}.yaml`),
    variant: "bf16",
    target,
    budget: { attempts: 7, tokens: 123_456 },
    playbook: true,
    runsDirectory: "there/is/none",
    unsafe: false,
    signal: new AbortController().signal,
  });

const entriesOf = (briefing: AgentBriefing) => (isTrainerExam(briefing.loaded) ? {} : briefing.loaded.spec.entries);

describe.each(["x86-64", "wasm-simd"])("the first word to an agent on %s", (target) => {
  it.each(specs)(
    "has all that %s asks for: interface, reference, sizes, rules, a forge.json to begin with, the chip, the budget",
    async (spec) => {
      const briefing = await briefingOf(spec, target);
      const prompt = goalPrompt(briefing);
      for (const [name, entry] of Object.entries(entriesOf(briefing))) {
        expect(prompt).toContain(`int ${name}(`);
        expect(prompt).toContain(`### \`${name}\``);
        for (const buffer of Object.keys(entry.buffers)) expect(prompt).toContain(`\`${buffer}\``);
      }
      expect(prompt).toContain(briefing.loaded.referenceText.trim());
      expect(prompt).toContain('"units"');
      expect(prompt).toContain("7 attempts");
      expect(prompt).toContain("123456 tokens");
      expect(prompt).toMatch(/GFLOP\/s|GB\/s/);
      expect(prompt).not.toMatch(/\{\{|undefined/);
      // A model reads it with every request.
      expect(prompt.length).toBeLessThan(20_000);
    },
  );
});

describe("what earlier goals taught", () => {
  let briefing: AgentBriefing;
  beforeAll(async () => {
    briefing = await briefingOf("rmsnorm", "x86-64");
  });

  it("is told where there is something, and how to say that one tries it", () => {
    expect(goalPrompt(briefing)).not.toContain("earlier goals");
    const prompt = goalPrompt({ ...briefing, playbook: "Worked:\n- L123456: two rows at a time" });
    expect(prompt).toContain("- L123456: two rows at a time");
    expect(prompt).toContain("`lessons`");
  });
});

describe("a prompt file", () => {
  it("misses no value and gets none that it has no place for", () => {
    expect(() => fillPrompt("playbook")).toThrow("asks for {{lessons}}");
    expect(() => fillPrompt("system", { nobody: "x" })).toThrow("has no place for nobody");
    expect(fillPrompt("playbook", { lessons: "a {{brace}} stays" })).toContain("a {{brace}} stays");
  });
});
