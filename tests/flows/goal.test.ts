import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { parseLog } from "../../harness/store/parse-log.js";
import type { ForgeEvent } from "../../specs/contracts/event.js";
import type { RunSummary } from "../../specs/contracts/store.js";
import { runForge } from "../harness/cli/run-forge.js";
import { lastingFolder, shrink, writeSmallSpec } from "../small-spec.js";
import { isBusy, streamForge } from "./forge-process.js";

const goal = ["goal", "specs/kernels/rmsnorm.yaml", "--threads", "1"];
const minutes = 60_000;

function project(): string {
  const folder = lastingFolder();
  const path = writeSmallSpec("rmsnorm", shrink, folder);
  // What a goal would do first, and say on stderr.
  expect(runForge(["lint", path, "--variant", "f32"], folder).code).toBe(0);
  return folder;
}

const oneOf = <Type extends ForgeEvent["type"]>(events: ForgeEvent[], type: Type): Extract<ForgeEvent, { type: Type }> => {
  const found = events.filter((event) => event.type === type);
  expect(found, type).toHaveLength(1);
  return found[0] as Extract<ForgeEvent, { type: Type }>;
};

const runsIn = (folder: string): RunSummary[] =>
  runForge(["runs", "--json"], folder)
    .stdout.split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as RunSummary);

