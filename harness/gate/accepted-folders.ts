import { type Dirent, existsSync, readdirSync } from "node:fs";
import { basename, dirname, join, relative, resolve, sep } from "node:path";

/** A place for accepted code: `<generated>/<spec>/<variant>/<target>`. */
export interface AcceptedFolder {
  /** Absolute. */
  directory: string;
  /** As a user would type it here. */
  folder: string;
  spec: string;
  variant: string;
  target: string;
}

/** All folders three levels down that hold anything, by name; hidden ones are Forge's own between two renames. */
export function acceptedFolders(generated: string): AcceptedFolder[] {
  const root = resolve(generated);
  return foldersIn(root)
    .flatMap((spec) => foldersIn(spec))
    .flatMap((variant) => foldersIn(variant))
    .filter((directory) => visible(directory).length > 0)
    .map(describe)
    .sort((a, b) => (a.folder < b.folder ? -1 : 1));
}

function describe(directory: string): AcceptedFolder {
  const variant = dirname(directory);
  const here = relative(process.cwd(), directory).split(sep).join("/");
  return {
    directory,
    folder: here.startsWith("../../..") ? directory : here,
    spec: basename(dirname(variant)),
    variant: basename(variant),
    target: basename(directory),
  };
}

function visible(directory: string): Dirent[] {
  return existsSync(directory) ? readdirSync(directory, { withFileTypes: true }).filter((entry) => !entry.name.startsWith(".")) : [];
}

function foldersIn(directory: string): string[] {
  return visible(directory)
    .filter((entry) => entry.isDirectory())
    .map((entry) => join(directory, entry.name));
}
