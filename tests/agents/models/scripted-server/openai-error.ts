const types: Record<number, string> = {
  400: "invalid_request_error",
  401: "invalid_request_error",
  403: "permission_error",
  404: "invalid_request_error",
  429: "rate_limit_exceeded",
};
const codes: Record<number, string> = { 401: "invalid_api_key", 404: "model_not_found", 429: "rate_limit_exceeded" };

/** The error format that OpenAI's protocols share. */
export function openAiErrorBody(status: number, code: string | undefined, message: string): unknown {
  return { error: { message, type: types[status] ?? "server_error", param: null, code: code ?? codes[status] ?? null } };
}
