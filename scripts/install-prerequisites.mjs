// Brings what Forge needs beside Node: compilers, linker, sandbox. Exit 2: it cannot, and says what to type.

import { installPython } from "./install-python.mjs";
import { missingPackages, newestClang } from "./prerequisites.mjs";
import { isContinuousIntegration, isOnPath, outputOf, runStep, say } from "./steps.mjs";

const needsPython = isContinuousIntegration() || process.argv.includes("--python");
const needsRedis = isContinuousIntegration() || process.argv.includes("--redis");
const needsBrowser = isContinuousIntegration() || process.argv.includes("--browser");

/** @returns {import("./prerequisites.mjs").Machine} */
function lookAtMachine() {
  // biome-ignore lint/suspicious/noTemplateCurlyInString: dpkg-query's own placeholders
  const format = "${db:Status-Abbrev} ${Package}\n";
  const installed = new Set(
    (outputOf("dpkg-query", ["-W", "-f", format]) ?? "")
      .split("\n")
      .filter((line) => line.startsWith("ii"))
      .map((line) => line.slice(2).trim()),
  );
  return {
    hasProgram: isOnPath,
    hasPackage: (name) => installed.has(name),
    offers: (name) => outputOf("apt-cache", ["show", "--no-all-versions", name]) !== null,
    newestClang: newestClang(outputOf("apt-cache", ["search", "--names-only", "^clang-[0-9]+$"]) ?? ""),
  };
}

/** The words before `apt-get` that make us root; null where nothing does without a password. */
function rootPrefix() {
  if (process.getuid?.() === 0) return [];
  return isOnPath("sudo") && outputOf("sudo", ["-n", "true"]) !== null ? ["sudo", "-n"] : null;
}

/** @param {string} reason */
function giveUp(reason) {
  say(reason);
  process.exit(2);
}

/** A bubblewrap that is installed may still be forbidden to make user namespaces. */
function tryBubblewrap() {
  if (!outputOf("bwrap", ["--help"])?.includes("--size"))
    giveUp(
      "bubblewrap 0.7 or later is needed, and this distribution has an older one: use Debian 12, Ubuntu 24.04 or later, or build bubblewrap.",
    );
  if (outputOf("bwrap", ["--unshare-all", "--ro-bind", "/", "/", "--proc", "/proc", "--dev", "/dev", "true"]) !== null) return;
  giveUp(
    "bubblewrap is installed but may not create user namespaces here. As root, one of:\n" +
      "  sysctl -w kernel.apparmor_restrict_unprivileged_userns=0   (Ubuntu 24.04 and later)\n" +
      "  sysctl -w kernel.unprivileged_userns_clone=1               (Debian with the old switch)\n" +
      "In a container, allow user namespaces (Docker: --security-opt seccomp=unconfined --security-opt systempaths=unconfined --shm-size=8g).",
  );
}

function main() {
  if (process.platform !== "linux" || process.arch !== "x64")
    giveUp(
      `Forge needs Linux on x86-64 with AVX2, for every target: the references run there. This is ${process.platform} on ${process.arch}.`,
    );
  const wanted = { python: needsPython, redis: needsRedis, browser: needsBrowser };
  let missing = missingPackages(lookAtMachine(), wanted);
  if (missing.length > 0) {
    if (!isOnPath("apt-get")) {
      giveUp(
        `This is no Debian or Ubuntu; install with your package manager what these packages bring:\n  ${missing.join(" ")}\nThen set FORGE_SKIP_PREREQUISITES=1, for they are looked for by Debian's names.`,
      );
    }
    const prefix = rootPrefix();
    if (prefix === null) {
      giveUp(
        `Some packages are missing, and this is neither root nor sudo without a password. Run:\n\n  sudo apt-get update && sudo apt-get install -y ${missing.join(" ")}\n`,
      );
    }
    const [command, ...words] = [...(prefix ?? []), "apt-get"];
    say(`Installing: ${missing.join(" ")}`);
    if (runStep(String(command), [...words, "update", "-qq"]) !== 0)
      say("apt-get update failed; going on with the package lists that are here.");
    // The lists are new now: a newer clang may have come into sight.
    missing = missingPackages(lookAtMachine(), wanted);
    const install = [...words, "install", "-y", "-qq", "--no-install-recommends", ...missing];
    if (runStep(String(command), install, { DEBIAN_FRONTEND: "noninteractive" }) !== 0)
      giveUp(`apt-get could not install: ${missing.join(" ")}`);
  }
  tryBubblewrap();
  if (needsPython && !process.argv.includes("--packages-only")) installPython();
}

main();
