/** `3.4 GFLOP/s`, `82.2 GB/s`: three significant digits with the prefix that fits. */
export function rateText(perSecond: number, unit: "FLOP/s" | "B/s"): string {
  const prefixes = ["", "k", "M", "G", "T", "P"];
  const power = perSecond > 0 ? Math.min(prefixes.length - 1, Math.max(0, Math.floor(Math.log10(perSecond) / 3))) : 0;
  return `${significant(perSecond / 1000 ** power)} ${prefixes[power]}${unit}`;
}

/** Three significant digits without an exponent. */
export function significant(value: number): string {
  if (value === 0) return "0";
  const digits = Math.max(0, 2 - Math.floor(Math.log10(Math.abs(value))));
  return value.toFixed(Math.min(digits, 6));
}

export function percentText(share: number): string {
  return `${(share * 100).toFixed(share < 0.0995 ? 1 : 0)} %`;
}

export function countText(value: number, noun: string): string {
  return `${value.toLocaleString("en-US")} ${noun}${value === 1 ? "" : "s"}`;
}

/** `12 s`, `5 min`, `3 h`, `9 d`: how long ago something was. */
export function ageText(sinceMs: number, nowMs: number): string {
  const seconds = Math.max(0, Math.round((nowMs - sinceMs) / 1000));
  if (seconds < 60) return `${seconds} s ago`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ago`;
  if (seconds < 48 * 3600) return `${Math.floor(seconds / 3600)} h ago`;
  return `${Math.floor(seconds / 86_400)} d ago`;
}

/** `2026-11-22 11:18:26 UTC`, as the terminal has it. */
export function instantText(at: string): string {
  return `${at.slice(0, 19).replace("T", " ")} UTC`;
}
