/** Why a job is not begun again. `lastFailure` is null where its workers were never heard of again. */
export function triesSpent(tries: number, lastFailure: string | null): string {
  return lastFailure === null
    ? `it was begun ${tries} times and its worker ended each time: it may be what ends them`
    : `it was tried ${tries} times, and the last try ended with: ${lastFailure}`;
}
