import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { readPageFiles } from "../../../../harness/dashboard/page-files.js";
import { embeddable, reportData, reportHtml } from "../../../../harness/dashboard/report-html.js";
import { openRunFeed } from "../../../../harness/dashboard/run-feed.js";
import { escapeText } from "../../../../harness/report/escape-text.js";
import { openRunStore } from "../../../../harness/store/run-store.js";
import { runForge } from "../../cli/run-forge.js";
import { sampleGoal } from "../../sample-run.js";
import { temporaryFolder } from "../../temporary-folder.js";
import { finish, type Words, writeToldRun } from "../told-run.js";
import { openPage, serve } from "./dashboard-page.js";
import { openBrowser } from "./open-browser.js";

let browser: Browser;
beforeAll(async () => {
  browser = await openBrowser();
});
afterAll(() => browser.close());

const markup = `<img src=x onerror="document.title='owned'"><script>document.title='owned'</script></script><!--<svg/onload=alert(1)>`;
const marks = "\u001b[31mred\u001b[0m \u202ereversed\u202c \u2066isolate\u2069 \u200bzero\u0007";
const huge = "x".repeat(200_000);
const hostile = `${markup} ${marks} javascript:alert(1) ' " \` &lt; {{7*7}}`;
const words: Words = {
  summary: hostile,
  turn: `${hostile}\n${huge}`,
  compiler: `${hostile}\n${huge}\n${hostile}`,
  source: `/* ${markup} ${marks} */ int a;\n// ${huge}\n`,
  note: hostile,
};

/** No element came of a text, and no character in it acts. */
async function expectHarmless(page: Page): Promise<void> {
  expect(
    await page.locator("img, iframe, object, embed, form, base, script:not([type='module']):not([type='application/json'])").count(),
  ).toBe(0);
  expect(await page.title()).not.toContain("owned");
  const shown = await page.evaluate(() => {
    const holder = document.getElementById("forge-report");
    return [...document.body.childNodes]
      .filter((node) => node !== holder && node.nodeName !== "SCRIPT")
      .map((node) => node.textContent)
      .join("");
  });
  expect(shown.replaceAll("\n", "")).not.toMatch(/[\p{Cc}\u200b-\u200f\u202a-\u202e\u2066-\u2069]/u);
  expect(await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth)).toBe(0);
}

async function hostileStore() {
  const runs = temporaryFolder();
  const store = openRunStore(runs);
  const run = await writeToldRun(store, words, { ...sampleGoal, agent: `${markup} agent`, specPath: hostile });
  finish(run, 2, 1.5);
  run.close();
  return { runs, run: run.id };
}

test("spec names, summaries, words, code and compiler output from elsewhere are shown as text, on every view", async () => {
  const { runs, run } = await hostileStore();
  // An accepted folder whose record names a hostile run, and a gate's result with markup in it.
  mkdirSync(join(runs, "gate"), { recursive: true });
  writeFileSync(
    join(runs, "gate", "last.json"),
    JSON.stringify({
      format: "forge-gate/1",
      folders: [
        { spec: "rmsnorm", variant: "f32", target: "x86-64", status: "failed", summary: hostile, judgedAt: "2026-01-01T00:00:00Z" },
      ],
    }),
  );
  const { url } = await serve({ runs, generated: join(process.cwd(), "generated") });
  const page = await openPage(browser, url);
  await page.waitForSelector(".cell.grave");
  expect(await page.locator(".cell.grave .alarm").first().textContent()).toBe(`gate failed: ${escapeText(hostile)}`);
  await expectHarmless(page);
  for (const view of [
    `#/run/${run}/attempt/1`,
    `#/run/${run}/attempt/2`,
    `#/compare?a=${run}:1&b=${run}:2`,
    "#/runs?text=rmsnorm",
    "#/roofline",
    `#/run/${encodeURIComponent(hostile)}`,
    `#/runs?text=${encodeURIComponent(hostile)}`,
  ]) {
    await page.goto(`${url}${view}`);
    await page.waitForSelector("main");
    await page.waitForTimeout(300);
    await expectHarmless(page);
  }
  await page.goto(`${url}#/run/${run}/attempt/2`);
  await page.waitForSelector(".line .text");
  expect(await page.locator(".attempt > .summary").textContent()).toBe(escapeText(`${hostile}, again`));
  expect(await page.locator(".line.same .text").first().textContent()).toBe(escapeText(words.source.split("\n")[0]!));
  for (const summary of await page.locator(".conversation details > summary").all()) await summary.click();
  await expectHarmless(page);
});

