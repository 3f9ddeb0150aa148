import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { packageRoot } from "../package-root.js";

/** The page as `npm run build` bundled it; a released Forge brings it along. */
export interface PageFiles {
  html: string;
  script: string;
  style: string;
}

export function readPageFiles(): PageFiles {
  const folder = join(packageRoot(), "dist", "harness", "dashboard", "page");
  if (!existsSync(join(folder, "page.js"))) throw new Error(`${folder} has no page: the installation is incomplete; run \`npm run build\``);
  return { html: pageHtml, script: readFileSync(join(folder, "page.js"), "utf8"), style: readFileSync(join(folder, "page.css"), "utf8") };
}

const pageHtml = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Forge</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="/page.css">
<script type="module" src="/page.js"></script>
</head>
<body><noscript>This page needs JavaScript; \`forge runs\` and \`forge show\` say the same in a terminal.</noscript></body>
</html>
`;
