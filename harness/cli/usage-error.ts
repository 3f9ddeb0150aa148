/** Wrong use or bad input found by a command: the message says what to do. Ends with exit code 2. */
export class UsageError extends Error {
  override name = "UsageError";
}
