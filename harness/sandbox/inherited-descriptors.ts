import { readdirSync, readFileSync } from "node:fs";

const CLOSE_ON_EXEC = 0o2000000;

/** Descriptors of ours that every program we start would inherit, from whoever started us; Node closes its own. */
function inheritable(): number[] {
  return readdirSync("/proc/self/fd")
    .map(Number)
    .filter((descriptor) => {
      try {
        const flags = /^flags:\s*([0-7]+)/m.exec(readFileSync(`/proc/self/fdinfo/${descriptor}`, "utf8"))?.[1] ?? "0";
        return (Number.parseInt(flags, 8) & CLOSE_ON_EXEC) === 0;
      } catch {
        return false; // the one with which the folder was read
      }
    });
}

/** A command line that closes what would be inherited from `firstFree` on and becomes the program after it; mostly empty. */
export function closingCommand(firstFree: number): string[] {
  const closing = inheritable().filter((descriptor) => descriptor >= firstFree);
  if (closing.length === 0) return [];
  // bash, as plain sh knows descriptors up to 9 only.
  return ["/bin/bash", "-c", `exec ${closing.map((descriptor) => `${descriptor}>&-`).join(" ")}; exec "$@"`, "forge"];
}
