import type { Agent, AgentTools } from "../../specs/contracts/agent.js";
import type { ForgeEvent } from "../../specs/contracts/event.js";
import type { Verdict } from "../../specs/contracts/verdict.js";
import { speedUpOf } from "../../specs/verdict-speed.js";
import { callTool } from "../tools/tool-set.js";

type EventOf<Type extends ForgeEvent["type"]> = Extract<ForgeEvent, { type: Type }>;
type LaneEvent = EventOf<"tool-called"> | EventOf<"workspace-changed"> | EventOf<"attempt-submitted">;

/** Calls that neither change the workspace nor are judged: there is nothing in them to reproduce. */
const passive: ReadonlySet<string> = new Set(["list", "read", "search", "profile", "notes", "check"]);

/**
 * Does again what a recorded run did, without whoever did it: carries out its tool calls anew, makes its attempts, and has them judged
 * afresh. The workspace follows from what the calls were given, not from what they answered then: a record that was tampered with gives
 * other verdicts.
 */
export function createReplay(recorded: readonly ForgeEvent[]): Agent {
  const verdicts = new Map(recorded.flatMap((event) => (event.type === "attempt-judged" ? [[event.attempt, event.verdict] as const] : [])));
  const [started] = recorded;
  return {
    // Lanes of the record are lanes of the replay.
    strategy: (started?.type === "run-started" ? started.goal.strategy : undefined) ?? "linear",
    name: `replay:${recorded[0]?.run ?? "nothing"}`,
    async work(tools) {
      const files = new Map<string, string>();
      // A resumed replay begins again, but what it has submitted is judged already.
      let done = tools.history().filter(({ lane }) => lane === tools.lane).length;
      for (const [index, event] of eventsOfLane(recorded, tools.lane).entries()) {
        if (!tools.budgetLeft()) return;
        set(tools, files);
        if (event.type === "attempt-submitted") {
          if (done-- <= 0) await submitAgain(tools, event, verdicts.get(event.attempt));
        } else if (event.type === "workspace-changed") change(files, event.changed);
        else if (event.call.name !== "submit" && !passive.has(event.call.name)) {
          await callTool(tools, { ...event.call, id: `replay-${index}` });
          keep(tools, files);
        }
      }
    },
  };
}

function eventsOfLane(events: readonly ForgeEvent[], lane: number): LaneEvent[] {
  return events.filter((event): event is LaneEvent => {
    if (event.type === "attempt-submitted") return (event.lane ?? 0) === lane;
    return (event.type === "tool-called" || event.type === "workspace-changed") && event.lane === lane;
  });
}

async function submitAgain(tools: AgentTools, event: EventOf<"attempt-submitted">, before: Verdict | undefined): Promise<void> {
  const submission = await tools.submit(event.summary, event.lessons).catch((error: unknown) => {
    // What was a candidate then and is none now: the record says something else than what was judged.
    if (error instanceof Error && error.name === "CandidateError") return error;
    throw error;
  });
  if (submission instanceof Error)
    return tools.note(
      `recorded as attempt ${event.attempt}, ${before?.outcome ?? "without a verdict"}; now it cannot be submitted: ${submission.message}`,
    );
  const { attempt, verdict } = submission;
  tools.note(`attempt ${attempt}, recorded as attempt ${event.attempt}: ${comparison(before, verdict)}`);
}

function comparison(before: Verdict | undefined, now: Verdict): string {
  if (!before) return `no verdict was recorded, now ${now.outcome}`;
  if (before.outcome !== now.outcome) return `recorded ${before.outcome}, now ${now.outcome}: they differ`;
  const [then, today] = [speedUpOf(before), speedUpOf(now)];
  if (then === null || today === null) return `${now.outcome}, as recorded`;
  const where = today.ratio >= then.low && today.ratio <= then.high ? "inside" : "outside";
  return `${now.outcome}, as recorded; ${today.ratio.toFixed(3)}x lies ${where} the recorded interval [${then.low.toFixed(3)}, ${then.high.toFixed(3)}]`;
}

function change(files: Map<string, string>, changed: Record<string, string | null>): void {
  for (const [name, text] of Object.entries(changed)) {
    if (text === null) files.delete(name);
    else files.set(name, text);
  }
}

/** The live strategy may have set the workspace elsewhere than the recorded one did. */
function set({ workspace }: AgentTools, files: ReadonlyMap<string, string>): void {
  for (const { name } of workspace.list()) if (!files.has(name)) workspace.remove(name);
  for (const [name, text] of files) if (workspace.read(name) !== text) workspace.write(name, text);
}

function keep({ workspace }: AgentTools, files: Map<string, string>): void {
  files.clear();
  for (const { name } of workspace.list()) files.set(name, workspace.read(name)!);
}
