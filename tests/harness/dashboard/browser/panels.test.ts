import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { verifyCertificate } from "../../../../harness/certificate.js";
import { durationText } from "../../../../harness/progress/duration-text.js";
import { evidenceText } from "../../../../harness/progress/evidence-text.js";
import { ratioText } from "../../../../harness/progress/ratio-text.js";
import { limitShare } from "../../../../harness/report/limit-share.js";
import { minuteOf, runStateText, speedUpText } from "../../../../harness/report/run-table.js";
import { spendingText } from "../../../../harness/report/spending-text.js";
import { openRunStore } from "../../../../harness/store/run-store.js";
import { acceptedFolders } from "../../../../harness/store/shipped-records.js";
import type { TrainingStep } from "../../../../harness/train/train-run.js";
import { writeTrainingFacts } from "../../../../harness/train/training-facts.js";
import type { Certificate } from "../../../../specs/contracts/certificate.js";
import type { QueueOverview } from "../../../../specs/contracts/queue-overview.js";
import { kernelChecks, type SpeedFigure } from "../../../../specs/contracts/verdict.js";
import { loadExam } from "../../../../specs/trainer/load-trainer-spec.js";
import { figuresOf, speedUp, speedUpOf } from "../../../../specs/verdict-speed.js";
import { sampleGoal } from "../../sample-run.js";
import { temporaryFolder } from "../../temporary-folder.js";
import { finish, plainWords, writeToldRun } from "../told-run.js";
import { openPage, serve, textOf, textsOf } from "./dashboard-page.js";
import { openBrowser } from "./open-browser.js";

let browser: Browser;
beforeAll(async () => {
  browser = await openBrowser();
});
afterAll(() => browser.close());

const shipped = resolve("generated");

async function storeWithRuns() {
  const runs = temporaryFolder();
  const store = openRunStore(runs);
  const first = await writeToldRun(store);
  finish(first, 2, speedUpOf(judged(first.events(), 2))!.ratio);
  first.close();
  const second = await writeToldRun(store, plainWords, { ...sampleGoal, variant: "bf16" });
  second.close();
  return { runs, store, first: first.id, second: second.id };
}

function judged(events: ReturnType<ReturnType<typeof openRunStore>["eventsOf"]> | readonly unknown[], attempt: number) {
  const event = (events as ReturnType<ReturnType<typeof openRunStore>["eventsOf"]>).find(
    (one) => one.type === "attempt-judged" && one.attempt === attempt,
  );
  if (event?.type !== "attempt-judged") throw new Error(`attempt ${attempt} was not judged`);
  return event.verdict;
}

test("accepted: each cell says what the certificate beside the kernel says, and whether it still holds", async () => {
  const runs = temporaryFolder();
  const { url } = await serve({ runs, generated: shipped });
  const page = await openPage(browser, url);
  const folders = acceptedFolders(shipped);
  expect(folders.length).toBeGreaterThan(8);
  expect(await page.locator(".cell").count()).toBe(folders.length);
  for (const folder of folders) {
    const certificate = JSON.parse(readFileSync(join(folder.path, "certificate.json"), "utf8")) as Certificate;
    const figures = certificate.figures as SpeedFigure[];
    const cell = page.locator(`.cell[data-folder="${folder.path}"]`);
    const text = (await textOf(cell)).replace(/\s+/g, " ");
    expect(text).toContain(ratioText(speedUp(figures)!));
    const share = limitShare(figures)! * 100;
    expect(text).toContain(`${share.toFixed(share < 9.95 ? 1 : 0)} % of limit`);
    expect(text).toContain(certificate.agent);
    const state = verifyCertificate(folder.path, loadExam(resolve(certificate.spec.path)));
    expect(await cell.getAttribute("class")).toBe(
      `cell ${{ valid: "sound", stale: "stale", broken: "grave", absent: "grave" }[state.status]}`,
    );
    if (state.status === "stale") expect(text).toContain(`stale: ${state.changed.join(", ")}`);
  }
});

