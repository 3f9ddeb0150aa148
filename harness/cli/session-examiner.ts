import type { SharedQueue } from "../queue/open-queue.js";
import type { GoalOptions } from "../run-goal.js";
import { UsageError } from "./usage-error.js";

/** Where a session's candidates are judged: nothing where no queue is shared, so here. */
export function sessionExaminer(shared: SharedQueue | undefined, notice: (text: string) => void): Pick<GoalOptions, "examiner"> {
  if (shared === undefined) return {};
  return {
    async examiner(options) {
      const { RemoteExaminer } = await import("../queue/remote-examiner.js");
      const { isTrainerExam } = await import("../../specs/contracts/trainer-spec.js");
      const { loaded } = options;
      if (isTrainerExam(loaded)) throw new UsageError("workers do not judge trainers yet: leave out --redis, and this machine does");
      return RemoteExaminer.open({ ...options, loaded, ...shared, notice });
    },
  };
}