describe("from a spec to an accepted kernel", () => {
  const folder = project();
  const accepted = join("generated", "rmsnorm", "f32", "x86-64");
  let events: ForgeEvent[] = [];
  let stdout = "";

  beforeAll(async () => {
    for (let round = 0; round < 2; round++) {
      const ended = await streamForge(goal, folder);
      ({ events } = ended);
      stdout = `${ended.lines.join("\n")}\n`;
      // Somebody else's minute of work is no fault of this run.
      if (ended.code === 4 && events.some(isBusy)) continue;
      expect({ code: ended.code, errors: ended.errors }).toEqual({ code: 0, errors: "" });
      return;
    }
    throw new Error("the machine stayed busy");
  }, 15 * minutes);

  it("streams events in order, without gaps, as its log holds them", () => {
    const { run } = events[0]!;
    expect(parseLog(Buffer.from(stdout), "the stream", run)).toMatchObject({ tornBytes: 0, events });
    expect(readFileSync(join(folder, "runs", run, "log.jsonl"), "utf8")).toBe(stdout);
    expect(events[0]!.type).toBe("run-started");
    expect(events.at(-1)).toMatchObject({ type: "run-finished", end: "surpassed" });
    for (const [index, event] of events.entries()) {
      expect(event).toMatchObject({ sequence: index, run });
      expect(event.at).toBe(new Date(event.at).toISOString());
    }
    const planned = oneOf(events, "tuning-started").trialsPlanned;
    const trials = events.filter((event) => event.type === "trial-finished");
    expect(trials.length).toBeGreaterThan(5);
    expect(trials.length).toBeLessThanOrEqual(planned);
  });

  it("ends with a folder whose certificate and record fit it and the run", () => {
    const { attempt, tree } = oneOf(events, "attempt-submitted");
    const { verdict } = oneOf(events, "attempt-judged");
    const certificate = JSON.parse(readFileSync(join(folder, accepted, "certificate.json"), "utf8"));
    expect(certificate).toMatchObject({
      outcome: "surpassed",
      spec: { name: "rmsnorm", path: "specs/kernels/rmsnorm.yaml" },
      variant: "f32",
      target: "x86-64",
      agent: "autotune",
      threads: 1,
      tree,
      attempt,
      seeds: verdict.seeds,
      thresholds: verdict.thresholds,
    });
    expect(certificate.seeds.confirmation).toMatch(/^[0-9a-f]{32}$/);
    expect(certificate.sandbox.kind).toBe("bubblewrap");
    const record = readFileSync(join(folder, accepted, "record.jsonl"), "utf8");
    expect(stdout.startsWith(record)).toBe(true);
    expect(oneOf(events, "framework-accepted")).toMatchObject({ attempt, outcome: "surpassed", directory: accepted });
  });

  it("is judged again by `forge check`, with other seeds", { timeout: 15 * minutes }, async () => {
    let ended = await streamForge(["check", accepted, "--threads", "1"], folder);
    if (ended.code === 4 && ended.events.some(isBusy)) ended = await streamForge(["check", accepted, "--threads", "1"], folder);
    expect(ended.errors).toContain("Its certificate is intact");
    expect(ended.code).toBe(0);
    const judged = ended.events.at(-1)!;
    if (judged.type !== "attempt-judged") throw new Error(judged.type);
    expect(judged.verdict.seeds.hidden).not.toBe(oneOf(events, "attempt-judged").verdict.seeds.hidden);
  });

  it("is told alike by `forge runs` and `forge show latest`", () => {
    const { run } = events[0]!;
    const finished = oneOf(events, "run-finished");
    const { ratio } = oneOf(events, "framework-accepted");
    const [summary, ...others] = runsIn(folder).filter((candidate) => candidate.run === run);
    expect(others).toEqual([]);
    expect(summary).toMatchObject({
      run,
      spec: "rmsnorm",
      variant: "f32",
      target: "x86-64",
      agent: "autotune",
      attempts: finished.attempts,
      bestOutcome: "surpassed",
      bestRatio: ratio,
      end: finished.end,
      startedAt: events[0]!.at,
      lastEventAt: events.at(-1)!.at,
    });
    expect(runForge(["show", "latest", "--json"], folder).stdout).toBe(stdout);
    const story = runForge(["show", "latest"], folder).stdout;
    expect(story).toContain(run);
    expect(story).toContain(`${ratio!.toFixed(2)}x`);
    expect(story).toContain(accepted);
    expect(runForge(["runs"], folder).stdout).toContain(run);
  });

  it("a flipped byte in any file of it is named, and fails it", () => {
    for (const name of readdirSync(join(folder, accepted))) {
      const path = join(folder, accepted, name);
      const bytes = readFileSync(path);
      const spoiled = Buffer.from(bytes);
      // Within a word of the text, so that only a hash can tell.
      const place = bytes.indexOf(name === "certificate.json" ? "x86-64" : name === "record.jsonl" ? "autotune" : "rmsnorm");
      spoiled[place] = spoiled[place]! ^ 1;
      writeFileSync(path, spoiled);
      const ended = runForge(["check", accepted, "--quick"], folder);
      expect({ name, code: ended.code }).toEqual({ name, code: 1 });
      expect(ended.stderr).toContain(`${accepted}/${name} is not what was certified`);
      writeFileSync(path, bytes);
    }
    expect(runForge(["check", accepted, "--quick", "--threads", "1"], folder)).toMatchObject({ code: 0 });
  });

  it("row 53: a reference changed since acceptance is named, and so is a changed spec; both are judged by what holds now", () => {
    const reference = join(folder, "reference-kernels", "rmsnorm.c");
    const before = readFileSync(reference, "utf8");
    writeFileSync(reference, before.replace("+ eps);", "+ 64 * eps);"));
    const changed = runForge(["check", accepted, "--quick", "--threads", "1"], folder);
    expect(changed.stderr).toContain("stale: changed since are reference.");
    expect(changed.code).toBe(1);
    writeFileSync(reference, before);
    const spec = join(folder, "specs", "kernels", "rmsnorm.yaml");
    const text = readFileSync(spec, "utf8");
    writeFileSync(spec, `${text}\n# another comment\n`);
    const commented = runForge(["check", accepted, "--quick", "--threads", "1"], folder);
    expect(commented.stderr).toContain("stale: changed since are spec.");
    expect(commented.code).toBe(0);
    writeFileSync(spec, text);
  });
});

