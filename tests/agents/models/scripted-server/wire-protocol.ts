import { Ajv, type ErrorObject, type ValidateFunction } from "ajv";
import type { ConversationEntry, ProtocolName, ScriptedReply } from "./script.js";

export interface StreamEvent {
  /** The SSE event's name, where the protocol has one. */
  event?: string;
  data: unknown;
  /** The event without which an answer is none. */
  isFinal?: boolean;
}

export interface DecodedRequest {
  model: string;
  system: string;
  toolNames: string[];
  streams: boolean;
  conversation: ConversationEntry[];
}

/** What the server gave out and the provider would know again: the key is the signature or the encrypted content. */
export type Issued = Map<string, { content: string; prefix: string }>;

export interface AnswerContext {
  body: unknown;
  number: number;
  issued: Issued;
}

export interface RuleOptions {
  /** Refuses thinking whose prefix has changed, as newer Claude models do. */
  preservedThinking: boolean;
  /** Refuses two messages of one role in a row; the provider joins them. */
  alternatingRoles: boolean;
}

/** One provider's protocol, from the server's side. */
export interface WireProtocol {
  name: ProtocolName;
  path: RegExp;
  /** Whether the body is as the published API wants it: null, or what the provider would say. */
  problemWith(body: unknown, issued: Issued, options: RuleOptions): string | null;
  decode(body: unknown): DecodedRequest;
  /** The reply as a stream, and as one body. */
  answer(reply: ScriptedReply, context: AnswerContext): { events: StreamEvent[]; whole: unknown };
  errorBody(status: number, code: string | undefined, message: string): unknown;
  streamError(code: string, message: string, how: "error" | "failed"): StreamEvent;
}

const ajv = new Ajv({ allErrors: true, discriminator: true, strictRequired: false, strictTypes: false, strictTuples: true });

export function compileSchema(schema: object): ValidateFunction {
  return ajv.compile(schema);
}

/** The first complaint, in the way that providers put it: messages.0.content: … */
export function schemaProblem(validate: ValidateFunction, body: unknown): string | null {
  if (validate(body)) return null;
  const error = validate.errors![0] as ErrorObject;
  const path = error.instancePath.slice(1).replaceAll("/", ".");
  const extra = error.keyword === "additionalProperties" ? ` (${error.params.additionalProperty})` : "";
  return `${path === "" ? "body" : path}: ${error.message}${extra}`;
}

/** Shorthand for the schemas: an object that takes the named fields and no others. */
export function closedObject(properties: Record<string, object>, required: string[]): object {
  return { type: "object", properties, required, additionalProperties: false };
}

export function oneOfType(...variants: object[]): object {
  return { type: "object", discriminator: { propertyName: "type" }, required: ["type"], oneOf: variants };
}
