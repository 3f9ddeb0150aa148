import { redactSecrets } from "../agents/models/redact.js";
import type { EventBody } from "../specs/contracts/event.js";

const secretNames = /(?:KEY|TOKEN|SECRET|PASSWORD|PASSWD|PASSPHRASE|CREDENTIALS?|_PAT)(?:_?\d+)?$/i;
const shortestSecret = 12;

/** Values of this process's environment that nobody should read in a log. */
export function environmentSecrets(environment: NodeJS.ProcessEnv = process.env): string[] {
  return Object.entries(environment).flatMap(([name, value]) =>
    secretNames.test(name) && value !== undefined && value.length >= shortestSecret ? [value] : [],
  );
}

/** The event without secrets, wherever in it they stand. */
export function redactEvent(body: EventBody, secrets: string[]): EventBody {
  return redactValue(body, secrets) as EventBody;
}

function redactValue(value: unknown, secrets: string[]): unknown {
  if (typeof value === "string") return redactSecrets(value, secrets);
  if (Array.isArray(value)) return value.map((item) => redactValue(item, secrets));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, redactValue(item, secrets)]));
}
