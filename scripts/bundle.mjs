// Makes of the worker one file that needs Node and no node_modules, with what has to lie beside it. The folder can be copied anywhere.
import { chmodSync, cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join, relative, resolve } from "node:path";
import { build } from "esbuild";
import { root } from "./steps.mjs";

const output = resolve(process.argv[2] ?? join(root, "dist/worker"));

/**
 * Modules look for their assets beside themselves: each still believes to lie where it lay, seen from the one file.
 * @type {import("esbuild").Plugin}
 */
const keepPlaces = {
  name: "keep-places",
  setup(builder) {
    builder.onLoad({ filter: /\.ts$/ }, async ({ path }) => ({
      contents: (await readFile(path, "utf8")).replaceAll(
        "import.meta.url",
        `new URL(${JSON.stringify(relative(root, path))}, import.meta.url).href`,
      ),
      loader: "ts",
    }));
  },
};

rmSync(output, { recursive: true, force: true });
mkdirSync(output, { recursive: true });
const program = join(output, "forge-worker.mjs");
const { metafile } = await build({
  absWorkingDir: root,
  entryPoints: ["harness/cli/worker-main.ts"],
  outfile: program,
  bundle: true,
  platform: "node",
  format: "esm",
  target: "node20",
  metafile: true,
  legalComments: "inline",
  // Packages in CommonJS ask for Node's own modules with require.
  banner: { js: 'import { createRequire as createRequireHere } from "node:module";\nconst require = createRequireHere(import.meta.url);' },
  plugins: [keepPlaces],
});
const native = Object.keys(metafile.inputs).filter((name) => name.includes("libsql"));
if (native.length > 0) throw new Error(`the worker would need a native module: ${native[0]}`);
chmodSync(program, 0o755);

cpSync(join(root, "verifiers/targets"), join(output, "verifiers/targets"), {
  recursive: true,
  filter: (source) => !/\.[^/]+$/.test(source) || /\.(c|h|mjs)$/.test(source),
});
mkdirSync(join(output, "reference-kernels"));
cpSync(join(root, "reference-kernels/forge.h"), join(output, "reference-kernels/forge.h"));
// What trainers train on.
cpSync(join(root, "specs/models/text"), join(output, "specs/models/text"), { recursive: true });

const { name, version, license } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
const { examFormats, verifierHash } = await import(join(root, "dist/harness/verifier-hash.js"));
const verifierHashes = Object.fromEntries(
  examFormats.map((/** @type {"forge-kernel/1" | "forge-trainer/1"} */ format) => [format, verifierHash(root, format)]),
);
// The sources that judge are not there to be hashed: the hash goes along.
writeFileSync(join(output, "package.json"), `${JSON.stringify({ name, version, license, type: "module", verifierHashes }, null, 2)}\n`);
process.stdout.write(`${relative(process.cwd(), output)}: forge-worker.mjs and what has to lie beside it; copy the folder as a whole\n`);
