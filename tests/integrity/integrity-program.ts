import { appendFileSync, existsSync, readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { readAbsentRows, readCheaters } from "./cheater-file.js";
import { type Examination, examine } from "./examine.js";
import { closeRooms } from "./judgements.js";
import { integrityTable, isAsItShouldBe, questions, totals } from "./table.js";

/**
 * Examines the planted cheaters and prints the table; exit code 1 where anything is not as it should be.
 * `--only` takes parts of names; `--results <file>` keeps each result and goes on where it stopped.
 */
const { values } = parseArgs({ options: { only: { type: "string", multiple: true, default: [""] }, results: { type: "string" } } });
const kept: Examination[] =
  values.results && existsSync(values.results)
    ? readFileSync(values.results, "utf8")
        .split("\n")
        .filter((line) => line !== "")
        .map((line) => JSON.parse(line) as Examination)
    : [];
const examinations: Examination[] = [];
for (const cheater of readCheaters().filter(({ name }) => values.only.some((part) => name.includes(part))))
  for (const target of cheater.targets) {
    const known = kept.findLast((result) => result.cheater.name === cheater.name && result.target === target);
    if (known) {
      examinations.push(known);
      continue;
    }
    const startedAt = performance.now();
    const examination = await examine(cheater, target);
    examinations.push(examination);
    if (values.results) appendFileSync(values.results, `${JSON.stringify(examination)}\n`);
    const wrong = questions
      .filter((question) => !examination[question].right)
      .map((question) => `${question}: ${examination[question].seen}`);
    const seconds = ((performance.now() - startedAt) / 1000).toFixed(0);
    process.stderr.write(`${cheater.name} ${target} (${seconds} s): ${wrong.join("; ") || "as it should be"}\n`);
  }
const absent = readAbsentRows().map(({ rows, reason }) => `absent: ${rows.join(", ")}: ${reason}`);
process.stdout.write(`${[integrityTable(examinations), "", ...absent, totals(examinations)].join("\n")}\n`);
await closeRooms();
process.exitCode = examinations.every(isAsItShouldBe) ? 0 : 1;
