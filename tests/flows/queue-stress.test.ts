import { expect, it } from "vitest";
import { runForge } from "../harness/cli/run-forge.js";

it("a small stress of the queue: every job is judged, with one verdict of its own, whoever is killed", { timeout: 600_000 }, () => {
  const ended = runForge(["bench", "queue", "--jobs", "40", "--builds", "20", "--json"]);
  expect(ended, ended.stderr + ended.stdout).toMatchObject({ code: 0 });
  const result = JSON.parse(ended.stdout);
  expect(result).toMatchObject({ jobs: 40, answered: 40, problems: [], completedInRedis: 40, failedInRedis: 0, restarts: 2 });
  expect(result.kills).toBeGreaterThan(1);
  expect(result.begun).toBeGreaterThanOrEqual(40);
});