describe("a run that is stopped", () => {
  /** When to pull the plug: at the n-th event that fits, after so many milliseconds. */
  interface Moment {
    name: string;
    fits: (event: ForgeEvent) => boolean;
    nth: number;
    afterMs: number;
  }
  const upTo = (limit: number) => Math.floor(Math.random() * limit);
  const isCheck = (name: string) => (event: ForgeEvent) => event.type === "check-started" && event.check === name;
  const moments: Moment[] = [
    { name: "as soon as it goes on", fits: (event) => event.type === "run-resumed", nth: 0, afterMs: upTo(400) },
    { name: "while it searches", fits: (event) => event.type === "trial-finished", nth: upTo(2), afterMs: upTo(300) },
    { name: "after it submitted", fits: (event) => event.type === "attempt-submitted", nth: 0, afterMs: upTo(100) },
    { name: "while memory or alignment is judged", fits: isCheck(upTo(2) === 0 ? "memory" : "align"), nth: 0, afterMs: upTo(500) },
    { name: "while it is timed", fits: isCheck("speed"), nth: 0, afterMs: upTo(2000) },
  ];

  it("ends cleanly by SIGINT, goes on by --resume, and survives SIGKILL at five moments", { timeout: 20 * minutes }, async () => {
    const folder = project();
    const acknowledged: ForgeEvent[] = [];
    const session = async (commandLine: string[], moment?: Moment, signal: NodeJS.Signals = "SIGKILL") => {
      let seen = 0;
      const ended = await streamForge(commandLine, folder, (event, child) => {
        if (moment?.fits(event) && seen++ === moment.nth) setTimeout(() => child.kill(signal), moment.afterMs);
      });
      acknowledged.push(...ended.events);
      return ended;
    };
    const log = (): ForgeEvent[] => {
      const { run } = acknowledged[0]!;
      return parseLog(readFileSync(join(folder, "runs", run, "log.jsonl")), "log.jsonl", run).events;
    };

    const interrupted = await session(goal, { ...moments[1]!, nth: 1 }, "SIGINT");
    expect(interrupted).toMatchObject({ code: 130, signal: null });
    expect(acknowledged.at(-1)).toMatchObject({ type: "run-finished", end: "interrupted" });
    expect(runsIn(folder)).toMatchObject([{ end: "interrupted" }]);

    for (const moment of moments) {
      const { signal, errors } = await session([...goal, "--resume"], moment);
      expect({ moment: moment.name, signal, errors }).toEqual({ moment: moment.name, signal: "SIGKILL", errors: "" });
      // All that was told had been kept, word for word.
      expect(log().filter((event) => acknowledged.some((told) => told.sequence === event.sequence))).toEqual(acknowledged);
    }

    let last = await session([...goal, "--resume"]);
    if (last.code === 4 && last.events.some(isBusy)) last = await session([...goal, "--resume"]);
    expect({ code: last.code, errors: last.errors }).toEqual({ code: 0, errors: "" });
    expect(runsIn(folder)).toHaveLength(1);
    const events = log();
    expect(events.filter((event) => acknowledged.some((told) => told.sequence === event.sequence))).toEqual(acknowledged);
    const submitted = events.flatMap((event) => (event.type === "attempt-submitted" ? [event.attempt] : []));
    const judged = events.flatMap((event) => (event.type === "attempt-judged" ? [event.attempt] : []));
    expect(submitted.length).toBeGreaterThan(0);
    expect(submitted).toEqual(submitted.map((_, index) => index + 1));
    expect(judged).toEqual(submitted);
    expect(events.at(-1)).toMatchObject({ type: "run-finished", attempts: judged.length, end: expect.stringMatching(/passed$/) });
    expect(runForge(["check", "generated/rmsnorm/f32/x86-64", "--quick", "--threads", "1"], folder)).toMatchObject({
      code: 0,
      stderr: expect.stringContaining("intact"),
    });
  });
});
