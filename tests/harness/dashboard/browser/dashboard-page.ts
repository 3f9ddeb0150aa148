import type { Browser, BrowserContextOptions, Locator, Page } from "playwright-core";
import { onTestFinished } from "vitest";
import { type RunningDashboard, startDashboard } from "../../../../harness/dashboard/start-dashboard.js";
import type { QueueOverview } from "../../../../specs/contracts/queue-overview.js";

export interface Directories {
  runs: string;
  generated: string;
}

/** The real server over real folders, until the test ends. */
export async function serve(directories: Directories, queue: (() => Promise<QueueOverview>) | null = null): Promise<RunningDashboard> {
  const running = await startDashboard({
    host: "127.0.0.1",
    port: 0,
    hostNames: [],
    runsDirectory: directories.runs,
    generatedDirectory: directories.generated,
    queue,
  });
  onTestFinished(() => running.close());
  return running;
}

/** A page in which nothing may go wrong unnoticed: an error, a refusal by the policy or a dialogue fails the test. */
export async function openPage(browser: Browser, url: string, options: BrowserContextOptions = {}): Promise<Page> {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, ...options });
  const page = await context.newPage();
  const troubles: string[] = [];
  page.on("pageerror", (error) => troubles.push(String(error.stack)));
  page.on("console", (message) => {
    // Chromium reports each answer of 4xx there too, which some tests ask for.
    if (message.type() === "error" && !message.text().startsWith("Failed to load resource")) troubles.push(message.text());
  });
  page.on("dialog", (dialog) => {
    troubles.push(`dialogue: ${dialog.message()}`);
    void dialog.dismiss();
  });
  onTestFinished(async () => {
    await context.close();
    if (troubles.length > 0) throw new Error(`in the page: ${troubles.join("\n")}`);
  });
  await page.goto(url);
  await page.waitForSelector("main");
  return page;
}

/** What is seen of an element: hidden parts and line breaks of the layout do not count. */
export async function textOf(place: Locator): Promise<string> {
  // biome-ignore lint/performance/useDomNodeTextContent: what is hidden is not shown
  return (await place.innerText()).replace(/\s+/g, " ").trim();
}

export const textsOf = async (page: Page, selector: string): Promise<string[]> =>
  Promise.all((await page.locator(selector).all()).map(textOf));
