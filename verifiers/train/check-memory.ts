import type { Artifact, SessionRequest } from "../../specs/contracts/target.js";
import { drawFreshState } from "./draw-state.js";
import { batchOf, comparedBatch, observe } from "./observe.js";
import { hiddenCases, publicCases, type TrainerCase } from "./trainer-cases.js";
import { type TrainerCheckAnswer, type TrainerContext, withTrainer } from "./trainer-context.js";
import { TrainerFault } from "./trainer-process.js";

/** Guards around every buffer that is handed over, then sanitizers over all that the trainer does, its own heap too. */
export async function checkTrainerMemory(context: TrainerContext): Promise<TrainerCheckAnswer> {
  const { spec } = context.loaded;
  const cases = [...publicCases(spec), ...(context.quick ? [] : hiddenCases(spec, `${context.seeds.hidden} memory`).slice(0, 2))];
  const guards: SessionRequest["memory"][] = ["guarded-end", "guarded-start"];
  for (const memory of guards) {
    const fault = await sitUnder(context, context.artifact!, { memory }, cases);
    if (fault) return failed(`out of bounds (${memory})`, fault);
  }
  if (context.quick || !context.target.sanitizers())
    return { status: "passed", summary: `${cases.length} cases between guards at both ends`, evidence: [] };
  const { candidate, support, entries, threads } = context;
  const build = await context.stopwatch.during("building", () =>
    context.target.build({ candidate, support, entries, mode: "sanitized", threads }),
  );
  if (build.status === "failed") return { status: "errored", summary: `the sanitized build failed: ${build.log}`, evidence: [] };
  const fault = await sitUnder(context, build.artifact, { memory: "sanitized", compiler: candidate.manifest.compiler }, cases);
  if (fault) return failed("a sanitizer objects", fault);
  return { status: "passed", summary: `${cases.length} cases between guards at both ends and under sanitizers`, evidence: [] };
}

const failed = (what: string, { law, message }: TrainerFault): TrainerCheckAnswer => ({
  status: "failed",
  summary: `${what}: ${message}`,
  evidence: [{ law, kind: "fault", detail: message }],
});

async function sitUnder(
  context: TrainerContext,
  artifact: Artifact,
  memory: Pick<SessionRequest, "memory" | "compiler">,
  cases: TrainerCase[],
): Promise<TrainerFault | null> {
  return context.stopwatch.during("running", async () => {
    try {
      await withTrainer(context, artifact, memory, async (trainer) => {
        for (const trainerCase of cases) {
          const { setting, completedSteps, seed } = trainerCase;
          await observe(trainer, trainerCase, drawFreshState(setting, completedSteps, seed), comparedBatch(trainerCase));
          // A checkpoint passes the borders too.
          const image = await trainer.save();
          await trainer.restore(image, setting);
          await trainer.step(batchOf(trainerCase, 0));
        }
      });
      return null;
    } catch (error) {
      if (error instanceof TrainerFault) return error.law === "positive answer" ? error : new TrainerFault("guarded memory", error.message);
      throw error;
    }
  });
}