test("a log whose events name a spec like markup is shown so in lists", async () => {
  const runs = temporaryFolder();
  const store = openRunStore(runs);
  const written = await writeToldRun(store, words);
  written.close();
  const run = written.id;
  const path = join(runs, run, "log.jsonl");
  const text = readFileSync(path, "utf8")
    .replace('"spec":"rmsnorm"', `"spec":${JSON.stringify(hostile)}`)
    .replace('"target":"x86-64"', `"target":${JSON.stringify(markup)}`);
  writeFileSync(path, text);
  const { url } = await serve({ runs, generated: temporaryFolder() });
  const page = await openPage(browser, `${url}#/runs`);
  await page.waitForSelector("[data-run]");
  await expectHarmless(page);
  expect(await page.locator("select[aria-label=spec] option").nth(1).textContent()).toBe(escapeText(hostile));
  await page.goto(`${url}#/run/${run}`);
  await page.waitForSelector(".run-head h1");
  expect(await page.locator(".run-head h1").textContent()).toContain(escapeText(hostile));
  await expectHarmless(page);
});

test("a report holds all of it in one file, asks nobody anything, and runs nothing but the page", async () => {
  const { runs, run } = await hostileStore();
  const file = join(runs, "report.html");
  const written = runForge(["report", run, "--runs", runs, "--output", file]);
  expect(written).toMatchObject({ code: 0, stdout: `${file}\n` });
  const html = readFileSync(file, "utf8");
  expect(html.match(/<script/g)).toHaveLength(2);
  expect(html.match(/<\/script>/g)).toHaveLength(2);
  expect(html).not.toMatch(/<img|(?:src|href)="(?!data:,)/);
  const asked: string[] = [];
  const page = await openPage(browser, pathToFileURL(file).href);
  page.on("request", (request) => asked.push(request.url()));
  await page.waitForSelector(".line .text");
  expect(await page.locator(".mark").count()).toBe(2);
  await expectHarmless(page);
  await page.locator(".attempts a").first().click();
  await page.waitForSelector("[data-check=build].failed");
  await expectHarmless(page);
  expect(asked.filter((url) => !url.startsWith("file:") && !url.startsWith("data:"))).toEqual([]);
});

test("a report whose script was changed does not run: the policy admits the page by its hash", async () => {
  const { runs, run } = await hostileStore();
  const feed = openRunFeed({ runs, generated: temporaryFolder() });
  const html = reportHtml(await reportData(feed.row(run), feed.events(run), feed.places(run)), readPageFiles());
  feed.close();
  const file = join(runs, "changed.html");
  writeFileSync(file, html.replace('<script type="module">', '<script type="module">document.title="owned";'));
  const page = await browser.newPage();
  await page.goto(pathToFileURL(file).href);
  await page.waitForTimeout(300);
  expect(await page.title()).toBe("Forge report");
  expect(await page.locator("main").count()).toBe(0);
  await page.close();
});

test("JSON within a page cannot end its element", () => {
  const text = embeddable({ a: "</script><!-- <script>\u2028&" });
  expect(text).not.toMatch(/[<>&\u2028]/);
  expect(JSON.parse(text)).toEqual({ a: "</script><!-- <script>\u2028&" });
});
