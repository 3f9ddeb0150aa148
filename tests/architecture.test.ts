import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import ts from "typescript";
import { describe, expect, test } from "vitest";
import { isOfTrainers, notJudging } from "../harness/verifier-hash.js";

/** Who may import whom; a folder may always import itself. Nobody imports tests/ or scripts/. */
const mayImport: Record<string, string[]> = {
  specs: [],
  agents: ["specs"],
  verifiers: ["specs"],
  harness: ["specs", "agents", "verifiers"],
  "reference-kernels": [],
  tests: ["specs", "agents", "verifiers", "harness", "scripts"],
  scripts: ["specs"],
};
/** A script that writes what a schema says may load it; one that installs must run before there is anything to load. */
const bareScripts = [
  "quickstart",
  "test",
  "prerequisites",
  "install-prerequisites",
  "install-python",
  "coding-clis",
  "install-coding-clis",
  "prepare-machine",
  "prepare",
  "build-if-stale",
  "steps",
];

const longestFile = 300;
/** Files that may be longer, each with the reason. */
const longFiles: Record<string, string> = {
  "agents/operations/frame.c": "what reference-kernels/decoder.c is, but that it calls its operations",
  "reference-kernels/decoder.c": "a whole trainer, forward, backward and optimizer, to be read from top to bottom",
  "verifiers/speed/duel.ts": "a unit's processes, sets and blocks share one state; a few lines over",
  "verifiers/targets/x86-64/runner.c": "one translation unit, so that none of its state is visible to the candidate that it loads",
};

const files = Object.keys(mayImport).flatMap((folder) => filesUnder(folder));
const modules = files.filter((file) => /\.(ts|mjs)$/.test(file));

function filesUnder(folder: string): string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = `${folder}/${entry.name}`;
    // Fixtures are candidates and specs of others' making.
    if (entry.isDirectory()) return entry.name === "fixtures" || entry.name === "node_modules" ? [] : filesUnder(path);
    return /\.(ts|mjs|c|h)$/.test(entry.name) ? [path] : [];
  });
}

/** Every module that a file names, by any kind of import; parsed by the compiler, so that comments and strings do not count. */
function importsOf(file: string): string[] {
  return ts.preProcessFile(readFileSync(file, "utf8"), true, true).importedFiles.map((imported) => imported.fileName);
}

/** The file of ours that an import names; null for packages. */
function targetOf(file: string, imported: string): string | null {
  if (!imported.startsWith(".")) return null;
  const path = normalize(join(dirname(file), imported));
  return [path, path.replace(/\.js$/, ".ts"), path.replace(/\.mjs$/, ".mts")].find((candidate) => existsSync(candidate)) ?? path;
}

function ownImports(file: string): string[] {
  return importsOf(file).flatMap((imported) => targetOf(file, imported) ?? []);
}

const folderOf = (file: string) => file.split("/")[0]!;

describe("the folders", () => {
  test("import only what they may", () => {
    const wrong = modules.flatMap((file) =>
      ownImports(file)
        .filter((target) => target.includes("/"))
        .filter((target) => folderOf(target) !== folderOf(file) && !mayImport[folderOf(file)]!.includes(folderOf(target)))
        .map((target) => `${file} imports ${target}`),
    );
    expect(wrong).toEqual([]);
  });

  test("name files that exist", () => {
    // Ends that vitest and tsc would find too, but only where somebody runs them.
    const missing = modules.flatMap((file) =>
      ownImports(file)
        .filter((target) => !existsSync(target))
        .map((target) => `${file} imports ${target}`),
    );
    expect(missing).toEqual([]);
  });
});

test("what no verdict depends on is imported by no verifier, nor by what verifiers import", () => {
  const wrong = modules
    .filter((file) => /^(verifiers|specs)\//.test(file) && !notJudging.has(file))
    .flatMap((file) =>
      ownImports(file)
        .filter((target) => notJudging.has(target))
        .map((target) => `${file} imports ${target}`),
    );
  expect(wrong).toEqual([]);
  expect([...notJudging].filter((file) => !modules.includes(file))).toEqual([]);
});

test("verdicts on kernels depend on nothing that is there for trainers", () => {
  const wrong = modules
    .filter((file) => /^(verifiers|specs)\//.test(file) && !isOfTrainers(file) && !notJudging.has(file))
    .flatMap((file) =>
      ownImports(file)
        .filter(isOfTrainers)
        .map((target) => `${file} imports ${target}`),
    );
  expect(wrong).toEqual([]);
  expect(modules.filter(isOfTrainers).length).toBeGreaterThan(10);
});

test("the scripts that run before `npm ci` import no package", () => {
  const wrong = bareScripts.flatMap((name) =>
    importsOf(`scripts/${name}.mjs`)
      .filter((imported) => !imported.startsWith("node:") && !imported.startsWith("./"))
      .map((imported) => `scripts/${name}.mjs imports ${imported}`),
  );
  expect(wrong).toEqual([]);
});

test("there are no cycles between files", () => {
  const finished = new Set<string>();
  const cycles: string[] = [];
  const visit = (file: string, path: string[]) => {
    if (path.includes(file)) cycles.push([...path.slice(path.indexOf(file)), file].join(" -> "));
    if (finished.has(file) || path.includes(file) || !modules.includes(file)) return;
    for (const target of ownImports(file)) visit(target, [...path, file]);
    finished.add(file);
  };
  for (const file of modules) visit(file, []);
  expect(cycles).toEqual([]);
});

test("no file is too long without a reason", () => {
  const lengths = files.map((file) => ({ file, lines: readFileSync(file, "utf8").split("\n").length - 1 }));
  const tooLong = lengths.filter(({ file, lines }) => lines > longestFile && !Object.hasOwn(longFiles, file));
  expect(tooLong).toEqual([]);
  const excusedInVain = Object.keys(longFiles).filter((file) => !lengths.some((entry) => entry.file === file && entry.lines > longestFile));
  expect(excusedInVain, "an excuse that is no longer needed").toEqual([]);
});

test("in the harness only the two programs' main files end the process", () => {
  const ending = modules.filter(
    (file) => file.startsWith("harness/") && /\bprocess\.exit(Code)?\b\s*[(=]/.test(readFileSync(file, "utf8")),
  );
  expect(ending).toEqual(["harness/cli/main.ts", "harness/cli/worker-main.ts"]);
});

test("nothing outside a target's folder knows what is in it, but the list of targets", () => {
  const targetFolder = (file: string) => /^verifiers\/targets\/[^/]+\//.exec(file)?.[0] ?? null;
  const wrong = modules
    .filter((file) => file !== "harness/targets.ts" && !file.startsWith("tests/"))
    .flatMap((file) =>
      ownImports(file)
        .filter((target) => targetFolder(target) !== null && targetFolder(target) !== targetFolder(file))
        .map((target) => `${file} imports ${target}`),
    );
  expect(wrong).toEqual([]);
});
