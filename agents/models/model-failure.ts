import { ModelError, type ModelProblem } from "./model.js";
import { redactSecrets } from "./redact.js";
import { readRetryAfter } from "./retry-after.js";

/** What an adapter knows of a request that failed, in no SDK's words. */
export interface Failure {
  /** Null where there was no HTTP answer, or the error came inside a stream. */
  status: number | null;
  headers: Headers | null;
  /** The provider's error body, parsed where it was JSON. */
  body: unknown;
  message: string;
}

/** Whom a message must name so that its reader knows what to do. */
export interface FailureContext {
  model: string;
  baseUrl: string;
  keyVariable: string;
  secrets: string[];
}

const accountCodes = [
  "insufficient_quota",
  "billing_hard_limit_reached",
  "billing_not_active",
  "billing_error",
  "enforced_spend_limit_reached",
];
const accountTexts = /specified (?:workspace )?api usage limits|credit balance is too low|exceeded your current quota/i;
const tooLongCodes = ["context_length_exceeded", "exceed_context_size_error", "request_too_large", "string_above_max_length"];
const tooLongTexts =
  /prompt is too long|exceeds? (?:the )?(?:model'?s? |available |maximum )*context|maximum context length|longer than the model'?s context|exceeds the context window|input is too long/i;
const busyCodes = ["overloaded_error", "rate_limit_error", "rate_limit_exceeded"];
const refusedCodes = [
  "invalid_request_error",
  "authentication_error",
  "permission_error",
  "not_found_error",
  "invalid_prompt",
  "invalid_api_key",
  "model_not_found",
];
const longestMessage = 600;

/** A failure that is no HTTP answer, with what lies behind it: "Connection error." alone tells nobody anything. */
export function describeError(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const causes = [error.message];
  for (let cause = error.cause; cause instanceof Error && causes.length < 4; cause = cause.cause) causes.push(cause.message);
  return causes.filter((text) => text !== "").join(": ");
}

/** The ModelError for a failed request; its message names the remedy and holds no secret. */
export function modelErrorFrom(failure: Failure, context: FailureContext): ModelError {
  const { codes, text } = readBody(failure);
  const problem = classify(failure, codes, text);
  const said = printable(redactSecrets(text, context.secrets));
  const where = failure.status === null ? context.model : `${context.model} (HTTP ${failure.status})`;
  return new ModelError(problem, `${where}: ${said}; ${remedy(problem, failure.status, context)}`);
}

function classify({ status, headers }: Failure, codes: string[], text: string): ModelProblem {
  const has = (known: string[]) => codes.some((code) => known.includes(code));
  const clientError = status === null || (status >= 400 && status < 500);
  if (status === 402 || has(accountCodes) || (clientError && accountTexts.test(text))) return { kind: "spend-limit" };
  if (status === 413 || (clientError && status !== 429 && (has(tooLongCodes) || tooLongTexts.test(text)))) return { kind: "too-long" };
  const wait = readRetryAfter(headers);
  // Without a time to wait, waiting is no use: a provider that limits the rate says when to come back.
  if (status === 429) return wait.asked ? { kind: "busy", retryAfterMs: wait.ms } : { kind: "spend-limit" };
  if (status === 529 || (status === 503 && wait.asked)) return { kind: "busy", retryAfterMs: wait.ms };
  if (status === null && has(busyCodes)) return { kind: "busy", retryAfterMs: null };
  if (status === null) return has(refusedCodes) ? { kind: "refused-request", status } : { kind: "broken" };
  if (status >= 500 || status === 408 || status === 409) return { kind: "broken" };
  return { kind: "refused-request", status };
}

/** Error bodies differ in how deep they bury their code, not in what they call it. */
function readBody({ body, message }: Failure): { codes: string[]; text: string } {
  const codes: string[] = [];
  let text: string | null = typeof body === "string" && body.trim() !== "" ? body : null;
  const visit = (value: unknown, depth: number) => {
    if (typeof value !== "object" || value === null || depth > 3) return;
    for (const [key, entry] of Object.entries(value)) {
      if (typeof entry === "string" && ["code", "type", "error_code"].includes(key)) codes.push(entry);
      else if (typeof entry === "string" && ["message", "detail", "error"].includes(key)) text ??= entry;
      else visit(entry, depth + 1);
    }
  };
  visit(body, 0);
  return { codes, text: text ?? message };
}

function remedy(problem: ModelProblem, status: number | null, { keyVariable, model, baseUrl }: FailureContext): string {
  switch (problem.kind) {
    case "busy":
      return "try again later";
    case "spend-limit":
      return `check the limits and the credit of the account behind ${keyVariable}, then resume`;
    case "broken":
      return `try again; if it stays, check that ${baseUrl} is up`;
    case "too-long":
      return "shorten the conversation";
    case "refused-request":
      if (status === 401) return `set ${keyVariable} to a valid key for ${baseUrl}`;
      if (status === 403) return `use a key in ${keyVariable} that may use the model ${model}`;
      if (status === 404) return `check the name of the model, ${model}, and the base URL, ${baseUrl}`;
      return `check the name and the options of the model, ${model}, and the base URL, ${baseUrl}`;
  }
}

/** A provider's text goes to terminals and logs: nothing in it may move a cursor or fill a screen. */
function printable(text: string): string {
  const plain = text.replace(/[\p{Cc}\p{Cf}\u2028\u2029]+/gu, " ").trim();
  return plain.length > longestMessage ? `${plain.slice(0, longestMessage)}…` : plain;
}
