/** What a peer is known to reach of the physical limit on a quiet machine in its best configuration. */
interface KnownShare {
  rival: string;
  spec: string;
  variant: string;
  /** Timed one by one here, known together: shares of sums of times. */
  entries: string[];
  share: number;
  source: string;
}

const singleOperations = "PyTorch compiled, tuned allocator, two quiet Zen 4 cores: forward and backward together take";
const matrixProducts = "two threads on Zen 4 (AVX-512, bf16):";

const products = ["linear_forward", "linear_dgrad", "linear_wgrad"];

const knownShares: KnownShare[] = [
  {
    rival: "pytorch-compiled",
    spec: "rmsnorm",
    variant: "f32",
    entries: ["rmsnorm_forward", "rmsnorm_backward"],
    share: 1 / 3.2,
    source: `${singleOperations} 3.2 times the physical floor at 8192 x 1536`,
  },
  {
    rival: "pytorch-compiled",
    spec: "softmax-cross-entropy",
    variant: "f32",
    entries: ["cross_entropy_forward", "cross_entropy_backward"],
    share: 1 / 3.7,
    source: `${singleOperations} 3.7 times the physical floor at 2048 x 32768 and 1024 x 73440`,
  },
  ...products.map(
    (entry): KnownShare => ({
      rival: "openblas",
      spec: "linear",
      variant: "f32",
      entries: [entry],
      share: 0.79,
      source: `${matrixProducts} OpenBLAS reaches 79 to 87 % of the f32 peak`,
    }),
  ),
  ...products.flatMap((entry) =>
    ["pytorch-eager", "pytorch-compiled"].flatMap((rival): KnownShare[] => [
      {
        rival,
        spec: "linear",
        variant: "f32",
        entries: [entry],
        share: 0.76,
        source: `${matrixProducts} MKL reaches 76 to 86 % of the f32 peak`,
      },
      {
        rival,
        spec: "linear",
        variant: "bf16",
        entries: [entry],
        share: 0.84,
        source: `${matrixProducts} oneDNN reaches 84 to 93 % of the bf16 peak`,
      },
    ]),
  ),
];

/** Below this share of what is known of it, a peer is mis-tuned. */
const tolerated = 0.9;
/** Known at training sizes: a call that takes less than this even at the physical limit is all overhead. */
const leastFloorSeconds = 1e-3;

/** What the judgement needs of each row of one spec, variant and size. */
export interface TimedRival {
  entry: string;
  /** The physical limit of the entry at this size. */
  floorSeconds: number;
  seconds: number;
}

/** Why a rival counts as mis-tuned, by entry; entries that are not in it are fine, or nothing is known of them. */
export function findMistuned(rival: string, spec: string, variant: string, timed: TimedRival[]): Map<string, string> {
  const reasons = new Map<string, string>();
  for (const known of knownShares.filter((known) => known.rival === rival && known.spec === spec && known.variant === variant)) {
    const group = timed.filter(({ entry }) => known.entries.includes(entry));
    // Known only of the whole: a part that was left out, or did not run, leaves nothing to compare.
    if (group.length < known.entries.length || group.some(({ floorSeconds }) => floorSeconds < leastFloorSeconds)) continue;
    const sum = (values: number[]) => values.reduce((total, value) => total + value, 0);
    const share = sum(group.map(({ floorSeconds }) => floorSeconds)) / sum(group.map(({ seconds }) => seconds));
    if (share >= tolerated * known.share) continue;
    const percent = (value: number) => `${(value * 100).toFixed(0)} %`;
    const reason = `reaches ${percent(share)} of the physical limit, known are ${percent(known.share)} (${known.source})`;
    for (const entry of known.entries) reasons.set(entry, reason);
  }
  return reasons;
}
