import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { parse } from "yaml";
import { packageRoot } from "../package-root.js";
import { UsageError } from "./usage-error.js";

const namePattern = /^[a-z][a-z0-9]*(-[a-z0-9]+)*$/;

/**
 * Copies harness/templates/ with the template's own name replaced by `name`, in contents and file names. The template is itself
 * a spec that loads, so it needs no placeholders. Throws UsageError for a bad name and where a file is in the way.
 */
export function startSpec(name: string, into: string): { spec: string; files: string[] } {
  requireSpecName(name);
  const templates = join(packageRoot(), "harness", "templates");
  const names = readdirSync(templates, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(templates.length + 1));
  const specName = names.find((file) => file.endsWith(".yaml"));
  if (specName === undefined) throw new Error(`${templates} has no spec: the installation is incomplete, install Forge again`);
  const templateName = (parse(readFileSync(join(templates, specName), "utf8")) as { name: string }).name;
  const rename = (text: string) => text.replaceAll(templateName, name).replaceAll(snake(templateName), snake(name));
  const written = names.map((file) => ({ path: join(into, rename(file)), text: rename(readFileSync(join(templates, file), "utf8")) }));
  for (const { path, text } of written) writeNew(path, text);
  return { spec: join(into, rename(specName)), files: written.map(({ path }) => path) };
}

/** Throws UsageError. */
export function requireSpecName(name: string): void {
  if (!namePattern.test(name) || name.length > 60)
    throw new UsageError(`'${name}' is no name for a spec: use lower-case words joined by '-', e.g. fused-gelu`);
}

/** C has no '-' in its names. */
function snake(name: string): string {
  return name.replaceAll("-", "_");
}

/** Throws UsageError where there is such a file. */
export function writeNew(path: string, text: string): void {
  try {
    mkdirSync(dirname(path), { recursive: true });
    // wx: whoever made the file a moment ago keeps it too.
    writeFileSync(path, text, { flag: "wx" });
  } catch (cause) {
    if (cause instanceof Error && "code" in cause && cause.code === "EEXIST") {
      throw new UsageError(`${path} exists and is not overwritten: choose another name or --into <folder>`, { cause });
    }
    throw cause;
  }
}