test("runs: each row says what the store's index says, in the words of `forge runs`", async () => {
  const { runs, store } = await storeWithRuns();
  const { url } = await serve({ runs, generated: temporaryFolder() });
  const page = await openPage(browser, `${url}#/runs`);
  await page.waitForSelector("[data-run]");
  for (const line of store.list()) {
    const row = page.locator(`[data-run="${line.run}"]`);
    const cells = await row.locator("span").allTextContents();
    expect(cells).toEqual([
      line.run,
      line.agent,
      minuteOf(line.startedAt),
      String(line.attempts),
      line.bestOutcome ?? "–",
      speedUpText(line),
      runStateText(line),
    ]);
  }
  expect(await page.locator("[data-run]").count()).toBe(2);
});

test("a run: ladder, reasons, figures, words and spend are those of its log", async () => {
  const { runs, store, first } = await storeWithRuns();
  const events = store.eventsOf(first);
  const { url } = await serve({ runs, generated: temporaryFolder() });
  const page = await openPage(browser, `${url}#/run/${first}/attempt/1`);
  const failed = judged(events, 1).checks.find((check) => check.status === "failed");
  if (failed?.status !== "failed") throw new Error("attempt 1 did not fail");
  expect(await textOf(page.locator("[data-check=build]"))).toContain(evidenceText(failed.evidence[0]!));
  expect(await page.locator("[data-check=build] pre").evaluate((log) => log.textContent)).toBe(plainWords.compiler);
  expect(await textOf(page.locator("[data-check=align]"))).toContain("not reached");

  const verdict = judged(events, 2);
  await page.goto(`${url}#/run/${first}/attempt/2`);
  await page.waitForSelector(".attempt[aria-label='attempt 2']");
  for (const name of kernelChecks) {
    const check = verdict.checks.find((one) => one.check === name)!;
    const rung = (await textOf(page.locator(`[data-check=${name}]`))).replace(/\s+/g, " ");
    expect(rung).toContain(`${name} ${durationText(check.durationMs)} ${check.status} ${check.summary}`);
  }
  const rows = await textsOf(page, ".figures tbody tr");
  figuresOf(verdict).forEach((figure, index) => {
    expect(rows[index]).toContain(`${figure.entry} rows=${figure.sizes.rows} width=${figure.sizes.width} ${ratioText(figure)}`);
    expect(rows[index]).toContain(`${durationText(figure.baselineSeconds * 1000)} → ${durationText(figure.candidateSeconds * 1000)}`);
    expect(rows[index]).toContain("91 % of bandwidth 34.2 GB/s");
  });
  expect(await textOf(page.locator(".run-head"))).toContain(spendingText(events)!);
  expect(await textOf(page.locator(".run-head h1"))).toContain(ratioText(speedUpOf(verdict)!));
  const words = await page.locator(".conversation").evaluate((list) => list.textContent ?? "");
  for (const word of [plainWords.turn, plainWords.note, "1,200 tokens in", "340 out", "$0.0123", "calls write"])
    expect(words).toContain(word);
});

test("a run: the chart has one mark for each attempt, where its interval is; hovering tells what changed", async () => {
  const { runs, store, first } = await storeWithRuns();
  const { url } = await serve({ runs, generated: temporaryFolder() });
  const page = await openPage(browser, `${url}#/run/${first}`);
  await page.waitForSelector(".mark");
  const labels = await page.locator(".mark").evaluateAll((marks) => marks.map((mark) => mark.getAttribute("aria-label")));
  const interval = speedUpOf(judged(store.eventsOf(first), 2))!;
  expect(labels).toEqual(["attempt 1, failed: wider vectors", `attempt 2, surpassed, ${ratioText(interval)}: wider vectors, again`]);
  // On a logarithmic scale distances are ratios: from the baseline to the point as from the point to the end of its interval.
  const [baseline, point, high] = await page.evaluate(() => {
    const y = (selector: string, name: string) => Number(document.querySelector(selector)!.getAttribute(name));
    return [y(".baseline", "y1"), y(".mark.surpassed .point", "cy"), y(".mark.surpassed .interval", "y2")];
  });
  expect((baseline! - high!) / (baseline! - point!)).toBeCloseTo(Math.log(interval.high) / Math.log(interval.ratio), 3);
  await page.locator(".mark").nth(1).hover();
  const hint = await textOf(page.locator(".attempts-chart .hint"));
  expect(hint).toContain("changed: kernel.c, from attempt 1");
  await page.locator(".mark").nth(1).click();
  await page.waitForURL(/attempt\/2$/);
  await page.waitForSelector(".line.added");
  expect(await textsOf(page, ".line.added .text")).toEqual(["int more(void) { return 43; }"]);
  expect(await page.locator(".line.removed").count()).toBe(0);
});

