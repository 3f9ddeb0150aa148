import type { Issued } from "./wire-protocol.js";

export interface ResponsesItem {
  type?: string;
  role?: string;
  content?: string | { text?: string }[];
  call_id?: string;
  name?: string;
  arguments?: string;
  output?: string | { text?: string }[];
  id?: string;
  encrypted_content?: string | null;
}

export interface ResponsesBody {
  model: string;
  stream?: boolean;
  store?: boolean | null;
  include?: string[] | null;
  instructions?: string | null;
  input: string | ResponsesItem[];
  tools?: { type: string; name?: string }[];
}

export function itemsOf({ input }: ResponsesBody): ResponsesItem[] {
  return typeof input === "string" ? [{ type: "message", role: "user", content: input }] : input;
}

/** The rules of the Responses API that no schema can state. */
export function responsesRuleProblem(body: ResponsesBody, issued: Issued): string | null {
  const items = itemsOf(body);
  const ofType = (type: string) => items.filter((item) => item.type === type).map(({ call_id }) => call_id!);
  const calls = ofType("function_call");
  const outputs = ofType("function_call_output");
  const missing = calls.find((id) => !outputs.includes(id));
  if (missing !== undefined) return `No tool output found for function call ${missing}.`;
  const stray = outputs.find((id) => !calls.includes(id));
  if (stray !== undefined) return `No tool call found for function call output with call_id ${stray}.`;
  if (new Set(calls).size < calls.length) return "Duplicate call_id in function_call items.";
  for (const [index, item] of items.entries()) {
    if (
      item.type === "function_call_output" &&
      items.findIndex((other) => other.type === "function_call" && other.call_id === item.call_id) > index
    )
      return `The output of ${item.call_id} comes before its call.`;
    if (item.type !== "reasoning") continue;
    const known = issued.get(item.encrypted_content ?? "");
    if (known === undefined || known.content !== item.id) return `The encrypted content of item ${item.id} could not be verified.`;
    const next = items[index + 1];
    if (next === undefined || next.type === "function_call_output" || next.role === "user")
      return `Item '${item.id}' of type 'reasoning' was provided without its required following item.`;
  }
  return null;
}
