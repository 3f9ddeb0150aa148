import { Ajv, type ErrorObject, type ValidateFunction } from "ajv";
import type { AgentTools } from "../../specs/contracts/agent.js";
import type { ToolAnswer, ToolCall } from "../../specs/contracts/conversation.js";
import type { ToolDescription } from "../models/model.js";
import { fileTools } from "./file-tools.js";
import { refusal, type Tool, type ToolResult } from "./tool.js";
import { workTools } from "./work-tools.js";

export const toolSet: readonly Tool[] = [...fileTools, ...workTools];

/** The tools as a model is told of them. */
export function describeTools(): ToolDescription[] {
  return toolSet.map(({ name, description, parameters }) => ({
    name,
    description,
    // Without TypeBox's symbols.
    parameters: JSON.parse(JSON.stringify(parameters)) as Record<string, unknown>,
  }));
}

/** Longest answer in characters: what a compiler or a candidate prints must not fill a model's context. */
const longestAnswer = 24_000;

const ajv = new Ajv({ allErrors: true });
const validators = new Map<string, ValidateFunction>(toolSet.map((tool) => [tool.name, ajv.compile(tool.parameters)]));

/**
 * Carries out a call and leaves it in the log with its answer. What is wrong with the call, or goes wrong in it, is an answer that says
 * what to do; only an interruption and a broken harness throw.
 */
export async function callTool(tools: AgentTools, call: ToolCall): Promise<ToolAnswer> {
  const startedAtMs = performance.now();
  const { text, isError } = await resultOf(tools, call);
  const answer: ToolAnswer = { id: call.id, text: bounded(text), isError };
  tools.record({ type: "tool-called", lane: tools.lane, call, answer, durationMs: Math.round(performance.now() - startedAtMs) });
  return answer;
}

async function resultOf(tools: AgentTools, call: ToolCall): Promise<ToolResult> {
  const tool = toolSet.find(({ name }) => name === call.name);
  if (!tool)
    return refusal(`there is no tool ${JSON.stringify(call.name.slice(0, 100))}; there are: ${toolSet.map(({ name }) => name).join(", ")}`);
  let given: unknown;
  try {
    given = call.argumentsText.trim() === "" ? {} : JSON.parse(call.argumentsText);
  } catch (error) {
    return refusal(`the arguments of ${tool.name} are not JSON (${(error as Error).message}); call it again with a whole JSON object`);
  }
  const validate = validators.get(tool.name)!;
  if (!validate(given))
    return refusal(`${tool.name}: ${problemsText(validate.errors ?? [])}. Its arguments: ${JSON.stringify(tool.parameters.properties)}`);
  try {
    return await tool.run(given as never, tools);
  } catch (error) {
    tools.signal.throwIfAborted();
    // A candidate that cannot be taken, a spent budget: the message says what to do.
    if (error instanceof Error && expectedErrors.has(error.name)) return refusal(error.message);
    throw error;
  }
}

/** Errors that an agent can act on, by name: their classes live where agents may not look. */
const expectedErrors: ReadonlySet<string> = new Set(["CandidateError", "BudgetSpent"]);

function problemsText(errors: ErrorObject[]): string {
  return errors
    .slice(0, 4)
    .map((error) => {
      const place = error.instancePath.slice(1).replaceAll("/", ".") || "the arguments";
      if (error.keyword === "additionalProperties") return `${place} must not have ${JSON.stringify(error.params.additionalProperty)}`;
      return `${place} ${error.message ?? "is not as expected"}`;
    })
    .join("; ");
}

function bounded(text: string): string {
  if (text.length <= longestAnswer) return text;
  const half = longestAnswer / 2;
  return `${text.slice(0, half)}\n[… ${text.length - longestAnswer} characters left out …]\n${text.slice(-half)}`;
}
