import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { join, resolve } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { parse, stringify } from "yaml";
import type { GateReport } from "../../specs/contracts/gate.js";
import type { KernelSpec } from "../../specs/contracts/spec.js";
import { commitAll, git, writeIn } from "../harness/gate/git-project.js";
import { lastingFolder } from "../small-spec.js";
import { actionSteps, gitlabScript, runScript } from "./pipeline-steps.js";

const minutes = 60_000;
const accepted = "generated/twice/f32/x86-64";
const project = join(lastingFolder(), "project");
mkdirSync(project);

const shell = (script: string, folder = project, environment: Record<string, string> = {}) =>
  runScript(script, folder, { GITHUB_ACTIONS: "", ...environment });

function must(script: string, folder = project, environment: Record<string, string> = {}): string {
  const ended = shell(script, folder, environment);
  expect(ended.code, `${script}\n${ended.stdout.slice(-2000)}${ended.stderr.slice(-2000)}`).toBe(0);
  return ended.stdout;
}

/** Nothing that it needs is made when it is installed. */
const withoutScripts = { npm_config_ignore_scripts: "true" };

beforeAll(() => {
  const packed = must(`npm pack --silent --ignore-scripts --pack-destination ${project}`, resolve("."), withoutScripts).trim();
  git(project, "init", "--quiet");
  writeIn(project, "package.json", '{ "name": "somebody-elses", "private": true }\n');
  writeIn(project, ".gitignore", "node_modules/\nruns/\n.npm\n.forge-cache/\n");
  must(`npm install --save-dev ./${packed} --prefer-offline --no-audit --no-fund`, project, withoutScripts);
}, 5 * minutes);

/**
 * What `forge init` wrote, made the author's own: one entry, and one whose sums a compiler makes far faster when it may, so that a busy
 * machine tells it too.
 */
function writeOwnOperation(): void {
  const path = join(project, "twice/twice.yaml");
  const spec = parse(readFileSync(path, "utf8")) as KernelSpec;
  delete spec.entries.twice_backward;
  spec.summary = "Each row and the mean of it.";
  spec.entries.twice_forward!.description = "y = x + mean of x over the row";
  spec.cases.hidden = 8;
  spec.cases.timed = [{ rows: 256, dim: 1024 }];
  spec.budget = { attempts: 1, minutes: 5 };
  spec.variants = { f32: spec.variants.f32! };
  writeFileSync(path, stringify(spec));
  const source = readFileSync(join(project, "twice/twice.c"), "utf8");
  const [head] = source.split("/* dx = dy s");
  const own = head!
    .replace("r++)\n", "r++) {\n    ACC sum;\n    SUM(sum, k, dim, load(x[r * dim + k]));\n")
    .replace("value / (1 + EXP(-value))", "value + sum / (ACC)dim")
    .replace("  return 0;", "  }\n  return 0;");
  expect(own).toContain("store(value + sum / (ACC)dim)");
  writeFileSync(join(project, "twice/twice.c"), own);
}

describe("installed from its package in somebody else's repository", () => {
  it("holds what it needs and nothing of its making", () => {
    const package_ = join(project, "node_modules/@forge-engineering/forge");
    const files = must("find . -type f -not -path './node_modules/*'", package_).split("\n");
    expect(files).toEqual(expect.arrayContaining(["./action.yml", "./docs/gate.md", "./scripts/install-prerequisites.mjs"]));
    expect(files.filter((file) => /\.test\.ts$|^\.\/(runs|\.ci|\.github)\/|\.tgz$|\.sqlite$/.test(file))).toEqual([]);
  });

  it("begins a spec, forges it and gates it", { timeout: 7 * minutes }, () => {
    expect(must("npx --no-install forge init twice")).toContain("npx forge goal twice/twice.yaml");
    writeOwnOperation();
    const goal = "npx --no-install forge goal twice/twice.yaml --threads 1 --accept-weak-exam";
    let forged = shell(goal);
    for (let again = 0; again < 2 && forged.code === 4 && forged.stdout.includes("machine busy"); again++)
      forged = shell(`${goal} --resume`);
    expect(forged).toMatchObject({ code: 0, stdout: expect.stringContaining(accepted) });
    commitAll(project, "twice, accepted");
    const gated = shell("npx --no-install forge gate --correctness-only --json");
    const report = JSON.parse(gated.stdout) as GateReport;
    expect(gated.code).toBe(0);
    expect(report).toMatchObject({ outcome: "held", folders: [{ folder: accepted, certificate: { state: "valid" }, status: "held" }] });
    commitAll(project, "nothing more");
    expect(must("npx --no-install forge gate")).toContain("Nothing changed");
  });
});

