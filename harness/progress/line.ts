import { styleText } from "node:util";

export type LineStyle = "bold" | "dim" | "green" | "red" | "yellow" | "cyan";

/** Text and how it looks; kept apart so that a line can be cut to the terminal's width without cutting through an escape code. */
export interface Segment {
  text: string;
  style?: LineStyle;
}
export type Line = Segment[];

/** Terminal columns of a character: two for East Asian wide ones and emoji (Unicode UAX #11, the common blocks). */
function columnsOf(character: string): number {
  const point = character.codePointAt(0) ?? 0;
  const isWide =
    (point >= 0x1100 && point <= 0x115f) ||
    (point >= 0x2e80 && point <= 0xa4cf) ||
    (point >= 0xac00 && point <= 0xd7a3) ||
    (point >= 0xf900 && point <= 0xfaff) ||
    (point >= 0xfe30 && point <= 0xfe6f) ||
    (point >= 0xff00 && point <= 0xff60) ||
    (point >= 0x1f300 && point <= 0x1faff) ||
    (point >= 0x20000 && point <= 0x3fffd);
  return isWide ? 2 : 1;
}

/** Cuts a line to `width` columns; the last column then is an ellipsis. */
export function fitLine(line: Line, width: number): Line {
  const total = line.reduce((sum, segment) => sum + [...segment.text].reduce((columns, character) => columns + columnsOf(character), 0), 0);
  if (total <= width) return line;
  const fitted: Line = [];
  let left = Math.max(0, width - 1);
  for (const segment of line) {
    let text = "";
    for (const character of segment.text) {
      left -= columnsOf(character);
      if (left < 0) return [...fitted, { ...segment, text: `${text}…` }];
      text += character;
    }
    fitted.push({ ...segment, text });
  }
  return fitted;
}

export function paintLine(line: Line, colour: boolean): string {
  return line
    .map((segment) => (colour && segment.style ? styleText(segment.style, segment.text, { validateStream: false }) : segment.text))
    .join("");
}
