/**
 * How long a provider asks to wait: `retry-after-ms`, or `retry-after` in seconds or as an HTTP date (RFC 9110, 10.2.3).
 * `asked` is false without either header; `ms` is null where the value cannot be read.
 */
export function readRetryAfter(headers: Headers | null, now = Date.now()): { asked: boolean; ms: number | null } {
  const inMilliseconds = headers?.get("retry-after-ms") ?? null;
  const inSeconds = headers?.get("retry-after") ?? null;
  if (inMilliseconds === null && inSeconds === null) return { asked: false, ms: null };
  const exact = numberIn(inMilliseconds);
  if (exact !== null) return { asked: true, ms: Math.round(exact) };
  const seconds = numberIn(inSeconds);
  if (seconds !== null) return { asked: true, ms: Math.round(seconds * 1000) };
  const date = Date.parse(inSeconds ?? "");
  return { asked: true, ms: Number.isNaN(date) ? null : Math.max(0, date - now) };
}

function numberIn(text: string | null): number | null {
  if (text === null || !/^\s*\d+(\.\d+)?\s*$/.test(text)) return null;
  return Number(text);
}