test("roofline: every timing of every attempt, at its intensity and rate, under the roofs that it was held against", async () => {
  const { runs, store } = await storeWithRuns();
  const { url } = await serve({ runs, generated: temporaryFolder() });
  const page = await openPage(browser, `${url}#/roofline?target=x86-64&variant=f32`);
  await page.waitForSelector(".dot");
  const f32 = store.list().filter((line) => line.variant === "f32");
  const figures = f32.flatMap((line) =>
    store.eventsOf(line.run).flatMap((event) => (event.type === "attempt-judged" ? figuresOf(event.verdict) : [])),
  );
  expect(await page.locator(".dot").count()).toBe(figures.length);
  const [figure] = figures as [SpeedFigure];
  await page.locator(".dot").first().focus();
  const hint = await textOf(page.locator(".roofline-chart .hint"));
  expect(hint).toContain("2.00 GFLOP/s, 34.2 GB/s, 0.0585 FLOP per byte");
  expect(hint).toContain(`91 % of the bandwidth limit; ${ratioText(figure)}`);
  const roof = `${(figure.bytesPerSecond / figure.limitFraction / 1e9).toFixed(1)} GB/s`;
  expect(await page.locator(".roof-name").allTextContents()).toEqual([roof]);
});

test("queue: workers and jobs as the overview has them; without one it says so", async () => {
  const now = Date.now();
  const overview: QueueOverview = {
    queue: "redis://127.0.0.1:6379",
    workers: [
      {
        id: "w-1",
        host: "build-box",
        targets: [{ target: "x86-64", cpuModel: "AMD EPYC", cores: 2 }],
        startedAtMs: now - 7_200_000,
        lastSeenAtMs: now - 1000,
        jobs: ["j-1"],
        finishedJobs: 1234,
      },
    ],
    jobs: [
      {
        id: "j-1",
        state: "running",
        label: "rmsnorm f32, attempt 3",
        target: "x86-64",
        priority: 1,
        submittedAtMs: now - 65_000,
        worker: "w-1",
        tries: 1,
      },
      {
        id: "j-2",
        state: "unschedulable",
        label: "rmsnorm f32, attempt 1",
        target: "gpu",
        priority: 0,
        submittedAtMs: now,
        worker: null,
        tries: 0,
      },
    ],
    finishedJobs: 5000,
    failedJobs: 2,
  };
  const { url } = await serve({ runs: temporaryFolder(), generated: temporaryFolder() }, () => Promise.resolve(overview));
  const page = await openPage(browser, `${url}#/queue`);
  expect(await textsOf(page, ".workers tbody tr")).toEqual([
    // Seconds go by until the page is there.
    expect.stringMatching(/^w-1 build-box x86-64 \(AMD EPYC, 2 cores\) j-1 1,234 2 h ago \d+ s ago$/),
  ]);
  expect(await textsOf(page, ".jobs tbody tr")).toEqual([
    "rmsnorm f32, attempt 3 running x86-64 1 1 min ago w-1 1",
    expect.stringMatching(/^rmsnorm f32, attempt 1 unschedulable: no worker has gpu gpu 0 \d+ s ago – 0$/),
  ]);
  expect(await textOf(page.locator(".facts"))).toMatch(/finished\s+5,000/);
  const none = await serve({ runs: temporaryFolder(), generated: temporaryFolder() });
  const empty = await openPage(browser, `${none.url}#/queue`);
  expect(await textOf(empty.locator("main"))).toContain("looks into no queue");
});

