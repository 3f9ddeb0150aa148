import { chmodSync, copyFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join, normalize, resolve } from "node:path";
import ts from "typescript";

const project = resolve(import.meta.dirname, "../../..");
const entries = {
  create: "harness/sandbox/create-sandbox.ts",
  weakened: "harness/sandbox/weakened.ts",
  ordinaryUser: "tests/harness/sandbox/ordinary-user-program.ts",
};

/** Every file of ours that `file` needs, itself included. */
function neededBy(file: string, found = new Set<string>()): Set<string> {
  if (found.has(file)) return found;
  found.add(file);
  for (const { fileName } of ts.preProcessFile(readFileSync(join(project, file), "utf8")).importedFiles)
    if (fileName.startsWith(".")) neededBy(normalize(join(dirname(file), fileName)).replace(/\.js$/, ".ts"), found);
  return found;
}

/** The sandbox and the programs of these tests as plain JavaScript beside a copy of Node, in a folder that any user can read. */
export function writeStandaloneSandbox(folder: string): Record<keyof typeof entries | "node", string> {
  for (const source of Object.values(entries).flatMap((entry) => [...neededBy(entry)])) {
    const destination = join(folder, source.replace(/\.ts$/, ".js"));
    if (existsSync(destination)) continue;
    const compilerOptions = { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2022 };
    const { outputText } = ts.transpileModule(readFileSync(join(project, source), "utf8"), { compilerOptions });
    mkdirSync(dirname(destination), { recursive: true });
    writeFileSync(destination, outputText);
  }
  writeFileSync(join(folder, "package.json"), '{"type":"module"}');
  const node = join(folder, "node");
  copyFileSync(process.execPath, node);
  chmodSync(node, 0o755);
  chmodSync(folder, 0o755);
  const written = Object.entries(entries).map(([name, source]) => [name, join(folder, source.replace(/\.ts$/, ".js"))]);
  return { ...(Object.fromEntries(written) as Record<keyof typeof entries, string>), node };
}
