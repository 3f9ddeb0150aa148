import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createBubblewrapSandbox } from "../../../harness/sandbox/bubblewrap.js";
import { createWeakenedSandbox } from "../../../harness/sandbox/weakened.js";
import type { Sandbox } from "../../../specs/contracts/sandbox.js";
import { type Attack, ofProfile, type Profile } from "./attack.js";
import { type AttackPrograms, compileAttackPrograms } from "./attack-programs.js";
import { attacks } from "./attack-table.js";
import { Heartbeat, type Remnants, remnantsNow } from "./remnants.js";
import { openStage, type Stage } from "./stage.js";
import { attackersLeft, tryAttack } from "./trial.js";

const isRoot = process.getuid?.() === 0;
/** The host must have answered again within this time, whatever ran. */
const answersWithinMs = 1000;
const tries = attacks
  .filter((attack) => isRoot || !attack.needsRoot)
  .flatMap((attack) => attack.profiles.map((profile): [Attack, Profile] => [attack, profile]));
/** Attacks that two protections stop, each by itself. */
const stoppedTwice = tries.flatMap(([attack, profile]) => {
  const stoppedBy = ofProfile(attack.stoppedBy, profile);
  return stoppedBy.length < 2 ? [] : stoppedBy.map((alone): [Attack, Profile, string] => [attack, profile, alone]);
});
const title = (attack: Attack, profile: Profile): string => `row ${String(attack.row).padStart(2, "0")}: ${profile}: ${attack.name}`;

// A folder for temporary files of its own, so that what is left in it is its own.
const hostFolder = tmpdir();
const ownFolder = mkdtempSync(join(hostFolder, "forge-contained-"));
chmodSync(ownFolder, 0o755);
process.env.TMPDIR = ownFolder;

let before: Remnants;
let stage: Stage;
let programs: AttackPrograms;
let sandbox: Sandbox;
const heartbeat = new Heartbeat();

beforeAll(async () => {
  before = remnantsNow();
  programs = compileAttackPrograms();
  stage = await openStage();
  process.env.LD_PRELOAD = `${programs.inside}/clock.so`;
  sandbox = createBubblewrapSandbox();
  heartbeat.restart();
});
afterAll(() => {
  heartbeat.stop();
  rmSync(ownFolder, { recursive: true, force: true });
  process.env.TMPDIR = hostFolder;
});

describe.each(tries.map(([attack, profile]) => [title(attack, profile), attack, profile] as const))("%s", (_, attack, profile) => {
  const stoppedBy = ofProfile(attack.stoppedBy, profile);

  it(`works without ${stoppedBy.join(" and ")}`, async () => {
    const weakened = createWeakenedSandbox(stoppedBy);
    expect(await tryAttack(attack, profile, weakened, stage, programs, attack.watchedMs)).toBe(attack.works);
  });

  it(`fails of it: ${ofProfile(attack.fails, profile)}`, async () => {
    const shown = await tryAttack(attack, profile, sandbox, stage, programs);
    const cause = ofProfile(attack.fails, profile);
    expect(shown).toEqual(typeof cause === "string" ? cause : expect.stringMatching(cause));
  });
});

describe("what two protections stop, one of them alone stops", () => {
  it.each(stoppedTwice.map(([attack, profile, alone]) => [`${title(attack, profile)}, by ${alone}`, attack, profile, alone] as const))(
    "%s",
    async (_, attack, profile, alone) => {
      const others = ofProfile(attack.stoppedBy, profile).filter((protection) => protection !== alone);
      expect(await tryAttack(attack, profile, createWeakenedSandbox(others), stage, programs)).not.toBe(attack.works);
    },
  );
});

describe("after all of that", () => {
  it("the host answered all the while", () => {
    expect(heartbeat.longestGapMs).toBeLessThan(answersWithinMs);
  });

  it("no process, file, mount or control group is left", () => {
    expect(attackersLeft(programs)).toEqual([]);
    delete process.env.LD_PRELOAD;
    stage.close();
    programs.remove();
    expect(remnantsNow()).toEqual(before);
  });
});
