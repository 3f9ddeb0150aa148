import type { AgentTools } from "../../specs/contracts/agent.js";

export interface Answer {
  text: string;
  isError: boolean;
}

/**
 * A verdict takes up to minutes, and the shell tools of coding CLIs hang up sooner. An attempt must not be lost, nor made twice, by that:
 * the answer that nobody was there for waits here until the same submission is made again with the same files.
 */
export class Undelivered {
  private waiting: { call: string; files: string; answer: Answer } | null = null;

  constructor(private readonly tools: AgentTools) {}

  keep(name: string, argumentsText: string, answer: Answer): void {
    if (name === "submit") this.waiting = { call: argumentsText, files: this.files(), answer };
  }

  /** The answer that waits for this very call, once. */
  collect(name: string, argumentsText: string): Answer | null {
    const { waiting } = this;
    if (name !== "submit" || waiting === null || waiting.call !== argumentsText || waiting.files !== this.files()) return null;
    this.waiting = null;
    return waiting.answer;
  }

  private files(): string {
    const { workspace } = this.tools;
    return JSON.stringify(workspace.list().map(({ name }) => [name, workspace.read(name)]));
  }
}
