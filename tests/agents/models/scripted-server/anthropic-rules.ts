import { createHash } from "node:crypto";
import type { Issued, RuleOptions } from "./wire-protocol.js";

export interface Block {
  type: string;
  text?: string;
  id?: string;
  name?: string;
  input?: unknown;
  tool_use_id?: string;
  content?: string | { type: string; text?: string }[];
  is_error?: boolean;
  thinking?: string;
  signature?: string;
  data?: string;
}

export interface AnthropicBody {
  model: string;
  max_tokens: number;
  stream?: boolean;
  system?: string | Block[];
  tools?: { name: string }[];
  thinking?: { type: string; budget_tokens?: number };
  messages: { role: "user" | "assistant" | "system"; content: string | Block[] }[];
}

export function blocksOf(content: string | Block[]): Block[] {
  return typeof content === "string" ? [{ type: "text", text: content }] : content;
}

/** What comes before a message, as a signature is tied to it: where the cache ends is no part of it. */
export function prefixOf(body: AnthropicBody, messages: number): string {
  const { model, system, tools } = body;
  const said = JSON.stringify([model, system ?? "", tools ?? [], body.messages.slice(0, messages)], (key, value: unknown) =>
    key === "cache_control" ? undefined : value,
  );
  return createHash("sha256").update(said).digest("hex");
}

/** The rules of the Messages API that no schema can state. */
export function anthropicRuleProblem(body: AnthropicBody, issued: Issued, options: RuleOptions): string | null {
  const budget = body.thinking?.budget_tokens;
  if (budget !== undefined && budget >= body.max_tokens) return "max_tokens: must be greater than thinking.budget_tokens";
  if ((JSON.stringify(body).match(/"cache_control":\{/g) ?? []).length > 4)
    return "A maximum of 4 blocks with cache_control may be provided";
  const names = (body.tools ?? []).map(({ name }) => name);
  if (new Set(names).size < names.length) return "tools: Tool names must be unique.";
  return rolesProblem(body, options) ?? toolsProblem(body) ?? thinkingProblem(body, issued, options);
}

function rolesProblem({ messages }: AnthropicBody, { alternatingRoles }: RuleOptions): string | null {
  const roles = messages.map(({ role }) => role).filter((role) => role !== "system");
  if (roles[0] !== "user") return "messages: first message must use the user role";
  const repeated = roles.findIndex((role, index) => index > 0 && role === roles[index - 1]);
  return alternatingRoles && repeated >= 0 ? `messages.${repeated}: roles must alternate between "user" and "assistant"` : null;
}

function toolsProblem({ messages }: AnthropicBody): string | null {
  const seen = new Set<string>();
  let open: string[] = [];
  for (const [index, { role, content }] of messages.entries()) {
    const blocks = blocksOf(content);
    const answered = blocks.flatMap(({ type, tool_use_id }) => (type === "tool_result" ? [tool_use_id!] : []));
    const missing = open.filter((id) => !answered.includes(id));
    if (missing.length > 0)
      return `messages.${index - 1}: \`tool_use\` ids were found without \`tool_result\` blocks immediately after: ${missing.join(", ")}`;
    const stray = answered.filter((id) => !open.includes(id));
    if (stray.length > 0) return `messages.${index}: unexpected \`tool_use_id\` found in \`tool_result\` blocks: ${stray.join(", ")}`;
    if (new Set(answered).size < answered.length) return `messages.${index}: each tool_use must have a single result`;
    const firstOther = blocks.findIndex(({ type }) => type !== "tool_result");
    if (firstOther >= 0 && blocks.slice(firstOther).some(({ type }) => type === "tool_result"))
      return `messages.${index}: \`tool_result\` blocks must come first`;
    open = role === "assistant" ? blocks.flatMap(({ type, id }) => (type === "tool_use" ? [id!] : [])) : [];
    for (const id of open) {
      if (seen.has(id)) return `messages.${index}: \`tool_use\` ids must be unique`;
      seen.add(id);
    }
  }
  return open.length > 0 ? "`tool_use` ids were found without `tool_result` blocks immediately after" : null;
}

function thinkingProblem(body: AnthropicBody, issued: Issued, { preservedThinking }: RuleOptions): string | null {
  for (const [index, { role, content }] of body.messages.entries()) {
    if (role !== "assistant") continue;
    const blocks = blocksOf(content);
    for (const [place, block] of blocks.entries()) {
      if (!/thinking$/.test(block.type)) continue;
      const at = `messages.${index}.content.${place}`;
      const known = issued.get(block.signature ?? block.data ?? "");
      if (known === undefined || known.content !== (block.thinking ?? block.data))
        return `${at}: Invalid \`signature\` in \`thinking\` block`;
      if (preservedThinking && known.prefix !== prefixOf(body, index))
        return `${at}: Invalid \`signature\` in \`thinking\` block. The block is bound to a different conversation.`;
    }
    if (/thinking$/.test(blocks.at(-1)!.type)) return `messages.${index}: The final block in an assistant message cannot be \`thinking\``;
  }
  const last = body.messages.at(-1)!;
  const inLoop = blocksOf(last.content).some(({ type }) => type === "tool_result");
  const before = body.messages.at(-2);
  if (body.thinking?.type === "enabled" && inLoop && before && !/thinking$/.test(blocksOf(before.content)[0]!.type))
    return `messages.${body.messages.length - 2}.content.0.type: Expected \`thinking\` or \`redacted_thinking\``;
  return null;
}
