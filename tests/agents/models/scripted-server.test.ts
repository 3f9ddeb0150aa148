import { describe, expect, test } from "vitest";
import { serve } from "./adapters.js";
import { inTurn } from "./scripted-server/script.js";
import { scriptedKey } from "./scripted-server/start-scripted-server.js";

/** The server must be able to refuse: otherwise no adapter's test says anything. */
const use = (id: string) => ({ type: "tool_use", id, name: "f", input: {} });
const result = (id: string) => ({ type: "tool_result", tool_use_id: id, content: "x" });
const user = { role: "user", content: "hi" };
const anthropic = (fields: object) => ({ model: "m", max_tokens: 10, messages: [user], ...fields });
const turns = (...messages: object[]) => anthropic({ messages });

const call = (id: string) => ({ id, type: "function", function: { name: "f", arguments: "{}" } });
const called = (...ids: string[]) => ({ role: "assistant", content: null, tool_calls: ids.map(call) });
const answered = (id: string) => ({ role: "tool", tool_call_id: id, content: "x" });
const chat = (...messages: object[]) => ({ model: "m", messages });

const functionCall = (call_id: string) => ({ type: "function_call", call_id, name: "f", arguments: "{}" });
const output = (call_id: string) => ({ type: "function_call_output", call_id, output: "x" });
const responses = (...input: object[]) => ({ model: "m", input: [user, ...input] });

async function post(path: string, body: object, headers: Record<string, string> = { "x-api-key": scriptedKey }) {
  const server = await serve(inTurn({ text: "hello", thinking: "hm" }), {}, false);
  const text = JSON.stringify(body);
  const response = await fetch(server.url + path, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: text,
  });
  return { status: response.status, body: (await response.json()) as { error?: { message: string; type: string } } };
}

describe.each<[string, [string, object, RegExp][]]>([
  [
    "/v1/messages",
    [
      ["an unknown field", anthropic({ max_completion_tokens: 5 }), /max_completion_tokens/],
      ["no messages", turns(), /messages/],
      ["an unknown field in a block", turns({ role: "user", content: [{ type: "text", text: "x", id: "1" }] }), /id/],
      ["a blank text", turns({ role: "user", content: [{ type: "text", text: " " }] }), /pattern/],
      [
        "thinking with a cache mark",
        turns(user, { role: "assistant", content: [{ type: "thinking", thinking: "", signature: "", cache_control: {} }] }),
        /cache_control/,
      ],
      ["the assistant first", turns({ role: "assistant", content: "hi" }), /first message/],
      ["a role twice", turns(user, user), /alternate/],
      [
        "a call without its answer",
        turns(user, { role: "assistant", content: [use("a"), use("b")] }, { role: "user", content: [result("a")] }),
        /without `tool_result`.*b/,
      ],
      ["a call at the end", turns(user, { role: "assistant", content: [use("a")] }), /without `tool_result`/],
      ["an answer without its call", turns({ role: "user", content: [result("a")] }), /unexpected `tool_use_id`/],
      [
        "text before an answer",
        turns(user, { role: "assistant", content: [use("a")] }, { role: "user", content: [{ type: "text", text: "x" }, result("a")] }),
        /come first/,
      ],
      [
        "an id twice",
        turns(user, { role: "assistant", content: [use("a"), use("a")] }, { role: "user", content: [result("a")] }),
        /unique/,
      ],
      [
        "a name with a space",
        turns(user, { role: "assistant", content: [{ ...use("a"), name: "a b" }] }, { role: "user", content: [result("a")] }),
        /pattern/,
      ],
      [
        "a forged signature",
        turns(
          user,
          {
            role: "assistant",
            content: [
              { type: "thinking", thinking: "x", signature: "x" },
              { type: "text", text: "x" },
            ],
          },
          user,
        ),
        /signature/,
      ],
      ["a budget larger than the answer", anthropic({ thinking: { type: "enabled", budget_tokens: 1024 } }), /max_tokens/],
      ["two tools of a name", anthropic({ tools: [1, 2].map(() => ({ name: "f", input_schema: { type: "object" } })) }), /unique/],
    ],
  ],
  [
    "/v1/chat/completions",
    [
      ["an unknown field", { ...chat(user), max_output_tokens: 5 }, /max_output_tokens/],
      ["an unknown role", chat({ role: "model", content: "x" }), /role/],
      ["a call without its answer", chat(user, called("a", "b"), answered("a")), /must be followed by tool messages.*b/],
      ["an answer without its call", chat(user, answered("a")), /must be a response/],
      ["an id twice", chat(user, called("a", "a"), answered("a")), /unique/],
      ["an empty list of tools", { ...chat(user), tools: [] }, /tools/],
    ],
  ],
  [
    "/v1/responses",
    [
      ["an unknown field", { ...responses(), messages: [] }, /messages/],
      ["a tool without strict", { ...responses(), tools: [{ type: "function", name: "f", parameters: {} }] }, /tools\.0/],
      ["a call without its answer", responses(functionCall("a")), /No tool output found for function call a/],
      ["an answer without its call", responses(output("a")), /No tool call found/],
      ["an answer before its call", responses(output("a"), functionCall("a")), /before its call/],
      ["an id twice", responses(functionCall("a"), functionCall("a"), output("a")), /Duplicate/],
      ["forged reasoning", responses({ type: "reasoning", id: "rs_1", summary: [], encrypted_content: "x" }), /could not be verified/],
      ["an item with a status of its own", responses({ type: "reasoning", id: "rs_1", summary: [], status: "completed" }), /input\.1/],
    ],
  ],
])("%s", (path, bad) => {
  test.each(bad)("%s is refused in the provider's own format", async (_, body, message) => {
    const answer = await post(path, body);
    expect(answer).toMatchObject({
      status: 400,
      body: { error: { type: "invalid_request_error", message: expect.stringMatching(message) } },
    });
  });

  test("a wrong key is refused, a good request is answered, in one piece where no stream is asked for", async () => {
    const good = { "/v1/messages": turns(user), "/v1/chat/completions": chat(user), "/v1/responses": responses() }[path]!;
    expect(await post(path, good, { authorization: "Bearer wrong" })).toMatchObject({ status: 401, body: { error: {} } });
    const answer = await post(path, good, { authorization: `Bearer ${scriptedKey}` });
    expect(answer.status).toBe(200);
    expect(JSON.stringify(answer.body)).toContain('"hello"');
  });
});

test("what is not served is a 404, and a script that throws a 500", async () => {
  expect((await post("/v1/embeddings", {})).status).toBe(404);
  const server = await serve(() => {
    throw new Error("a slip of the script");
  });
  const headers = { "x-api-key": scriptedKey };
  const response = await fetch(`${server.url}/v1/messages`, { method: "POST", headers, body: JSON.stringify(turns(user)) });
  expect([response.status, await response.text()]).toEqual([500, expect.stringContaining("a slip of the script")]);
});
