import { printedText } from "../printed-text.js";

export interface Samples {
  calls: number;
  pageFaults: number;
  userNs: number;
  systemNs: number;
  /** Samples in the candidate's object by address in it. */
  inside: Map<number, number>;
  /** Samples elsewhere but in the runner itself. */
  outside: { library: string; symbol: string | null; count: number }[];
  total: number;
}

const maximumRows = 1 << 17;
const callsLine = /^forge-calls (\d+) (\d+) (\d+) (\d+)$/;
const sampleLine = /^forge-sample (\d{1,9}) ([0-9a-f]{1,12}) (\S+) (\S+)$/;

/** What sampler.h prints. It comes out of a candidate's process, so that anything may stand in it; null where it is not there. */
export function parseSamples(printed: Buffer): Samples | null {
  const samples: Samples = { calls: 0, pageFaults: 0, userNs: 0, systemNs: 0, inside: new Map(), outside: [], total: 0 };
  const outside = new Map<string, Samples["outside"][number]>();
  const rows = printed.toString("utf8").split("\n");
  const start = rows.findLastIndex((row) => callsLine.test(row));
  if (start < 0) return null;
  [samples.calls, samples.pageFaults, samples.userNs, samples.systemNs] = callsLine.exec(rows[start]!)!.slice(1).map(Number) as [
    number,
    number,
    number,
    number,
  ];
  for (const row of rows.slice(start + 1, start + 1 + maximumRows)) {
    const [, counted, offset, object, symbol] = sampleLine.exec(row) ?? [];
    if (counted === undefined || object === "runner") continue;
    const count = Number(counted);
    samples.total += count;
    if (object === "library-0.so") {
      const address = Number.parseInt(offset!, 16);
      samples.inside.set(address, count + (samples.inside.get(address) ?? 0));
      continue;
    }
    const key = `${object} ${symbol}`;
    const known = outside.get(key) ?? { library: nameOf(object!), symbol: symbol === "-" ? null : printedText(symbol!, 80), count: 0 };
    known.count += count;
    outside.set(key, known);
  }
  samples.outside = [...outside.values()].sort((a, b) => b.count - a.count);
  return samples;
}

/** "libm" of "libm.so.6"; what lies in no file is the kernel's page of fast system calls or unknown. */
const nameOf = (object: string): string => (object === "-" ? "unknown" : printedText(object, 80).replace(/\.so(\.\d+)*$/, ""));
