import { resolve } from "node:path";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { openRunStore } from "../../../../harness/store/run-store.js";
import { sampleCandidate } from "../../sample-run.js";
import { temporaryFolder } from "../../temporary-folder.js";
import { finish, submit, surpassedVerdict, writeToldRun } from "../told-run.js";
import { openPage, serve, textOf } from "./dashboard-page.js";
import { openBrowser } from "./open-browser.js";

let browser: Browser;
beforeAll(async () => {
  browser = await openBrowser();
});
afterAll(() => browser.close());

async function servedRuns(count: number) {
  const runs = temporaryFolder();
  const store = openRunStore(runs);
  const names: string[] = [];
  for (let index = 0; index < count; index++) {
    const run = await writeToldRun(store);
    finish(run, 2, 1.5);
    run.close();
    names.push(run.id);
  }
  return { runs, store, names, ...(await serve({ runs, generated: resolve("generated") })) };
}

test("a link leads to the attempt it names, and back and forward work", async () => {
  const { url, names } = await servedRuns(1);
  const page = await openPage(browser, `${url}#/run/${names[0]}/attempt/1`);
  expect(await textOf(page.locator(".attempt h2"))).toContain("Attempt 1");
  expect(await textOf(page.locator("[aria-current=true]"))).toContain("failed");
  await page.locator(".attempts a").nth(1).click();
  await page.waitForSelector(".attempt[aria-label='attempt 2']");
  expect(page.url()).toMatch(/\/attempt\/2$/);
  await page.goBack();
  await page.waitForSelector(".attempt[aria-label='attempt 1']");
  await page.goto(`${url}#/run/${names[0]}/attempt/77`);
  await page.waitForFunction(() => document.querySelector(".panel .problem")?.textContent?.includes("has no attempt 77"));
});

test("everything can be done from the keyboard, and `?` says how", async () => {
  const { url, names } = await servedRuns(3);
  const page = await openPage(browser, url);
  await page.keyboard.press("?");
  await page.waitForSelector("dialog[open]");
  expect(await textOf(page.locator("dialog"))).toContain("mark for comparison");
  await page.keyboard.press("Escape");
  await page.keyboard.press("g");
  await page.keyboard.press("r");
  await page.waitForSelector("[data-run]");
  await page.keyboard.press("j");
  await page.keyboard.press("j");
  const second = await page.locator("[data-run]").nth(1).getAttribute("data-run");
  expect(await page.evaluate(() => (document.activeElement as HTMLElement).dataset.run)).toBe(second);
  await page.keyboard.press("Enter");
  await page.waitForURL(new RegExp(`run/${second}`));
  await page.waitForSelector(".attempt");
  await page.keyboard.press("[");
  await page.waitForSelector(".attempt[aria-label='attempt 1']");
  await page.keyboard.press("c");
  await page.keyboard.press("]");
  await page.waitForSelector(".attempt[aria-label='attempt 2']");
  await page.keyboard.press("c");
  await page.waitForURL(/compare/);
  await page.waitForSelector(".side");
  await page.keyboard.press("g");
  await page.keyboard.press("r");
  await page.waitForSelector("[data-run]");
  await page.keyboard.press("/");
  await page.keyboard.type(names[2]!.slice(-4));
  await page.waitForFunction(
    (name) => document.querySelectorAll("[data-run]").length === 1 && document.querySelector(`[data-run="${name}"]`),
    names[2]!,
  );
  // Letters typed into a field are words, not keys.
  expect(page.url()).toContain(`text=${names[2]!.slice(-4)}`);
  for (const [key, heading] of [
    ["f", "Roofline"],
    ["q", "Workers and queue"],
    ["a", "Accepted"],
  ] as const) {
    await page.keyboard.press("Escape");
    await page.keyboard.press("g");
    await page.keyboard.press(key);
    await page.waitForFunction((text) => document.querySelector("h1")?.textContent === text, heading);
  }
});

