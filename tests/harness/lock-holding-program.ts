import { withDevice } from "../../harness/device-lock.js";

// Holds the device of the cache folder that it is given until it is killed, and says when it has it.
await withDevice(process.argv[2]!, new AbortController().signal, async () => {
  process.stdout.write("held\n");
  await new Promise((resolve) => setTimeout(resolve, 60_000));
});
