import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { parse } from "yaml";

/** A shell step of a pipeline, as it stands in its file. */
export interface ShellStep {
  name: string;
  script: string;
  /** As the file has it: with `${{ }}` where the pipeline puts values. */
  environment: Record<string, string>;
}

interface ActionFile {
  runs: { steps: { name?: string; run?: string; env?: Record<string, string> }[] };
}

/** The steps of a composite GitHub action that are shell scripts. */
export function actionSteps(path: string): ShellStep[] {
  const { runs } = parse(readFileSync(path, "utf8")) as ActionFile;
  return runs.steps.flatMap(({ name, run, env }) => (run === undefined ? [] : [{ name: name ?? "", script: run, environment: env ?? {} }]));
}

/** What a GitLab job runs, first to last, as one script: GitLab joins them so. */
export function gitlabScript(path: string, job: string): { before: string; script: string; variables: Record<string, string> } {
  const jobs = parse(readFileSync(path, "utf8")) as Record<
    string,
    { before_script: string[]; script: string[]; variables: Record<string, string> }
  >;
  const { before_script, script, variables } = jobs[job]!;
  return { before: before_script.join("\n"), script: script.join("\n"), variables };
}

/** As GitHub runs `shell: bash`, and GitLab its jobs. */
export function runScript(script: string, folder: string, environment: Record<string, string>) {
  const ended = spawnSync("bash", ["--noprofile", "--norc", "-eo", "pipefail", "-c", script], {
    cwd: folder,
    encoding: "utf8",
    env: { ...process.env, NO_COLOR: "1", FORGE_DEBUG: "", ...environment },
  });
  return { code: ended.status, stdout: ended.stdout, stderr: ended.stderr };
}
