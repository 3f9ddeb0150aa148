// The whole of what `npm test` has a sample of: every attack, cheater, mutant, crash point and way in, oddities twenty times. Hours on a quiet machine.
import { spawnSync } from "node:child_process";
import { root } from "./steps.mjs";

const steps = [
  { name: "sentinels", command: ["npm", "run", "--silent", "bench:sentinels"] },
  { name: "attacks", command: ["npx", "vitest", "run", "tests/harness/sandbox"] },
  { name: "mutants", command: ["npm", "run", "--silent", "lint:specs"] },
  { name: "crash points", command: ["npm", "run", "--silent", "bench:crashes"] },
  { name: "cheaters", command: ["npm", "run", "--silent", "bench:integrity"] },
  {
    name: "agents",
    command: [
      "env",
      "FORGE_WHOLE=1",
      "npx",
      "vitest",
      "run",
      "tests/flows/agents/ways-in.test.ts",
      "tests/flows/agents/killed-runs.test.ts",
      "tests/flows/agents/lanes.test.ts",
    ],
  },
  { name: "trainers", command: ["env", "FORGE_WHOLE=1", "npx", "vitest", "run", "tests/verifiers/train/wrong-trainers.test.ts"] },
  { name: "by-operation", command: ["env", "FORGE_WHOLE=1", "npx", "vitest", "run", "tests/flows/by-operation.test.ts"] },
  { name: "own-spec", command: ["env", "FORGE_WHOLE=1", "npx", "vitest", "run", "tests/flows/own-spec.test.ts"] },
  { name: "oddities", command: ["npm", "run", "--silent", "bench:oddities", "--", "--repeat", "20"] },
];

const asked = process.argv.slice(2);
const unknown = asked.filter((name) => !steps.some((step) => step.name === name));
if (unknown.length > 0) {
  console.error(`there is no part ${unknown.join(", ")}; there are: ${steps.map(({ name }) => name).join(", ")}`);
  process.exit(2);
}

const results = [];
for (const { name, command } of steps.filter((step) => asked.length === 0 || asked.includes(step.name))) {
  console.log(`\n== ${name}: ${command.join(" ")}\n`);
  const startedAtMs = Date.now();
  const { status, signal } = spawnSync(command[0], command.slice(1), { cwd: root, stdio: "inherit" });
  const minutes = ((Date.now() - startedAtMs) / 60_000).toFixed(1);
  results.push({
    name,
    minutes,
    ended: status === 0 ? "passed" : status === null ? `ended by ${signal}` : `failed with exit code ${status}`,
  });
  if (signal === "SIGINT") break;
}
console.log("");
for (const { name, minutes, ended } of results) console.log(`${name.padEnd(14)} ${minutes.padStart(6)} min  ${ended}`);
const failed = results.filter(({ ended }) => ended !== "passed").length;
console.log(`${results.length - failed} parts passed, ${failed} failed`);
process.exit(failed === 0 ? 0 : 1);
