import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { laws } from "../../verifiers/laws.js";

it("docs/integrity.md lists the laws as they are", () => {
  const rows = readFileSync("docs/integrity.md", "utf8").match(/^\| (?!law|---)[^|]+ \| [^|]+ \|$/gm)!;
  expect(rows).toEqual(Object.entries(laws).map(([law, against]) => `| ${law} | ${against} |`));
});
