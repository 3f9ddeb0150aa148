import type { Sandbox } from "../../specs/contracts/sandbox.js";
import { createBubblewrapSandbox } from "./bubblewrap.js";
import { createUnprotectedSandbox } from "./unprotected.js";

/** The sandbox of this machine; `unsafe` is the user's explicit wish to do without. Throws SandboxUnavailable. */
export function createSandbox(options: { unsafe: boolean }): Sandbox {
  return options.unsafe ? createUnprotectedSandbox() : createBubblewrapSandbox();
}
