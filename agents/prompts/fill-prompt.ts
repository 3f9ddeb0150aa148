import { readFileSync } from "node:fs";
import { shippedFile } from "../shipped-file.js";

const promptText = (name: string): string => readFileSync(shippedFile("prompts", `${name}.md`), "utf8");

/** A prompt with every `{{name}}` filled in; a name without a value, and a value without its place, are errors. */
export function fillPrompt(name: string, values: Readonly<Record<string, string>> = {}): string {
  const used = new Set<string>();
  const text = promptText(name).replace(/\{\{(\w+)\}\}/g, (_whole, key: string) => {
    const value = values[key];
    if (value === undefined) throw new Error(`agents/prompts/${name}.md asks for {{${key}}}, which nobody fills in`);
    used.add(key);
    return value;
  });
  const unused = Object.keys(values).filter((key) => !used.has(key));
  if (unused.length > 0) throw new Error(`agents/prompts/${name}.md has no place for ${unused.join(", ")}`);
  return text;
}
