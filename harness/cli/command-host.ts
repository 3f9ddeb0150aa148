import type { ExitCode } from "./exit-codes.js";

/** What main.ts gives to every command. */
export interface CommandHost {
  /** Called once, with how the command ended. */
  finish(code: ExitCode): void;
  /** Aborted at the first Ctrl-C. A command that never asks for it ends at once instead. */
  interruption(): AbortSignal;
}
