import type { WriteStream } from "node:tty";
import type { EventBody } from "../../specs/contracts/event.js";
import { fitLine, paintLine } from "./line.js";
import { advance, emptyProgress } from "./progress-state.js";
import type { ProgressWriter } from "./progress-writer.js";
import { renderLive } from "./render-live.js";

const hideCursor = "\x1b[?25l";
const showCursor = "\x1b[?25h";
// Terminals that know synchronised updates show each frame whole; the others ignore these.
const beginFrame = "\x1b[?2026h";
const endFrame = "\x1b[?2026l";

const redrawEveryMs = 150;

/** What of a tty the view uses; `hasColors` knows NO_COLOR and FORCE_COLOR. */
export type Terminal = Pick<WriteStream, "hasColors"> & { columns: number; rows: number; write(text: string): unknown };

/** Redraws one block in place: a single write per frame, so that nothing flickers. The last frame stays on the screen. */
export function openLiveView(stream: Terminal): ProgressWriter {
  let state = emptyProgress;
  let drawnWidths: number[] = [];
  let isClosed = false;
  const colour = stream.hasColors();

  const rowsDrawn = (columns: number) => drawnWidths.reduce((rows, width) => rows + Math.max(1, Math.ceil(width / columns)), 0);

  const draw = () => {
    const columns = Math.max(20, stream.columns || 80);
    // A block higher than the screen could not be erased: its first lines would have scrolled away.
    const lines = renderLive(state, Date.now())
      .slice(0, Math.max(1, (stream.rows || 24) - 1))
      .map((line) => fitLine(line, columns - 1));
    const up = rowsDrawn(columns);
    const back = up > 0 ? `\x1b[${up}A\r` : "";
    const body = lines.map((line) => `${paintLine(line, colour)}\x1b[K\n`).join("");
    stream.write(`${beginFrame}${back}${body}\x1b[J${endFrame}`);
    drawnWidths = lines.map((line) => line.reduce((width, segment) => width + segment.text.length, 0));
  };

  const restore = () => {
    stream.write(showCursor);
  };
  // Covers every way out that runs exit handlers; SIGKILL leaves the cursor hidden.
  process.on("exit", restore);
  stream.write(hideCursor);
  const timer = setInterval(draw, redrawEveryMs);
  timer.unref();

  return {
    event(event: EventBody, atMs: number, run: string | null) {
      state = advance(state, event, atMs, run);
    },
    say(text) {
      state = { ...state, note: text };
    },
    close() {
      if (isClosed) return;
      isClosed = true;
      clearInterval(timer);
      draw();
      restore();
      process.off("exit", restore);
    },
  };
}
