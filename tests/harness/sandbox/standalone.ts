import { chmodSync, copyFileSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { ModuleKind, ScriptTarget, transpileModule } from "typescript";

const project = resolve(import.meta.dirname, "../../..");

/** The sandbox as plain JavaScript beside a copy of Node, in a folder that any user can read. */
export function writeStandaloneSandbox(folder: string): { node: string; module: string } {
  const sources = readdirSync(join(project, "harness/sandbox")).map((name) => `harness/sandbox/${name}`);
  for (const source of [...sources, "specs/contracts/sandbox.ts"]) {
    const compilerOptions = { module: ModuleKind.ESNext, target: ScriptTarget.ES2022 };
    const { outputText } = transpileModule(readFileSync(join(project, source), "utf8"), { compilerOptions });
    const destination = join(folder, source.replace(/\.ts$/, ".js"));
    mkdirSync(join(destination, ".."), { recursive: true });
    writeFileSync(destination, outputText);
  }
  writeFileSync(join(folder, "package.json"), '{"type":"module"}');
  const node = join(folder, "node");
  copyFileSync(process.execPath, node);
  chmodSync(node, 0o755);
  chmodSync(folder, 0o755);
  return { node, module: join(folder, "harness/sandbox/create-sandbox.js") };
}