describe("docs/examples/gitlab-ci.yml, in a fresh clone,", () => {
  it("installs, gates, leaves its reports, and fails with the gate", { timeout: 3 * minutes }, () => {
    const clone = join(lastingFolder(), "clone");
    git(project, "clone", "--quiet", project, clone);
    // What GitLab's cache brings back.
    symlinkSync(process.env.npm_config_cache ?? join(homedir(), ".npm"), join(clone, ".npm"));
    const { before, script } = gitlabScript("docs/examples/gitlab-ci.yml", "forge-gate");
    must(before, clone, withoutScripts);
    expect(must(script, clone)).toContain("Nothing changed");
    const source = join(clone, accepted, "forge.json");
    writeFileSync(source, `${readFileSync(source, "utf8")} `);
    commitAll(clone, "a byte more");
    const ended = shell(script, clone, { CI_MERGE_REQUEST_DIFF_BASE_SHA: git(clone, "rev-parse", "HEAD~1") });
    expect(ended).toMatchObject({ code: 1, stdout: expect.stringContaining("forge.json is not what was certified") });
    expect(readFileSync(join(clone, "forge-gate.xml"), "utf8")).toContain("<failure");
    expect(readFileSync(join(clone, "forge-gate.md"), "utf8")).toContain("❌ failed");
  });
});

describe("action.yml, from a fresh checkout of Forge,", () => {
  const action = join(lastingFolder(), "forge");
  const work = join(lastingFolder(), "work");
  const temporary = lastingFolder();
  const steps = actionSteps("action.yml");
  const judged = steps.find(({ name }) => name === "Judge")!;

  beforeAll(() => {
    // What git would give to a runner of what stands here, and the modules from its cache.
    mkdirSync(action);
    must(
      `git ls-files --cached --others --exclude-standard -z | xargs -0 sh -c 'for f; do [ -e "$f" ] && printf "%s\\0" "$f"; done' sh | tar --null --files-from=- -cf - | tar -xf - -C ${action}`,
      resolve("."),
    );
    symlinkSync(resolve("node_modules"), join(action, "node_modules"));
    git(project, "clone", "--quiet", project, work);
    for (const { name, script } of steps.filter((step) => step !== judged))
      expect({ name, ...shell(script, action) }).toMatchObject({ name, code: 0 });
  }, 5 * minutes);

  function judge(inputs: Record<string, string>) {
    const files = { GITHUB_OUTPUT: join(temporary, "output"), GITHUB_STEP_SUMMARY: join(temporary, "summary.md") };
    for (const path of Object.values(files)) writeFileSync(path, "");
    const values: Record<string, string> = { paths: "", all: "false", targets: "", "correctness-only": "true", ...inputs };
    const environment = Object.fromEntries(
      Object.entries(judged.environment).map(([key, value]) => [
        key,
        value
          .replace(/^\$\{\{ github\.action_path \}\}$/, action)
          .replace(/\$\{\{ inputs\.([\w-]+) \}\}/, (_, name: string) => values[name]!),
      ]),
    );
    const runner = { ...environment, ...files, GITHUB_ACTIONS: "true", RUNNER_TEMP: temporary };
    const ended = shell(judged.script, work, runner);
    return { ...ended, output: readFileSync(files.GITHUB_OUTPUT, "utf8"), summary: readFileSync(files.GITHUB_STEP_SUMMARY, "utf8") };
  }

  it("holds an accepted kernel", { timeout: 3 * minutes }, () => {
    const ended = judge({ paths: `${accepted}\n`, targets: "x86-64" });
    expect(ended).toMatchObject({ code: 0, output: expect.stringContaining("outcome=held\n") });
    expect(ended.summary).toContain("✅ held");
    expect(ended.output).toContain(`junit=${temporary}/forge-gate/junit.xml`);
  });

  it("fails a kernel whose file is another, with an annotation", () => {
    const source = join(work, accepted, "forge.json");
    writeFileSync(source, `${readFileSync(source, "utf8")} `);
    const ended = judge({});
    expect(ended).toMatchObject({ code: 1, output: expect.stringContaining("outcome=failed\n") });
    expect(ended.stdout).toContain(`::error file=${accepted}/forge.json,`);
    git(work, "checkout", "--quiet", ".");
  });

  it("takes nothing that is put into its inputs for a command", () => {
    const ended = judge({ paths: `$(touch ${temporary}/pwned); \`touch ${temporary}/pwned\`\n"; touch ${temporary}/pwned #`, targets: "" });
    expect(ended).toMatchObject({ code: 2, output: expect.stringContaining("outcome=errored\n") });
    expect(shell(`test -e ${temporary}/pwned`)).toMatchObject({ code: 1 });
  });
});
