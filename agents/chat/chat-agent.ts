import { type Agent, type AgentBriefing, AgentStopped, type AgentTools } from "../../specs/contracts/agent.js";
import type { ToolCall, Turn } from "../../specs/contracts/conversation.js";
import { isAccepted } from "../../specs/verdict-speed.js";
import { type Model, ModelError, type ModelReply, type ModelRequest } from "../models/model.js";
import { costOf, type PriceTable } from "../models/prices.js";
import { withRetries } from "../models/with-retries.js";
import { goalPrompt, systemPrompt } from "../prompts/goal-prompt.js";
import { callTool, describeTools } from "../tools/tool-set.js";
import { compactedText, fullShare } from "./compaction.js";
import { conversationOf, repeatedCalls, silentTurns } from "./conversation.js";

export interface ChatOptions {
  prices: PriceTable;
  maximumOutputTokens: number;
}

/** Turns in a row without a tool call after which a lane is over, where something has passed and where nothing has. */
const silenceAfterPass = 1;
const silenceBeforePass = 3;
/** Of a small context an answer may take this much: servers refuse a request whose answer could not fit. */
const longestAnswerShare = 0.25;
/** The same call so often in a row is a loop. */
const mostRepeats = 8;

/** A model that works through tool calls: asks, carries out, answers, until it has nothing more to try or the budget is spent. */
export function createChatAgent(model: Model, options: ChatOptions): Agent {
  const outputTokens = Math.min(options.maximumOutputTokens, Math.floor(model.contextTokens * longestAnswerShare));
  const firstTurns = (briefing: AgentBriefing): Turn[] => [{ role: "user", text: goalPrompt(briefing) }];
  return {
    name: `${model.provider}:${model.name}`,
    preview: (briefing) => model.describeRequest(requestFor(firstTurns(briefing), outputTokens, AbortSignal.abort())),
    async work(tools) {
      const patient = withRetries(model, {
        onRetry: ({ error, waitMs }) => tools.note(`${model.name}: ${error.message}; trying again in ${Math.ceil(waitMs / 1000)} s`),
      });
      if (tools.conversation().length === 0) say(tools, firstWord(tools));
      while (tools.budgetLeft()) {
        const { turns, open, latestTokens } = conversationOf(tools.conversation());
        if (open.length > 0) {
          await carryOut(tools, open);
          continue;
        }
        const hasPassed = tools.history().some(isAccepted);
        const silent = silentTurns(tools.conversation());
        if (silent >= silenceBeforePass && !hasPassed)
          return tools.note(`the model called no tool ${silent} times in a row; its lane is over`);
        if (silent >= (wasCut(turns) ? silenceBeforePass : silenceAfterPass) && hasPassed) return;
        if (repeatedCalls(tools.conversation()) >= mostRepeats * 2) return tools.note("the model goes in circles; its lane is over");
        if (latestTokens > fullShare * model.contextTokens || latestTokens + outputTokens > model.contextTokens) compact(tools);
        if (turns.at(-1)?.role === "assistant") say(tools, nudge);
        await ask(patient, tools, { ...options, maximumOutputTokens: outputTokens });
      }
    },
  };
}

function firstWord(tools: AgentTools): string {
  const opening = tools.opening === "" ? "" : `\n\n${tools.opening}`;
  return `${goalPrompt(tools.briefing)}${opening}`;
}

const say = (tools: AgentTools, text: string): void =>
  tools.record({ type: "agent-turned", lane: tools.lane, turn: { role: "user", text } });

const compact = (tools: AgentTools): void => tools.record({ type: "conversation-compacted", lane: tools.lane, text: compactedText(tools) });

const nudge = "Nothing has passed yet, and you called no tool. Go on: `check` says what is wrong, `submit` makes an attempt.";

const cutWord = "Your answer was cut off at the longest answer: write less at once, in several steps.";

/** Whoever was cut off has not finished, even where nothing was called. */
function wasCut(turns: readonly Turn[]): boolean {
  const last = turns.at(-1);
  return last?.role === "user" && last.text === cutWord;
}

function requestFor(turns: Turn[], maximumOutputTokens: number, signal: AbortSignal): ModelRequest {
  return { system: systemPrompt(), tools: describeTools(), turns, maximumOutputTokens, signal };
}

async function ask(model: Model, tools: AgentTools, options: ChatOptions): Promise<void> {
  let reply: ModelReply;
  const { turns } = conversationOf(tools.conversation());
  try {
    reply = await model.respond(requestFor(turns, options.maximumOutputTokens, tools.signal));
  } catch (error) {
    if (!(error instanceof ModelError)) throw error;
    // A conversation that was cut a moment ago cannot be made any shorter.
    if (error.problem.kind === "too-long" && turns.length > 1) return compact(tools);
    if (error.problem.kind === "too-long")
      throw new AgentStopped(`${error.message}: the goal alone is too long for it; choose a model that takes more`, { cause: error });
    throw new AgentStopped(`${model.name}: ${error.message}`, { cause: error });
  }
  const cut = reply.stop === "length";
  // Of an answer that was cut off the last call is half a call.
  const calls = withOwnIds(cut ? reply.calls.slice(0, -1) : reply.calls);
  tools.record({
    type: "agent-turned",
    lane: tools.lane,
    turn: {
      role: "assistant",
      text: reply.text === "" && calls.length === 0 ? `(${reply.stop === "refused" ? "the model refused" : "no answer"})` : reply.text,
      calls,
      // What was kept word for word belongs to the whole answer, not to a part of it.
      ...(reply.opaque === undefined || cut || calls.length !== reply.calls.length ? {} : { opaque: reply.opaque }),
    },
    usage: reply.usage,
    dollars: costOf(model.name, reply.usage, options.prices),
  });
  if (cut && calls.length === 0) say(tools, cutWord);
}

/** Calls with an id that another of the same turn has get one of their own: they are answered with an error, not carried out. */
function withOwnIds(calls: ToolCall[]): ToolCall[] {
  const seen = new Set<string>();
  return calls.map((call) => {
    const id = seen.has(call.id) ? `${call.id}${duplicateMark}${seen.size}` : call.id;
    seen.add(id);
    return { ...call, id };
  });
}
const duplicateMark = "-duplicate-";

async function carryOut(tools: AgentTools, calls: ToolCall[]): Promise<void> {
  for (const call of calls) {
    if (call.id.includes(duplicateMark)) {
      const answer = { id: call.id, text: "this call had the id of another call; only the first of them was carried out", isError: true };
      tools.record({ type: "tool-called", lane: tools.lane, call, answer, durationMs: 0 });
    } else if (repeatedCalls(tools.conversation()) >= mostRepeats) {
      const answer = { id: call.id, text: "you have made this very call many times in a row; do something else", isError: true };
      tools.record({ type: "tool-called", lane: tools.lane, call, answer, durationMs: 0 });
    } else {
      await callTool(tools, call);
    }
  }
}
