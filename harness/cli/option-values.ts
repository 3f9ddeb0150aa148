import { InvalidArgumentError } from "commander";

/** Parsers for option values: commander prints what they throw, with the option's name. */
export function positiveInteger(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1 || value > 100_000)
    throw new InvalidArgumentError("It must be a whole number from 1 to 100000.");
  return value;
}

export function positiveNumber(text: string): number {
  const value = Number(text);
  if (!(value > 0) || value > 100_000) throw new InvalidArgumentError("It must be a number above 0, at most 100000.");
  return value;
}

export function tokenCount(text: string): number {
  const value = Number(text.replaceAll("_", ""));
  if (!Number.isInteger(value) || value < 1 || value > 1e12) throw new InvalidArgumentError("It must be a whole number above 0.");
  return value;
}
