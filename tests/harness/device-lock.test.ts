import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { expect, onTestFinished, test } from "vitest";
import { withDevice } from "../../harness/device-lock.js";
import { temporaryFolder } from "./temporary-folder.js";

const never = new AbortController().signal;

/** Another process that has the device. */
async function holder(folder: string) {
  const program = fileURLToPath(new URL("lock-holding-program.ts", import.meta.url));
  const child = spawn(process.execPath, ["--import", "tsx", program, folder], { stdio: ["ignore", "pipe", "inherit"] });
  onTestFinished(() => void child.kill("SIGKILL"));
  await new Promise((resolve) => child.stdout.once("data", resolve));
  return child;
}

test("who comes second waits until the first has ended, however it ends", async () => {
  const folder = temporaryFolder();
  const child = await holder(folder);
  let isThrough = false;
  const waiting = withDevice(folder, never, async () => {
    isThrough = true;
  });
  await new Promise((resolve) => setTimeout(resolve, 800));
  expect(isThrough).toBe(false);
  child.kill("SIGKILL");
  await waiting;
  expect(isThrough).toBe(true);
});

test("waiting ends by the signal, and nothing is done then", async () => {
  const folder = temporaryFolder();
  await holder(folder);
  const stop = new AbortController();
  let isThrough = false;
  const waiting = withDevice(folder, stop.signal, async () => {
    isThrough = true;
  });
  setTimeout(() => stop.abort(), 300);
  await expect(waiting).rejects.toThrow(/abort/i);
  expect(isThrough).toBe(false);
});

test("within one process, too, one comes after the other; a failure frees the device", async () => {
  const folder = temporaryFolder();
  const order: string[] = [];
  const first = withDevice(folder, never, async () => {
    order.push("first begins");
    await new Promise((resolve) => setTimeout(resolve, 400));
    order.push("first ends");
    throw new Error("the first failed");
  });
  const second = withDevice(folder, never, async () => {
    order.push("second begins");
  });
  await expect(first).rejects.toThrow("the first failed");
  await second;
  expect(order).toEqual(["first begins", "first ends", "second begins"]);
});
