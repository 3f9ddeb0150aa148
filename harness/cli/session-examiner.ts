import type { GoalOptions } from "../goal/goal-options.js";
import type { SharedQueue } from "../queue/open-queue.js";
import { requireForWorkers } from "./require-known.js";

/** Where a session's candidates are judged: nothing where no queue is shared, so here. */
export function sessionExaminer(shared: SharedQueue | undefined, notice: (text: string) => void): Pick<GoalOptions, "examiner"> {
  if (shared === undefined) return {};
  return {
    async examiner(options) {
      const { RemoteExaminer } = await import("../queue/remote-examiner.js");
      requireForWorkers(options.loaded);
      return RemoteExaminer.open({ ...options, ...shared, notice });
    },
  };
}
