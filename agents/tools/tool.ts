import type { Static, TObject } from "@sinclair/typebox";
import type { AgentTools } from "../../specs/contracts/agent.js";

export interface ToolResult {
  text: string;
  isError: boolean;
}

/** One thing that an agent can do: what a model is told of it, what arguments it takes, and what it does. */
export interface Tool<Parameters extends TObject = TObject> {
  name: string;
  description: string;
  parameters: Parameters;
  run(given: Static<Parameters>, tools: AgentTools): Promise<ToolResult> | ToolResult;
}

export const answer = (text: string): ToolResult => ({ text, isError: false });
export const refusal = (text: string): ToolResult => ({ text, isError: true });

/** Keeps the parameters' types while they are declared. */
export const declareTool = <Parameters extends TObject>(tool: Tool<Parameters>): Tool => tool as unknown as Tool;
