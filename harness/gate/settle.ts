import type { SpeedReading } from "./speed-rules.js";

export type Measured<Failure> = { status: "read"; reading: SpeedReading } | { status: "stopped"; failure: Failure };

export type Settled<Failure> =
  | { status: "settled"; outcome: SpeedReading["outcome"]; reading: SpeedReading; measurements: number }
  | { status: "stopped"; failure: Failure };

/**
 * Measures again until two independent measurements say the same, `fell` or `held`: what lasts for a minute, as other machines on the same
 * host do, is in no interval. At most `most` are made, of which `first` may be one; what is unclear then fails nothing.
 */
export async function settle<Failure>(
  measure: () => Promise<Measured<Failure>>,
  most: number,
  first?: SpeedReading,
): Promise<Settled<Failure>> {
  const said = { fell: 0, held: 0, unclear: 0 };
  for (let measurements = 1; ; measurements++) {
    const measured: Measured<Failure> = measurements === 1 && first ? { status: "read", reading: first } : await measure();
    if (measured.status === "stopped") return measured;
    const { reading } = measured;
    said[reading.outcome]++;
    const outcome = said.fell === 2 ? "fell" : said.held === Math.min(2, most) ? "held" : measurements >= most ? "unclear" : null;
    if (outcome !== null) return { status: "settled", outcome, reading, measurements };
  }
}
