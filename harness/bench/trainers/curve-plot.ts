/** Both curves, step by step; what `curve.json` holds. */
export interface TwoCurves {
  spec: string;
  variant: string;
  seed: string;
  batch: { micro_batches: number; batch: number; length: number };
  versions: string[];
  forged: number[];
  pytorch: number[];
  /** Seconds in steps, of all steps. */
  forgedSeconds: number;
  pytorchSeconds: number;
}

const width = 860;
const left = 62;
const right = width - 18;
const upper = { top: 40, bottom: 330 };
const lower = { top: 372, bottom: 470 };
const height = 512;

/** As SVG, readable on white and on black: both losses by step over each other, and below how far they are apart. */
export function curvePlot(curves: TwoCurves): string {
  const { forged, pytorch, spec, variant, batch } = curves;
  const steps = forged.length;
  const x = (step: number) => left + ((step - 1) / Math.max(1, steps - 1)) * (right - left);
  const losses = [...forged, ...pytorch].filter(Number.isFinite);
  const [least, most] = [Math.floor(Math.min(...losses)), Math.ceil(Math.max(...losses))];
  const y = (loss: number) => upper.bottom - ((loss - least) / (most - least)) * (upper.bottom - upper.top);
  const shares = forged.map((loss, step) => (100 * (loss - pytorch[step]!)) / pytorch[step]!);
  const reach = niceAbove(Math.max(...shares.map(Math.abs)));
  const d = (share: number) => (lower.top + lower.bottom) / 2 - (share / reach) * ((lower.bottom - lower.top) / 2);
  const path = (values: number[], place: (value: number) => number) =>
    `M${values.map((value, step) => `${x(step + 1).toFixed(1)},${place(value).toFixed(1)}`).join("L")}`;
  const tokens = batch.micro_batches * batch.batch * batch.length;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="system-ui, sans-serif" font-size="12">
<title>${spec} ${variant}: loss of the forged trainer and of PyTorch by step</title>
<rect width="${width}" height="${height}" fill="#ffffff"/>
<text x="${left}" y="22" font-size="14" fill="#1f2328">${spec}, ${variant}: ${steps} steps of ${tokens} tokens, the same weights and text</text>
${ticks(least, most)
  .map((value) => gridLine(y(value), String(value)))
  .join("\n")}
<path d="${path(pytorch, y)}" fill="none" stroke="#d1242f" stroke-width="3" stroke-opacity="0.45"/>
<path d="${path(forged, y)}" fill="none" stroke="#0969da" stroke-width="1"/>
<text x="${right - 190}" y="${upper.top + 16}" fill="#0969da">forged (thin)</text>
<text x="${right - 100}" y="${upper.top + 16}" fill="#d1242f">PyTorch (broad)</text>
<text x="14" y="${(upper.top + upper.bottom) / 2}" fill="#59636e" transform="rotate(-90 14 ${(upper.top + upper.bottom) / 2})" text-anchor="middle">loss (nats a token)</text>
${[-reach, 0, reach].map((value) => gridLine(d(value), `${value > 0 ? "+" : ""}${value} %`)).join("\n")}
<path d="${path(shares, d)}" fill="none" stroke="#0969da" stroke-width="1"/>
<text x="${left}" y="${lower.top - 10}" fill="#59636e">forged minus PyTorch, per cent of the loss</text>
${stepTicks(steps)
  .map((step) => `<text x="${x(step).toFixed(1)}" y="${lower.bottom + 18}" fill="#59636e" text-anchor="middle">${step}</text>`)
  .join("\n")}
<text x="${(left + right) / 2}" y="${height - 6}" fill="#59636e" text-anchor="middle">step</text>
</svg>
`;
}

const gridLine = (at: number, label: string): string =>
  `<line x1="${left}" x2="${right}" y1="${at.toFixed(1)}" y2="${at.toFixed(1)}" stroke="#d1d9e0"/><text x="${left - 6}" y="${(at + 4).toFixed(1)}" fill="#59636e" text-anchor="end">${label}</text>`;

const ticks = (least: number, most: number): number[] => Array.from({ length: most - least + 1 }, (_, index) => least + index);

const stepTicks = (steps: number): number[] => [1, ...[0.25, 0.5, 0.75, 1].map((share) => Math.round(share * steps))];

/** The next of 1, 2, 5 times a power of ten. */
function niceAbove(value: number): number {
  if (!(value > 0)) return 1e-6;
  const power = 10 ** Math.floor(Math.log10(value));
  return Number(([1, 2, 5, 10].find((factor) => factor * power >= value)! * power).toPrecision(1));
}
