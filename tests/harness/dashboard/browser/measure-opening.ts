import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import type { Browser, Page } from "playwright-core";
import { mainPath } from "../../cli/run-forge.js";

export interface OpeningTimes {
  /** From the start of the program to its link. */
  serverStartMs: number;
  /** From the beginning of the navigation to the frame that shows the first rows, each try. */
  listMs: number[];
  /** From the click on a row to the frame that shows the run's ladder and chart, each try. */
  runMs: number[];
  /** From the last key of a filter to its rows. */
  filterMs: number[];
}

/** The built program over a folder of runs, looked at in a real browser: each figure as its user has it. */
export async function measureOpening(
  browser: Browser,
  runsDirectory: string,
  generatedDirectory: string,
  tries: number,
): Promise<OpeningTimes> {
  const began = performance.now();
  const program = spawn(
    process.execPath,
    [mainPath, "dashboard", "--port", "0", "--runs", runsDirectory, "--generated", generatedDirectory],
    {
      stdio: ["ignore", "pipe", "inherit"],
    },
  );
  try {
    const url = await linkOf(program);
    const serverStartMs = performance.now() - began;
    const times: OpeningTimes = { serverStartMs, listMs: [], runMs: [], filterMs: [] };
    for (let attempt = 0; attempt < tries; attempt++) {
      const page = await (await browser.newContext({ viewport: { width: 1280, height: 800 } })).newPage();
      // What tsx puts around functions is not there in the page.
      await page.addInitScript({ content: "globalThis.__name = (made) => made;" });
      await page.goto(`${url}#/runs`, { waitUntil: "commit" });
      times.listMs.push(await shownAt(page, "[data-run]"));
      times.runMs.push(await clickUntil(page, attempt));
      await page.goBack();
      await page.waitForSelector("[data-run]");
      times.filterMs.push(await filterUntil(page));
      await page.context().close();
    }
    return times;
  } finally {
    program.kill("SIGINT");
  }
}

async function linkOf(program: ReturnType<typeof spawn>): Promise<string> {
  for await (const line of createInterface({ input: program.stdout! })) {
    const link = /^Dashboard: (\S+)$/.exec(line)?.[1];
    if (link !== undefined) return link;
  }
  throw new Error("the dashboard ended before it said where it is");
}

/** Milliseconds since the navigation began, when the frame with the element was drawn. */
function shownAt(page: Page, selector: string): Promise<number> {
  return page.evaluate(
    (wanted) =>
      new Promise<number>((resolve) => {
        const look = () =>
          document.querySelector(wanted)
            ? requestAnimationFrame(() => setTimeout(() => resolve(performance.now()), 0))
            : requestAnimationFrame(look);
        look();
      }),
    selector,
  );
}

function clickUntil(page: Page, row: number): Promise<number> {
  return page.evaluate(
    (index) =>
      new Promise<number>((resolve) => {
        const began = performance.now();
        document.querySelectorAll<HTMLElement>("[data-run]")[index]!.click();
        const look = () =>
          document.querySelector(".run-view .ladder") && document.querySelector(".run-view .mark")
            ? requestAnimationFrame(() => setTimeout(() => resolve(performance.now() - began), 0))
            : requestAnimationFrame(look);
        look();
      }),
    row,
  );
}

function filterUntil(page: Page): Promise<number> {
  return page.evaluate(
    () =>
      new Promise<number>((resolve) => {
        const before = document.querySelector(".count")!.textContent;
        const field = document.querySelector<HTMLInputElement>("#filter")!;
        const began = performance.now();
        field.value = "linear autotune";
        field.dispatchEvent(new Event("input"));
        const look = () =>
          document.querySelector(".count")!.textContent === before ? requestAnimationFrame(look) : resolve(performance.now() - began);
        look();
      }),
  );
}
