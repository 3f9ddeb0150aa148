/** A formula that cannot be evaluated: the message names the formula, the place in it and what to do. */
export class FormulaError extends Error {
  override name = "FormulaError";
}

const token = /\s*(?:(\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)|([A-Za-z_][A-Za-z0-9_]*)|([-+*/()]))/y;

/** Guards the recursion; formulas are at most a few hundred characters anyway. */
const maximumDepth = 64;

/**
 * Evaluates arithmetic with + - * / ( ), unary minus, decimal numbers and names.
 * sum := product (('+'|'-') product)*; product := factor (('*'|'/') factor)*; factor := number | name | '-' factor | '(' sum ')'
 */
export function evaluateFormula(formula: string, values: Record<string, number>): number {
  let position = 0;
  let current: { kind: "number" | "name" | "symbol" | "end"; text: string; column: number };

  const fail = (problem: string): never => {
    throw new FormulaError(`formula "${formula}", column ${current.column}: ${problem}`);
  };
  const advance = (): void => {
    token.lastIndex = position;
    const match = token.exec(formula);
    if (match === null) {
      const rest = formula.slice(position).trimStart();
      current = { kind: "end", text: "", column: formula.length - rest.length + 1 };
      if (rest !== "") fail(`unexpected "${rest[0]}"; use numbers, names and + - * / ( )`);
      return;
    }
    const text = match[0].trimStart();
    position = token.lastIndex;
    const kind = match[1] !== undefined ? "number" : match[2] !== undefined ? "name" : "symbol";
    current = { kind, text, column: position - text.length + 1 };
  };
  const isSymbol = (...texts: string[]): boolean => current.kind === "symbol" && texts.includes(current.text);

  const readFactor = (depth: number): number => {
    if (depth > maximumDepth) fail("nested too deeply; write fewer parentheses");
    const { kind, text } = current;
    if (kind === "number") {
      advance();
      return Number(text);
    }
    if (kind === "name") {
      if (!Object.hasOwn(values, text)) fail(`unknown name "${text}"; known are ${Object.keys(values).join(", ")}`);
      advance();
      return values[text]!;
    }
    if (isSymbol("-")) {
      advance();
      return -readFactor(depth + 1);
    }
    if (isSymbol("(")) {
      advance();
      const value = readSum(depth + 1);
      if (!isSymbol(")")) fail('expected ")"');
      advance();
      return value;
    }
    return fail(kind === "end" ? "ends too early; expected a number, a name or (" : `unexpected "${text}"; expected a number, a name or (`);
  };
  const readProduct = (depth: number): number => {
    let value = readFactor(depth);
    while (isSymbol("*", "/")) {
      const operator = current.text;
      advance();
      const right = readFactor(depth);
      value = operator === "*" ? value * right : value / right;
    }
    return value;
  };
  const readSum = (depth: number): number => {
    let value = readProduct(depth);
    while (isSymbol("+", "-")) {
      const operator = current.text;
      advance();
      const right = readProduct(depth);
      value = operator === "+" ? value + right : value - right;
    }
    return value;
  };

  current = { kind: "end", text: "", column: 1 };
  advance();
  const value = readSum(0);
  if (current.kind !== "end") fail(`unexpected "${current.text}"; expected + - * / or the end`);
  if (!Number.isFinite(value)) fail(`gives ${value}; divide by nothing that can be zero`);
  return value;
}
