import { createBubblewrapSandbox } from "../../../harness/sandbox/bubblewrap.js";
import { ofProfile } from "./attack.js";
import { attackProgramsIn } from "./attack-programs.js";
import { attacks } from "./attack-table.js";
import { confinementCases } from "./confinement-cases.js";
import { conformanceCases } from "./conformance-cases.js";
import { openStage } from "./stage.js";
import { tryAttack } from "./trial.js";

/** The suite and the attacks as an ordinary user meets them: the name of each, with "passed" or what was wrong, one JSON array a line. */
const [programFolder = "", inside = ""] = process.argv.slice(2);
const sandbox = createBubblewrapSandbox();
const programs = attackProgramsIn(programFolder, inside);
const say = (name: string, result: string): void => console.log(JSON.stringify([name, result]));

for (const [name, run] of Object.entries({ ...conformanceCases, ...confinementCases })) {
  try {
    await run(sandbox, programs);
    say(name, "passed");
  } catch (error) {
    say(name, String(error));
  }
}

const stage = await openStage();
for (const attack of attacks.filter((candidate) => !candidate.needsRoot))
  for (const profile of attack.profiles) {
    const shown = await tryAttack(attack, profile, sandbox, stage, programs);
    const cause = ofProfile(attack.fails, profile);
    const isContained = typeof cause === "string" ? shown === cause : cause.test(shown);
    say(`${profile}: ${attack.name}`, isContained ? "passed" : shown);
  }
stage.close();
