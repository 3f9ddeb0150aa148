import type { Browser } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { openRunStore } from "../../../../harness/store/run-store.js";
import { summarizeRun } from "../../../../harness/store/summarize-run.js";
import { temporaryFolder } from "../../temporary-folder.js";
import { writeManyRuns } from "../many-runs.js";
import { openPage, serve, textOf } from "./dashboard-page.js";
import { measureOpening } from "./measure-opening.js";
import { openBrowser } from "./open-browser.js";

let browser: Browser;
beforeAll(async () => {
  browser = await openBrowser();
});
afterAll(() => browser.close());

/** `npm run bench:dashboard` has all 10,000. */
const runs = 2000;
const fastest = (times: number[]) => Math.min(...times);

test("what the generator writes is what the store reads: whole logs, each of 50 events", () => {
  const folder = temporaryFolder();
  const names = writeManyRuns(folder, 5);
  const store = openRunStore(folder);
  expect(store.list().map(({ run }) => run)).toEqual([...names].reverse());
  for (const line of store.list()) {
    expect(store.eventsOf(line.run)).toHaveLength(50);
    expect(line).toEqual(summarizeRun(store.eventsOf(line.run)));
  }
});

test(`with ${runs} runs of 50 events the list stands within 1 s and a run within 300 ms`, async () => {
  const folder = temporaryFolder();
  writeManyRuns(folder, runs);
  const times = await measureOpening(browser, folder, temporaryFolder(), 3);
  // The fastest of three: others may use this machine.
  expect(fastest(times.listMs)).toBeLessThan(1000);
  expect(fastest(times.runMs)).toBeLessThan(300);
});

test("of thousands of runs only those in sight are in the page, and the last can be reached", async () => {
  const folder = temporaryFolder();
  const names = writeManyRuns(folder, runs);
  const { url } = await serve({ runs: folder, generated: temporaryFolder() });
  const page = await openPage(browser, `${url}#/runs`);
  await page.waitForSelector("[data-run]");
  expect(await textOf(page.locator(".count"))).toBe("2,000 runs");
  expect(await page.locator("[data-run]").count()).toBeLessThan(100);
  await page.keyboard.press("End");
  await page.waitForSelector(`[data-run="${names[0]}"]`);
  await page.goto(`${url}#/runs?text=linear&sort=speed-up&order=ascending`);
  await page.waitForFunction(() => document.querySelector(".count")?.textContent?.startsWith("667 of 2,000"));
  const ratios = (await page.locator("[data-run] .speed").allTextContents()).map(Number.parseFloat);
  expect(ratios).toEqual([...ratios].sort((a, b) => a - b));
});