test("while a log grows the page follows: the run, the list, and what was reached", async () => {
  const runs = temporaryFolder();
  const store = openRunStore(runs);
  const { url } = await serve({ runs, generated: temporaryFolder() });
  const list = await openPage(browser, `${url}#/runs`);
  await list.waitForSelector(".live.on");
  const run = await writeToldRun(store);
  await list.waitForSelector(`[data-run="${run.id}"]`, { timeout: 5000 });
  const page = await openPage(browser, `${url}#/run/${run.id}`);
  await page.waitForSelector(".live.on");
  expect(await page.locator(".mark").count()).toBe(2);
  run.append({ type: "agent-noted", text: "still at it" });
  await page.waitForFunction(() => document.querySelector(".conversation")?.textContent?.includes("still at it"), null, { timeout: 5000 });
  await submit(run, 3, 2, sampleCandidate("int third(void) { return 44; }\n"), "the third", surpassedVerdict(1.8));
  await page.waitForFunction(() => document.querySelectorAll(".mark").length === 3, null, { timeout: 5000 });
  // Nobody chose an attempt, so the best is shown.
  await page.waitForSelector(".attempt[aria-label='attempt 3']");
  finish(run, 3, 1.8);
  run.close();
  await page.waitForFunction(() => document.querySelector(".run-head .facts")?.textContent?.includes("surpassed"), null, { timeout: 5000 });
  expect(
    await page
      .locator(".conversation li")
      .evaluateAll((all) => new Set(all.map((one) => one.getAttribute("data-sequence"))).size === all.length),
  ).toBe(true);
  await list.waitForFunction((name) => document.querySelector(`[data-run="${name}"]`)?.textContent?.includes("1.80x"), run.id, {
    timeout: 5000,
  });
});

test("a dashboard that went away and came back is followed again, without an event twice or missing", async () => {
  const runs = temporaryFolder();
  const store = openRunStore(runs);
  const run = await writeToldRun(store);
  const { startDashboard } = await import("../../../../harness/dashboard/start-dashboard.js");
  const options = { host: "127.0.0.1", hostNames: [], runsDirectory: runs, generatedDirectory: temporaryFolder(), queue: null };
  const first = await startDashboard({ ...options, port: 0 });
  const page = await openPage(browser, `${first.url}#/run/${run.id}`);
  await page.waitForSelector(".live.on");
  await first.close();
  await page.waitForSelector(".live.off");
  run.append({ type: "agent-noted", text: "while nobody looked" });
  const again = await startDashboard({ ...options, port: Number(new URL(first.url).port) });
  await page.waitForFunction(() => document.querySelector(".conversation")?.textContent?.includes("while nobody looked"), null, {
    timeout: 15_000,
  });
  const sequences = await page
    .locator(".conversation li")
    .evaluateAll((all) => all.map((one) => Number(one.getAttribute("data-sequence"))));
  expect(sequences).toEqual([...new Set(sequences)].sort((a, b) => a - b));
  run.close();
  await again.close();
});

test.each(["light", "dark"] as const)("%s: text stands out from its ground, by the system's wish or the visitor's", async (scheme) => {
  const { url, names } = await servedRuns(1);
  const page = await openPage(browser, `${url}#/run/${names[0]}/attempt/1`, { colorScheme: scheme });
  const contrast = () =>
    page.evaluate(() => {
      const light = (color: string) => {
        const [r, g, b] = color
          .match(/[\d.]+/g)!
          .map(Number)
          .map((value) => (value / 255 <= 0.04045 ? value / 255 / 12.92 : ((value / 255 + 0.055) / 1.055) ** 2.4)) as [
          number,
          number,
          number,
        ];
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
      };
      const ground = light(getComputedStyle(document.body).backgroundColor);
      const ratioTo = (selector: string) => {
        const text = light(getComputedStyle(document.querySelector(selector)!).color);
        return (Math.max(text, ground) + 0.05) / (Math.min(text, ground) + 0.05);
      };
      return {
        isDark: ground < 0.2,
        least: Math.min(...["body", ".quiet", ".interval", "a", ".badge.failed", ".badge.surpassed", "dt"].map(ratioTo)),
      };
    });
  const { isDark, least } = await contrast();
  expect(isDark).toBe(scheme === "dark");
  // WCAG 2.2, 1.4.3.
  expect(least).toBeGreaterThan(4.5);
  const other = scheme === "dark" ? 1 : 2;
  for (let press = 0; press < other; press++) await page.keyboard.press("t");
  expect((await contrast()).isDark).toBe(scheme !== "dark");
  await page.reload();
  await page.waitForSelector("main");
  expect((await contrast()).isDark).toBe(scheme !== "dark");
});

test("on a phone nothing scrolls sideways, and everything can be reached", async () => {
  const { url, names } = await servedRuns(2);
  const page = await openPage(browser, url, { viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true });
  for (const view of [
    "#/",
    "#/runs",
    `#/run/${names[0]}/attempt/2`,
    "#/roofline",
    "#/queue",
    `#/compare?a=${names[0]}:1&b=${names[1]}:2`,
  ]) {
    await page.goto(`${url}${view}`);
    await page.waitForTimeout(400);
    const wide = await page.evaluate(() => [document.documentElement.scrollWidth, document.documentElement.clientWidth]);
    expect(wide[0], view).toBe(wide[1]);
    for (const link of await page.locator("nav a").all()) expect(await link.isVisible()).toBe(true);
  }
  await page.goto(`${url}#/runs`);
  await page.locator("[data-run]").first().tap();
  await page.waitForSelector(".attempt");
});
