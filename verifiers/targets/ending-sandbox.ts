import type { Sandbox, SandboxCommand, SandboxOutput, SandboxProcess } from "../../specs/contracts/sandbox.js";

/** Time for the last words of a program whose channel was closed. */
const lastWordsMs = 5_000;

/**
 * A sandbox for one program that is let end by itself: `kill` closes its channel first, and only who does not take the hint is killed.
 * A runner that profiles says what it has seen when it ends.
 */
export class EndingSandbox implements Sandbox {
  private started: SandboxProcess | null = null;

  constructor(
    private readonly sandbox: Sandbox,
    /** What is to be run instead of what is asked for. */
    private readonly change: (command: SandboxCommand) => SandboxCommand = (command) => command,
  ) {}

  protection() {
    return this.sandbox.protection();
  }

  start(command: SandboxCommand): SandboxProcess {
    const process = this.sandbox.start(this.change(command));
    this.started = process;
    return {
      ...process,
      kill: () => {
        const timer = setTimeout(() => process.kill(), lastWordsMs);
        const stop = () => clearTimeout(timer);
        process.done.then(stop, stop);
        process.channel?.end();
      },
    };
  }

  run(command: SandboxCommand): Promise<SandboxOutput> {
    return this.sandbox.run(command);
  }

  /** What the program printed; waits for its end. */
  async output(): Promise<Buffer> {
    if (this.started === null) return Buffer.alloc(0);
    return (await this.started.done).stdout;
  }
}
