import type { LiveMessage } from "../page-data.js";
import type { Address } from "./address.js";
import type { DataSource } from "./data-source.js";

/** What a view may use, and how it is told to go. */
export interface ViewContext {
  source: DataSource;
  /** Aborted when another view takes the place. */
  signal: AbortSignal;
  go(address: Address): void;
  /** Shows a remark for some seconds. */
  say(text: string): void;
  /** Marks a run or attempt; the second one marked opens the comparison. */
  markForComparison(run: string, attempt: number | null): void;
  /** In a report there is nowhere else to go. */
  isReport: boolean;
}

export interface View {
  title: string;
  root: HTMLElement;
  /** Follows this run's events, from behind `after`. */
  follow?: { run: string; after: number };
  told?(message: LiveMessage): void;
  /** True where the view took the key. */
  key?(event: KeyboardEvent): boolean;
  /** The address changed within the same view: true where it is shown now. */
  show?(address: Address): boolean;
}
