import type { RatioInterval } from "../../specs/verdict-speed.js";

/** `1.83x [1.79, 1.88]`. */
export function ratioText(interval: RatioInterval): string {
  const digits = (value: number) => (value >= 100 ? value.toFixed(0) : value.toFixed(2));
  return `${digits(interval.ratio)}x [${digits(interval.low)}, ${digits(interval.high)}]`;
}
