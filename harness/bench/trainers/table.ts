import { textTable } from "../../report/text-table.js";

/** One trainer on one model. */
export interface TrainerRow {
  spec: string;
  variant: string;
  trainer: string;
  status: "measured" | "skipped" | "failed";
  /** Of what was not measured. */
  reason?: string;
  tokensPerSecond?: number;
  /** Model FLOPs over the measured peak of the variant's type. */
  modelFlopsUtilisation?: number;
  peakBytes?: number;
  /** Forged over this one: speed-up by paired rounds. */
  forgedOver?: { ratio: number; low: number; high: number };
  remark?: string;
}

export interface TrainerTable {
  machine: string;
  threads: number;
  versions: string[];
  command: string;
  startedAt: string;
  rounds: number;
  rows: TrainerRow[];
}

const heads = ["model", "type", "trainer", "tokens/s", "MFU", "peak memory", "forged is", "remark"];

function cells({ spec, variant, trainer, status, reason, ...figures }: TrainerRow): string[] {
  if (status !== "measured") return [spec, variant, trainer, status, "", "", "", reason ?? ""];
  const { tokensPerSecond = 0, modelFlopsUtilisation = 0, peakBytes = 0, forgedOver, remark = "" } = figures;
  const interval = forgedOver ? `${forgedOver.ratio.toFixed(2)}x [${forgedOver.low.toFixed(2)}, ${forgedOver.high.toFixed(2)}]` : "";
  const memory = `${(peakBytes / 2 ** 20).toFixed(0)} MiB`;
  return [spec, variant, trainer, tokensPerSecond.toFixed(0), `${(100 * modelFlopsUtilisation).toFixed(1)} %`, memory, interval, remark];
}

export function trainerTableText(table: TrainerTable, format: "text" | "markdown" | "json"): string {
  if (format === "json") return JSON.stringify(table, null, 2);
  const head = [
    `${table.machine}; ${table.threads} thread(s); ${table.versions.join(", ")}; ${table.startedAt}`,
    `\`${table.command}\``,
    "",
  ];
  const rows = table.rows.map(cells);
  if (format === "text") return [...head, textTable([heads, ...rows])].join("\n");
  const line = (values: string[]) => `| ${values.join(" | ")} |`;
  return [...head, line(heads), line(heads.map(() => "---")), ...rows.map(line)].join("\n");
}
