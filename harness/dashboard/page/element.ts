import { escapeText } from "../../report/escape-text.js";

// All that the page shows is made here, of text nodes and attributes: nothing is ever parsed as markup.

export type Child = Node | string | number | null | false;

interface Attributes {
  class?: string;
  title?: string;
  /** Only places within this page. */
  href?: `#${string}`;
  on?: Record<string, (event: Event) => void>;
  [name: string]: string | number | boolean | null | undefined | Record<string, (event: Event) => void>;
}

const namespaces = { svg: "http://www.w3.org/2000/svg" } as const;
const refused = /^(on|style$|srcdoc$|src$|formaction$|xlink)/i;

/** An HTML element. Strings become text in which what could reorder, hide or forge is spelled out. */
export function element<Tag extends keyof HTMLElementTagNameMap>(
  tag: Tag,
  attributes: Attributes = {},
  ...children: Child[]
): HTMLElementTagNameMap[Tag] {
  const made = document.createElement(tag);
  fill(made, attributes, children);
  return made;
}

/** An SVG element, by the same rules. */
export function shape<Tag extends keyof SVGElementTagNameMap>(
  tag: Tag,
  attributes: Attributes = {},
  ...children: Child[]
): SVGElementTagNameMap[Tag] {
  const made = document.createElementNS(namespaces.svg, tag);
  fill(made, attributes, children);
  return made;
}

function fill(made: Element, attributes: Attributes, children: Child[]): void {
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "on") {
      for (const [event, listener] of Object.entries(value as Record<string, (event: Event) => void>))
        made.addEventListener(event, listener);
      continue;
    }
    if (value === null || value === undefined || value === false) continue;
    const text = escapeText(String(value));
    if (refused.test(name)) throw new Error(`the attribute ${name} is not set from data`);
    if (name === "href" && !text.startsWith("#")) throw new Error("links stay within the page");
    made.setAttribute(name, value === true ? "" : text);
  }
  made.append(...children.flatMap((child) => (child === null || child === false ? [] : [nodeOf(child)])));
}

function nodeOf(child: Node | string | number): Node {
  return typeof child === "object" ? child : document.createTextNode(escapeText(String(child)));
}

/** Text of several lines, as written: line ends stay, everything else that could act is spelled out. */
export function multiline(text: string): DocumentFragment {
  const fragment = document.createDocumentFragment();
  text.split(/\r?\n/).forEach((line, index) => {
    const shown = escapeText(line.replaceAll("\t", "  "));
    fragment.append(index === 0 ? shown : `\n${shown}`);
  });
  return fragment;
}
