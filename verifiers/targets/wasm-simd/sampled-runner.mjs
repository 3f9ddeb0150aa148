// @ts-check
// The runner under V8's sampling profiler; says at its end, on stdout, which functions of the object were seen how often. Judges nothing.
import { writeSync } from "node:fs";
import { Session } from "node:inspector";

const intervalMicroseconds = 250;

const profiler = new Session();
profiler.connect();
profiler.post("Profiler.enable");
profiler.post("Profiler.setSamplingInterval", { interval: intervalMicroseconds });
profiler.post("Profiler.start");

process.on("exit", () => {
  profiler.post("Profiler.stop", (error, result) => {
    if (error) return;
    const rows = result.profile.nodes
      .filter(({ callFrame, hitCount }) => callFrame.url.startsWith("wasm://") && (hitCount ?? 0) > 0)
      .map(({ callFrame, hitCount }) => [callFrame.functionName, hitCount]);
    writeAll(Buffer.from(`\nforge-samples ${JSON.stringify(rows)}\n`));
  });
});

/** @param {Buffer} bytes */
function writeAll(bytes) {
  for (let done = 0; done < bytes.length; ) {
    try {
      done += writeSync(1, bytes, done);
    } catch (error) {
      if (/** @type {NodeJS.ErrnoException} */ (error).code !== "EAGAIN") throw error;
    }
  }
}

await import("./runner.mjs");
