import { appendFileSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { GateInputError } from "../../../harness/gate/git.js";
import { readFolder } from "../../../harness/gate/read-folder.js";
import { type SelectionOptions, selectFolders } from "../../../harness/gate/select-folders.js";
import { sampleCandidate } from "../sample-run.js";
import { temporaryFolder } from "../temporary-folder.js";
import { accept, commitAll, git, gitProject, writeIn } from "./git-project.js";

const places = [
  { spec: "linear", target: "x86-64" },
  { spec: "rmsnorm", target: "wasm-simd" },
  { spec: "rmsnorm", target: "x86-64" },
];
const rmsnormKernel = "generated/rmsnorm/f32/x86-64/kernel.c";

function select(project: string, options: Partial<SelectionOptions> = {}) {
  const selected = selectFolders({ generated: join(project, "generated"), paths: [], all: false, targets: null, ...options });
  const chosen = Object.fromEntries(selected.folders.map(({ spec, target, selectedBy }) => [`${spec} ${target}`, selectedBy]));
  return { ...selected, chosen };
}

describe("by default, against the base", () => {
  it("nothing is selected where nothing changed", () => {
    const project = gitProject(places);
    const before = git(project, "rev-parse", "HEAD");
    writeIn(project, "notes.txt", "nothing to do with it\n");
    commitAll(project, "notes");
    expect(select(project)).toMatchObject({ chosen: {}, among: 3, selection: { kind: "changed", base: before, baseName: "HEAD~1" } });
  });

  it("the first commit is held against nothing, so all of it is new", () => {
    const { chosen, selection } = select(gitProject(places));
    expect(Object.keys(chosen)).toHaveLength(3);
    expect(selection).toMatchObject({ baseName: "the first commit" });
  });

  it.each([
    ["committed", (project: string) => commitAll(project, "changed")],
    ["staged", (project: string) => git(project, "add", "--all")],
    ["in the work tree only", () => {}],
  ])("a kernel that is changed, %s, is judged", (_, then) => {
    const project = gitProject(places);
    commitAll(project, "another");
    appendFileSync(join(project, rmsnormKernel), "\n");
    then(project);
    expect(select(project).chosen).toEqual({ "rmsnorm x86-64": "changed: kernel.c" });
  });

  it("a new file, a deleted file and a new folder count", () => {
    const project = gitProject(places);
    commitAll(project, "another");
    writeIn(project, "generated/linear/f32/x86-64/more.c", "int more;\n");
    rmSync(join(project, rmsnormKernel));
    accept(project, "softmax-cross-entropy", "x86-64");
    expect(select(project).chosen).toEqual({
      "linear x86-64": "changed: more.c",
      "rmsnorm x86-64": "changed: kernel.c",
      "softmax-cross-entropy x86-64": "changed: certificate.json, forge.json, inner/part.h, kernel.c, record.jsonl",
    });
  });

  it("a changed spec or reference concerns all that was judged by it, and makes them stale", () => {
    const project = gitProject(places);
    commitAll(project, "another");
    appendFileSync(join(project, "specs/kernels/rmsnorm.yaml"), "# a remark\n");
    expect(select(project).chosen).toEqual({ "rmsnorm wasm-simd": "changed: rmsnorm.yaml", "rmsnorm x86-64": "changed: rmsnorm.yaml" });
    git(project, "checkout", "--quiet", "specs");
    appendFileSync(join(project, "reference-kernels/linear.c"), "/* a remark */\n");
    const { folders, chosen } = select(project);
    expect(chosen).toEqual({ "linear x86-64": "changed: linear.c" });
    expect(readFolder(folders[0]!, join(project, "generated"))).toMatchObject({ finding: { state: "stale", changed: ["reference"] } });
  });

  it("a stale certificate is judged though the change lies before the base", () => {
    const project = gitProject(places);
    appendFileSync(join(project, "specs/kernels/linear.yaml"), "# a remark\n");
    commitAll(project, "remark");
    commitAll(project, "another");
    expect(select(project).chosen).toEqual({ "linear x86-64": "stale: spec" });
  });

  it("what was removed is told", () => {
    const project = gitProject(places);
    commitAll(project, "another");
    rmSync(join(project, "generated/linear"), { recursive: true });
    expect(select(project)).toMatchObject({ chosen: {}, notes: ["linear/f32/x86-64 was accepted at the base and is no longer there"] });
  });

  it("names that would confuse a shell or a line are only names", () => {
    const project = gitProject(places);
    commitAll(project, "another");
    writeIn(project, 'generated/linear/f32/x86-64/two\nlines -- "$(id)" ünd.c', "int x;\n");
    const { folders, chosen } = select(project);
    expect(chosen).toEqual({ "linear x86-64": 'changed: two\nlines -- "$(id)" ünd.c' });
    expect(readFolder(folders[0]!, join(project, "generated"))).toMatchObject({ status: "unfit", finding: { state: "broken" } });
  });
});

describe("the base", () => {
  function withOrigin(): { project: string; fork: string } {
    const origin = gitProject(places);
    const project = join(temporaryFolder(), "clone");
    git(origin, "clone", "--quiet", origin, project);
    const fork = git(project, "rev-parse", "HEAD");
    git(project, "checkout", "--quiet", "-b", "work");
    appendFileSync(join(project, rmsnormKernel), "\n");
    commitAll(project, "first");
    commitAll(project, "second");
    // Others go on meanwhile: what they changed is not this branch's.
    appendFileSync(join(origin, "generated/linear/f32/x86-64/kernel.c"), "\n");
    commitAll(origin, "others");
    git(project, "fetch", "--quiet");
    return { project, fork };
  }

  it("of a branch is where it left origin's default branch", () => {
    const { project, fork } = withOrigin();
    expect(select(project)).toMatchObject({
      chosen: { "rmsnorm x86-64": "changed: kernel.c" },
      selection: { base: fork, baseName: "where HEAD left origin/HEAD" },
    });
    git(project, "remote", "set-head", "origin", "--delete");
    expect(select(project)).toMatchObject({ selection: { base: fork, baseName: "where HEAD left origin/main" } });
  });

  it("can be asked for", () => {
    const { project } = withOrigin();
    expect(select(project, { base: "HEAD~1" })).toMatchObject({ chosen: {}, selection: { baseName: "where HEAD left HEAD~1" } });
    expect(() => select(project, { base: "no-such-branch" })).toThrow(/there is no commit no-such-branch here.*fetch-depth: 0/);
    expect(() => select(project, { base: "--output=x" })).toThrow(GateInputError);
  });

  it("of a shallow clone is not guessed", () => {
    const { project } = withOrigin();
    const shallow = join(temporaryFolder(), "shallow");
    git(project, "clone", "--quiet", "--depth", "1", `file://${project}`, shallow);
    expect(() => select(shallow)).toThrow(/this clone is shallow.*fetch-depth: 0.*--all/);
    expect(Object.keys(select(shallow, { all: true }).chosen)).toHaveLength(3);
  });

  it("needs git, and says so; --all and paths do not", () => {
    const folder = temporaryFolder();
    const project = gitProject(places);
    git(project, "checkout-index", "--all", `--prefix=${folder}/`);
    expect(() => select(folder)).toThrow(/is in no git repository.*use --all or name folders/);
    expect(select(folder, { all: true })).toMatchObject({ before: null, among: 3 });
  });
});

describe("paths, --all and --target", () => {
  it("choose whether it changed or not", () => {
    const project = gitProject(places);
    commitAll(project, "another");
    expect(select(project, { paths: [join(project, "generated/rmsnorm")] }).chosen).toEqual({
      "rmsnorm wasm-simd": "named",
      "rmsnorm x86-64": "named",
    });
    expect(select(project, { paths: [join(project, rmsnormKernel)] }).chosen).toEqual({ "rmsnorm x86-64": "named" });
    expect(select(project, { all: true, targets: ["wasm-simd"] }).chosen).toEqual({ "rmsnorm wasm-simd": "all" });
  });

  it("that find nothing, or say two things, are refused", () => {
    const project = gitProject(places);
    expect(() => select(project, { paths: ["generated-typo"] })).toThrow(/generated-typo is no accepted folder/);
    expect(() => select(project, { paths: ["x"], all: true })).toThrow(/leave out/);
    expect(() => select(project, { generated: join(project, "absent") })).toThrow(/there is no folder .*absent/);
  });
});

describe("a folder is unfit, with the reason and the file,", () => {
  function reading(change: (project: string) => void) {
    const project = gitProject([{ spec: "rmsnorm", target: "x86-64" }]);
    change(project);
    const [folder] = select(project, { all: true }).folders;
    return readFolder(folder!, join(project, "generated"));
  }

  it("where one bit of a source is another", () => {
    const read = reading((project) => {
      const bytes = readFileSync(join(project, rmsnormKernel));
      bytes[4]! ^= 1;
      writeFileSync(join(project, rmsnormKernel), bytes);
    });
    expect(read).toMatchObject({ status: "unfit", file: "kernel.c", finding: { state: "broken", file: "kernel.c" } });
  });

  it("where it has no certificate, or that of another folder", () => {
    const folder = "generated/rmsnorm/f32/x86-64";
    expect(reading((project) => rmSync(join(project, folder, "certificate.json")))).toMatchObject({
      status: "unfit",
      finding: { state: "absent" },
    });
    const moved = reading((project) => {
      writeIn(project, "generated/rmsnorm/f32/wasm-simd/kernel.c", "int x;\n");
      for (const name of ["certificate.json", "record.jsonl"])
        writeIn(project, `generated/rmsnorm/f32/wasm-simd/${name}`, readFileSync(join(project, folder, name), "utf8"));
    });
    expect(moved).toMatchObject({ status: "unfit", summary: expect.stringContaining("lies in the wrong folder") });
  });

  it("where its spec is gone or cannot be read", () => {
    expect(reading((project) => writeIn(project, "specs/kernels/rmsnorm.yaml", "format: ["))).toMatchObject({
      status: "unfit",
      summary: expect.stringContaining("its spec cannot be read"),
    });
  });

  it("and is fit where nothing is wrong", () => {
    expect(reading(() => {})).toMatchObject({ status: "readable", finding: { state: "valid" }, candidate: sampleCandidate(), remarks: [] });
  });
});