/** As `forge train` leaves it after so many of its steps. */
function writeTraining(runs: string, name: string, steps: number, of: number): void {
  const folder = join(runs, "train", name);
  mkdirSync(folder, { recursive: true });
  writeTrainingFacts(folder, { spec: "minicpm-tiny", variant: "f32", steps: of, tokensPerStep: 1024, seed: "1", threads: 2 });
  const lines = Array.from({ length: steps }, (_, index): TrainingStep => {
    const step = index + 1;
    const figures = { seconds: 0.25, tokensPerSecond: 4096, modelFlopsUtilisation: 0.5, peakBytes: 158 * 2 ** 20 };
    return { step, loss: 8 - (4 * step) / of, gradientNorm: 1 + 1 / step, learningRate: 0.01, ...figures };
  });
  // The last line is being written.
  writeFileSync(join(folder, "log.jsonl"), `${lines.map((line) => `${JSON.stringify(line)}\n`).join("")}{"step":`);
}

test("training: each line says what its log says; its curves are drawn while they grow", async () => {
  const runs = temporaryFolder();
  writeTraining(runs, "tiny-f32", 50, 1000);
  writeTraining(runs, "done", 40, 40);
  mkdirSync(join(runs, "train", "no-training"));
  const { url } = await serve({ runs, generated: temporaryFolder() });
  const page = await openPage(browser, `${url}#/training`);
  await page.waitForSelector("[data-training]");
  const rowOf = async (name: string) => (await textOf(page.locator(`[data-training="${name}"]`))).replace(/\s+/g, " ");
  // The mean of its last ten losses; 950 steps of a quarter of a second.
  expect(await rowOf("tiny-f32")).toMatch(/^tiny-f32 training 50 of 1000 7\.8180 4096 50 % 3 min 5[78] s \d+ s ago$/);
  expect(await rowOf("done")).toMatch(/^done trained 40 of 40 4\.4500 4096 50 % – \d+ s ago$/);
  expect(await page.locator("[data-training]").count()).toBe(2);
  await page.locator("[data-training=tiny-f32] a").click();
  await page.waitForSelector("[data-curve=loss] path");
  const pointsOf = async (curve: string): Promise<number> =>
    ((await page.locator(`[data-curve="${curve}"] path`).getAttribute("d")) ?? "").split("L").length;
  for (const curve of ["loss", "gradient norm", "tokens/s", "peak memory"]) expect([curve, await pointsOf(curve)]).toEqual([curve, 50]);
  expect(await textOf(page.locator(".facts"))).toMatch(/model\s+minicpm-tiny f32[\s\S]*50 of 1000/);
  writeTraining(runs, "tiny-f32", 70, 1000);
  await page.waitForFunction(() => document.querySelector(".facts")?.textContent?.includes("70 of 1000"));
  await page.goto(`${url}#/training/..%2F..%2Fetc`);
  await page.waitForFunction(() => document.querySelector("main")?.textContent?.includes("there is no training"));
});

test("side by side: two attempts with their figures and what is different in their code", async () => {
  const { runs, store, first, second } = await storeWithRuns();
  const { url } = await serve({ runs, generated: temporaryFolder() });
  const page = await openPage(browser, `${url}#/compare?a=${first}:1&b=${second}:2`);
  await page.waitForSelector(".line.added");
  const sides = await textsOf(page, ".side");
  expect(sides[0]).toContain("gcc says no");
  expect(sides[1]).toContain(ratioText(speedUpOf(judged(store.eventsOf(second), 2))!));
  expect(await textsOf(page, ".line.added .text")).toEqual(["int more(void) { return 43; }"]);
  await page.goto(`${url}#/compare?a=${first}&b=${second}`);
  await page.waitForFunction(() => document.querySelectorAll(".side").length === 2);
  expect(await page.locator(".best-line").count()).toBe(2);
});

test("an empty project says what would bring something", async () => {
  const { url } = await serve({ runs: join(temporaryFolder(), "absent"), generated: join(temporaryFolder(), "absent") });
  const page = await openPage(browser, url);
  expect(await textOf(page.locator("main"))).toContain("Nothing has been accepted");
  for (const [view, said] of [
    ["runs", "No runs yet"],
    ["roofline", "No attempt was timed here yet"],
    ["training", "Nothing has been trained here yet"],
    ["run/absent", 'there is no run "absent"'],
  ] as const) {
    await page.goto(`${url}#/${view}`);
    await page.waitForFunction((text) => document.querySelector("main")?.textContent?.includes(text), said);
  }
});
