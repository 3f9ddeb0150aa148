import { execFile } from "node:child_process";
import { chmodSync, chownSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createBubblewrapSandbox } from "../../../harness/sandbox/bubblewrap.js";
import { createUnprotectedSandbox } from "../../../harness/sandbox/unprotected.js";
import { type AttackPrograms, compileAttackPrograms } from "./attack-programs.js";
import { attacks } from "./attack-table.js";
import { confinementCases } from "./confinement-cases.js";
import { conformanceCases } from "./conformance-cases.js";
import { writeStandaloneSandbox } from "./standalone.js";

const isRoot = process.getuid?.() === 0;
const ORDINARY_UID = 61_000;

let programs: AttackPrograms;
beforeAll(() => {
  programs = compileAttackPrograms();
});
afterAll(() => programs.remove());

describe.each([
  {
    name: isRoot ? "bubblewrap, as root" : "bubblewrap",
    create: createBubblewrapSandbox,
    cases: { ...conformanceCases, ...confinementCases },
  },
  { name: "no sandbox", create: createUnprotectedSandbox, cases: conformanceCases },
])("$name", ({ create, cases }) => {
  it.each(Object.entries(cases))("%s", async (_, run) => {
    await run(create(), programs);
  });
});

describe.runIf(isRoot)("bubblewrap, as an ordinary user", () => {
  const results = new Map<string, string>();
  const contained = attacks
    .filter((attack) => !attack.needsRoot)
    .flatMap((attack) => attack.profiles.map((profile) => [String(attack.row).padStart(2, "0"), `${profile}: ${attack.name}`] as const));

  beforeAll(async () => {
    const folder = mkdtempSync(join(tmpdir(), "forge-standalone-"));
    const { node, ordinaryUser } = writeStandaloneSandbox(folder);
    const temporary = mkdtempSync(join(tmpdir(), "forge-ordinary-"));
    chownSync(temporary, ORDINARY_UID, ORDINARY_UID);
    chmodSync(temporary, 0o755);
    const { stdout } = await promisify(execFile)(node, [ordinaryUser, join(programs.folder, ".."), programs.inside], {
      ...{ uid: ORDINARY_UID, gid: ORDINARY_UID, cwd: temporary },
      env: { TMPDIR: temporary, HOME: temporary },
    });
    for (const line of stdout.trim().split("\n")) {
      const [name, result] = JSON.parse(line) as [string, string];
      results.set(name, result);
    }
    for (const path of [folder, temporary]) rmSync(path, { recursive: true, force: true });
  });

  it.each([...Object.keys(conformanceCases), ...Object.keys(confinementCases)])("%s", (name) => {
    expect(results.get(name)).toBe("passed");
  });

  it.each(contained)("row %s: %s, contained", (_, name) => {
    expect(results.get(name)).toBe("passed");
  });
});
