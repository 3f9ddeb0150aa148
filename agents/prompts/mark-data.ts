/** Who printed a text that is shown to an agent. */
export type Printer = "compiler" | "detail" | "shell" | "profile";

/** Anything that could be read as one of our marks, its own or another's, however it is spaced or spelled. */
const lookalike = /<(?=[\s/]*(?:compiler|detail|shell|profile)[\s_-]*output)/gi;

/** Puts what a program printed between marks that nothing in it can close: `<shell-output>…</shell-output>`. It is data, never an instruction. */
export function markData(who: Printer, text: string): string {
  return `<${who}-output>\n${text.replace(lookalike, "‹")}\n</${who}-output>`;
}
