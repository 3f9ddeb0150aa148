import { readFileSync } from "node:fs";

/** The CPUs that this process may use, in order, from a list such as "0-3,8". */
function allowedCpus(): number[] {
  const list = /^Cpus_allowed_list:\s*(\S+)/m.exec(readFileSync("/proc/self/status", "utf8"))?.[1] ?? "0";
  return list.split(",").flatMap((range) => {
    const [first = 0, last = first] = range.split("-").map(Number);
    return Array.from({ length: last - first + 1 }, (_, index) => first + index);
  });
}

/** The command line that pins what follows it to the CPUs asked for, counted among those allowed; what is not there is left out. */
export function pinningCommand(wanted: readonly number[] | undefined): string[] {
  if (wanted === undefined) return [];
  // A cpuset need not hold CPU 0: container managers hand out any.
  const allowed = allowedCpus();
  const cpus = wanted.flatMap((index) => allowed[index] ?? []);
  return ["/usr/bin/taskset", "--cpu-list", (cpus.length > 0 ? cpus : allowed).join(",")];
}
