import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { type Address, addressText } from "../../../../harness/dashboard/page/address.js";
import { openRunFeed } from "../../../../harness/dashboard/run-feed.js";
import { parseRunQuery } from "../../../../harness/dashboard/run-query.js";
import { startDashboard } from "../../../../harness/dashboard/start-dashboard.js";
import { openBrowser } from "./open-browser.js";

// `npm run screenshots`: docs/images/, from the runs that are shipped in generated/, so that anyone can make them again.

const folder = resolve("docs/images");
const directories = { runs: mkdtempSync(join(tmpdir(), "forge-screenshots-")), generated: "generated" };
const feed = openRunFeed(directories);
// The record with the most to tell.
const longest = [...feed.rows()].sort((a, b) => b.attempts - a.attempts || (a.run < b.run ? 1 : -1))[0];
feed.close();
if (longest === undefined) throw new Error("generated/ holds no record to take a picture of");
const { run, attempts } = longest;

const pictures: { name: string; address: Address; width: number; height: number; scheme: "light" | "dark" }[] = [
  { name: "matrix", address: { view: "matrix" }, width: 1120, height: 600, scheme: "light" },
  { name: "runs", address: { view: "runs", query: parseRunQuery(new URLSearchParams()) }, width: 1120, height: 480, scheme: "light" },
  { name: "run", address: { view: "run", run, attempt: null }, width: 1280, height: 900, scheme: "light" },
  { name: "run-dark", address: { view: "run", run, attempt: 4 }, width: 1280, height: 900, scheme: "dark" },
  {
    name: "roofline",
    address: { view: "roofline", filter: { spec: null, variant: "f32", target: "x86-64", run: null } },
    width: 1120,
    height: 640,
    scheme: "light",
  },
  {
    name: "compare",
    address: { view: "compare", a: { run, attempt: 2 }, b: { run, attempt: attempts } },
    width: 1280,
    height: 1000,
    scheme: "light",
  },
  { name: "phone", address: { view: "run", run, attempt: null }, width: 390, height: 844, scheme: "dark" },
];

mkdirSync(folder, { recursive: true });
const browser = await openBrowser();
const dashboard = await startDashboard({
  host: "127.0.0.1",
  port: 0,
  hostNames: [],
  runsDirectory: directories.runs,
  generatedDirectory: directories.generated,
  queue: null,
});
try {
  for (const { name, address, width, height, scheme } of pictures) {
    const page = await browser.newPage({ viewport: { width, height }, colorScheme: scheme });
    await page.goto(`${dashboard.url}${addressText(address)}`);
    await page.waitForSelector("main");
    // Diffs and drawings come a moment after their view.
    await page.waitForTimeout(600);
    await page.screenshot({ path: join(folder, `${name}.png`) });
    await page.close();
    console.log(join("docs/images", `${name}.png`));
  }
} finally {
  await dashboard.close();
  await browser.close();
  rmSync(directories.runs, { recursive: true, force: true });
}
