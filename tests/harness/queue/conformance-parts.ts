import { type JobRequest, type JobWatcher, usualPriority, type WorkerCard } from "../../../specs/contracts/queue.js";

export const never = (): AbortSignal => new AbortController().signal;

let made = 0;
export function request(change: Partial<JobRequest> = {}): JobRequest {
  made += 1;
  const id = `job-${made}-${Math.random().toString(36).slice(2)}`;
  return {
    id,
    route: "x86-64",
    target: "x86-64",
    run: "run-1",
    label: `label of ${id}`,
    priority: usualPriority,
    body: `body of ${id}`,
    ...change,
  };
}

export const card = (id: string, routes = ["x86-64"]): WorkerCard => ({
  id,
  host: "a-host",
  targets: routes.map((target) => ({ target, cpuModel: "a chip", cores: 2 })),
  routes,
});

export class Watching implements JobWatcher {
  readonly events: string[] = [];
  readonly reasons: (string | null)[] = [];
  provided = 0;
  async provide(): Promise<void> {
    this.provided += 1;
  }
  event(envelope: string): void {
    this.events.push(envelope);
  }
  unschedulable(reason: string | null): void {
    this.reasons.push(reason);
  }
}

export async function until(what: string, isSo: () => boolean | Promise<boolean>, limitMs = 20_000): Promise<void> {
  for (const startedAt = performance.now(); ; ) {
    if (await isSo()) return;
    if (performance.now() - startedAt > limitMs) throw new Error(`never happened: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
