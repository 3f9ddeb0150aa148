import { element, shape } from "./element.js";
import type { Scale } from "./scale.js";

/** A drawing that is made anew whenever its place has another width. */
export function drawing(label: string, height: number, draw: (svg: SVGSVGElement, width: number) => void): HTMLElement {
  const holder = element("div", { class: "drawing" });
  let drawn = 0;
  const redraw = () => {
    const width = Math.floor(holder.clientWidth);
    if (width < 50 || width === drawn) return;
    drawn = width;
    // No `img` role: what is drawn are links, and those stay reachable.
    const svg = shape("svg", { width, height, viewBox: `0 0 ${width} ${height}`, role: "group", "aria-label": label });
    draw(svg, width);
    holder.querySelector("svg")?.remove();
    holder.prepend(svg);
  };
  holder.style.minHeight = `${height}px`;
  new ResizeObserver(redraw).observe(holder);
  return holder;
}

export interface Frame {
  left: number;
  right: number;
  top: number;
  bottom: number;
}

export function axes(
  svg: SVGSVGElement,
  frame: Frame,
  x: { scale: Scale; text: (value: number) => string; title: string },
  y: { scale: Scale; text: (value: number) => string; title: string },
): void {
  for (const tick of y.scale.ticks) {
    const at = y.scale.place(tick);
    svg.append(
      shape("line", { class: "grid", x1: frame.left, x2: frame.right, y1: at, y2: at }),
      shape("text", { class: "tick", x: frame.left - 6, y: at + 4, "text-anchor": "end" }, y.text(tick)),
    );
  }
  for (const tick of x.scale.ticks) {
    const at = x.scale.place(tick);
    svg.append(
      shape("line", { class: "grid", x1: at, x2: at, y1: frame.top, y2: frame.bottom }),
      shape("text", { class: "tick", x: at, y: frame.bottom + 15, "text-anchor": "middle" }, x.text(tick)),
    );
  }
  svg.append(
    shape("text", { class: "title", x: frame.right, y: frame.bottom + 30, "text-anchor": "end" }, x.title),
    shape("text", { class: "title", x: 0, y: 11 }, y.title),
  );
}

/** Words beside the point that is under the pointer or in focus. */
export class Hint {
  readonly root = element("div", { class: "hint", hidden: true, role: "status" });

  show(x: number, y: number, width: number, ...lines: (Node | string)[]): void {
    this.root.replaceChildren(...lines.map((line) => element("div", {}, line)));
    this.root.hidden = false;
    const own = Math.min(this.root.offsetWidth, width);
    this.root.style.left = `${Math.max(0, Math.min(width - own, x + 14 + own > width ? x - own - 14 : x + 14))}px`;
    this.root.style.top = `${y + 12}px`;
  }

  hide(): void {
    this.root.hidden = true;
  }
}
