import { durationText } from "../../progress/duration-text.js";
import { ratioText } from "../../progress/ratio-text.js";
import type { KernelRow, MissingFolder, RivalFigure } from "./row.js";

/** What stands above the rows of a target. */
export interface TableHeader {
  target: string;
  machine: string;
  threads: number;
  versions: string[];
  command: string;
  startedAt: string;
  /** Peers' rival names, one column each. */
  peers: string[];
}

/** Prints a table row by row: each is there as soon as it is measured. */
export interface TablePrinter {
  header(header: TableHeader): void;
  row(row: KernelRow): void;
  missing(folder: MissingFolder): void;
  /** What the rows' one-word cells stand for, and what is missing. */
  close(): void;
}

type Write = (text: string) => void;

export function createPrinter(format: "text" | "markdown" | "json", write: Write): TablePrinter {
  return format === "json" ? new JsonLines(write) : new Table(format, write);
}

class JsonLines implements TablePrinter {
  constructor(private readonly write: Write) {}

  header(header: TableHeader): void {
    this.line({ type: "header", ...header });
  }

  row(row: KernelRow): void {
    this.line({ type: "row", ...row });
  }

  missing(folder: MissingFolder): void {
    this.line({ type: "missing", ...folder });
  }

  close(): void {}

  private line(value: object): void {
    this.write(`${JSON.stringify(value)}\n`);
  }
}

/** Columns cannot be fitted to rows that are not there yet. */
const widths = [22, 8, 23, 17, 9, 9, 25];
const peerWidth = 25;

class Table implements TablePrinter {
  private peers: string[] = [];
  /** What is said once, and of which rows. */
  private readonly notes = new Map<string, Set<string>>();

  constructor(
    private readonly format: "text" | "markdown",
    private readonly write: Write,
  ) {}

  header(header: TableHeader): void {
    this.close();
    this.peers = header.peers;
    const facts = [
      `Machine: ${header.machine}`,
      `Threads: ${header.threads}`,
      `Versions: ${header.versions.join(", ")}`,
      `Command: ${this.format === "markdown" ? `\`${header.command}\`` : header.command}, ${header.startedAt}`,
      "Ratios: the rival's time over the forged kernel's, median of paired rounds and its interval; above 1 the forged kernel is faster.",
    ];
    const [title, bullet] = this.format === "markdown" ? [`### ${header.target}`, "- "] : [header.target, "  "];
    this.write(`${title}\n\n${facts.map((fact) => `${bullet}${fact}\n`).join("")}\n`);
    this.line(["spec", "variant", "entry", "size", "forged", "of limit", "baseline", ...header.peers, "graph breaks"]);
    if (this.format === "markdown") this.write(`|${"---|".repeat(8 + header.peers.length)}\n`);
  }

  row(row: KernelRow): void {
    const size = Object.values(row.sizes).join(" x ");
    const subject = [row.spec, row.variant, row.entry, size];
    const name = `${row.entry} ${row.variant} ${size}`;
    if (row.status !== "measured") {
      this.line([...subject, row.status, ...Array.from({ length: 3 + this.peers.length }, () => "-")]);
      this.note(`${row.status}: ${row.reason}`, name);
      return;
    }
    const cells = this.peers.map((peer) => this.peerCell(row, peer, row.peers[peer]));
    const breaks = Object.values(row.peers).map((figure) => ("graphBreaks" in figure ? figure.graphBreaks : null));
    const forged = durationText(row.forgedSeconds * 1000);
    const limit = `${(row.limitFraction * 100).toFixed(0)} %${row.limitedBy === "compute" ? " c" : " b"}`;
    const known = breaks.find((count) => count !== null);
    this.line([...subject, forged, limit, ratioText(row.baseline), ...cells, known === undefined ? "-" : String(known)]);
    this.note("of limit: per cent of the measured physical limit, c: of compute, b: of memory bandwidth");
    const { confidence } = row.baseline;
    this.note(`intervals from ${row.rounds} rounds cover ${(confidence * 100).toFixed(1)} %`);
    if (row.underLoad) this.note("measured while others used the machine, the figures are worth little", name);
  }

  missing(folder: MissingFolder): void {
    this.note("nothing is accepted yet", folder.folder);
  }

  close(): void {
    const bullet = this.format === "markdown" ? "- " : "  ";
    const lines = [...this.notes].map(
      ([text, rows]) => `${bullet}${[text, [...rows].join(", ")].filter((part) => part !== "").join(": ")}\n`,
    );
    if (lines.length > 0) this.write(`\n${lines.join("")}\n`);
    this.notes.clear();
  }

  private note(text: string, row?: string): void {
    const rows = this.notes.get(text) ?? new Set();
    if (row !== undefined) rows.add(row);
    this.notes.set(text, rows);
  }

  private peerCell(row: KernelRow, peer: string, figure: RivalFigure | undefined): string {
    if (figure === undefined) return "-";
    if (figure.status === "measured") return ratioText(figure);
    this.note(`${peer} ${figure.status}: ${figure.reason}`, `${row.entry} ${row.variant}`);
    return figure.status;
  }

  private line(cells: string[]): void {
    if (this.format === "markdown") this.write(`| ${cells.join(" | ")} |\n`);
    else
      this.write(
        `${cells
          .map((cell, column) => cell.padEnd(widths[column] ?? peerWidth))
          .join(" ")
          .trimEnd()}\n`,
      );
  }
}
