import { spawn } from "node:child_process";

/** Busy most of the time, idle some: like a neighbour that compiles something. Not a child of any sandbox, so counted as foreign. */
const program = `const end = Date.now() + 600000; const step = () => { if (Date.now() > end) return; const until = Date.now() + Math.random() * 300; while (Date.now() < until); setTimeout(step, Math.random() * 150); }; step();`;

/** Another program that uses a core, until stopped. */
export function startLoad(): { stop(): void } {
  const child = spawn(process.execPath, ["-e", program], { stdio: "ignore" });
  return { stop: () => child.kill("SIGKILL") };
}
