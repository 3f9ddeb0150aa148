import type { Agent, AgentTools } from "../../specs/contracts/agent.js";
import { isTrainerExam } from "../../specs/contracts/trainer-spec.js";
import type { Verdict } from "../../specs/contracts/verdict.js";
import { isAccepted } from "../../specs/verdict-speed.js";
import type { EntryConfig } from "./entry-config.js";
import { Search } from "./search.js";
import { tuneTrainer } from "./tune-trainer.js";

/**
 * The honest floor: what compilers can do with the reference. Starts from the reference lowered to the spec's types, searches
 * flags, pragmas and tunables, submits the best, and lets verdicts strike out what is not right.
 */
export const autotune: Agent = {
  name: "autotune",
  async work(tools: AgentTools): Promise<void> {
    const earlier = tools.history().find(({ verdict }) => verdict.outcome === "surpassed");
    if (earlier) return tools.note("an earlier attempt of this run surpassed the baseline; nothing is left to search");
    const { loaded } = tools.briefing;
    if (isTrainerExam(loaded)) return tuneTrainer(tools, loaded);
    const search = new Search(tools, tools.briefing, loaded);
    await search.run();
    while (tools.budgetLeft()) {
      // The last attempt is for what is right by all that is known: an attempt may fail of each liberty in each entry.
      if (tools.history().length > 0 && tools.briefing.budget.attempts - tools.history().length <= 1) search.refuseLiberties();
      const best = search.bestCandidate();
      if (best === null) return tools.note("every configuration was rejected; the reference as it stands may not fit the gates");
      tools.workspace.replace(best.candidate);
      const { verdict } = await tools.submit(best.summary);
      if (isAccepted({ verdict })) return;
      if (verdict.outcome === "errored")
        return tools.note("the verdict is errored: the harness or the machine, not the candidate, is at fault");
      refuseBlamed(search, verdict, best.configs, tools);
    }
  },
};

/** The entry that the evidence names loses its configuration; where none is named, all do. */
function refuseBlamed(search: Search, verdict: Verdict, configs: Record<string, EntryConfig>, tools: AgentTools): void {
  const failed = verdict.checks.find((check) => check.status === "failed");
  const named = failed?.status === "failed" ? failed.evidence.flatMap((evidence) => ("entry" in evidence ? [evidence.entry] : [])) : [];
  const blamed = named.length > 0 ? [...new Set(named)] : Object.keys(configs);
  for (const entry of blamed) search.refuse(entry, configs[entry]!);
  tools.note(
    `${failed?.check ?? "a check"} failed (${failed?.summary ?? ""}); struck out for ${blamed.join(", ")}: ${blamed.map((entry) => configs[entry]!.mathematics.join(" ") || "plain arithmetic").join(", ")}`,
  );
}
