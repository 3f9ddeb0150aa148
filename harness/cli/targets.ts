import type { Command } from "commander";
import type { SandboxProtection } from "../../specs/contracts/sandbox.js";
import type { Peaks, TargetProbe } from "../../specs/contracts/target.js";
import type { CommandHost } from "./command-host.js";
import { type ExitCode, exitCodes } from "./exit-codes.js";
import { helpText } from "./help-text.js";

interface TargetReport {
  target: string;
  probe: TargetProbe;
  defaultThreads: number;
  peaks: Peaks | null;
}

export function declareTargets(program: Command, host: CommandHost): void {
  program
    .command("targets")
    .summary("which chips are here, with which toolchains and limits")
    .description("Looks at this machine: the targets it can forge for, their compilers, and what sandbox protection is in force.")
    .option("--measure", "also measure the peaks (some seconds a target; kept for later)")
    .option("--json", "print one JSON object")
    .addHelpText(
      "after",
      helpText({
        examples: [
          ["forge targets", "What is here, and what to install where something is missing."],
          ["forge targets --measure", "With FLOP/s, and bandwidth of each cache level and of DRAM."],
        ],
        exitCodes: [0, 4],
      }),
    )
    .action(async (options: { measure?: boolean; json?: boolean }) => host.finish(await targets(options)));
}

async function targets(options: { measure?: boolean; json?: boolean }): Promise<ExitCode> {
  const [{ createSandbox }, { createTarget, targetNames }, { cacheDirectory }, { targetText, sandboxText }] = await Promise.all([
    import("../sandbox/create-sandbox.js"),
    import("../targets.js"),
    import("../cache-directory.js"),
    import("../report/target-text.js"),
  ]);
  let protection: SandboxProtection | { kind: "unavailable"; reason: string };
  let sandbox = createSandbox({ unsafe: true });
  try {
    sandbox = createSandbox({ unsafe: false });
    protection = sandbox.protection();
  } catch (error) {
    // Probing runs only our own programs, so a missing sandbox is reported, not fatal.
    protection = { kind: "unavailable", reason: error instanceof Error ? error.message : String(error) };
  }
  const reports: TargetReport[] = [];
  for (const name of targetNames) {
    const target = createTarget(name, { sandbox, cacheDirectory: cacheDirectory() });
    const probe = await target.probe();
    const threads = target.defaultThreads();
    const peaks = options.measure && probe.status === "available" && protection.kind !== "unavailable" ? await target.peaks(threads) : null;
    reports.push({ target: name, probe, defaultThreads: threads, peaks });
  }
  if (options.json) process.stdout.write(`${JSON.stringify({ sandbox: protection, targets: reports })}\n`);
  else process.stdout.write(`${[...reports.map(targetText), sandboxText(protection)].join("\n\n")}\n`);
  return exitCodes.ok;
}
