/** Density of Student's t with `freedom` degrees of freedom, but for its constant. */
const kernel = (t: number, freedom: number): number => (1 + (t * t) / freedom) ** (-(freedom + 1) / 2);

/** Simpson's rule on t = tan(angle), which maps the whole line to a finite interval. */
function integrate(freedom: number, fromAngle: number, toAngle: number): number {
  const pieces = 2000;
  const width = (toAngle - fromAngle) / pieces;
  let sum = 0;
  for (let i = 0; i <= pieces; i++) {
    const angle = fromAngle + i * width;
    const cosine = Math.cos(angle);
    // At the ends of the line the density falls faster than the map stretches, for more than one degree of freedom.
    const value = cosine < 1e-12 ? 0 : kernel(Math.tan(angle), freedom) / cosine ** 2;
    sum += value * (i === 0 || i === pieces ? 1 : i % 2 === 1 ? 4 : 2);
  }
  return (sum * width) / 3;
}

const known = new Map<string, number>();

/** The t that Student's distribution stays below with this probability (above one half); `freedom` of at least 2. */
export function studentQuantile(probability: number, freedom: number): number {
  const key = `${probability} ${freedom}`;
  const quantile = known.get(key) ?? findQuantile(probability, freedom);
  known.set(key, quantile);
  return quantile;
}

function findQuantile(probability: number, freedom: number): number {
  const total = integrate(freedom, -Math.PI / 2, Math.PI / 2);
  let low = 0;
  let high = Math.PI / 2;
  for (let step = 0; step < 60; step++) {
    const middle = (low + high) / 2;
    if (0.5 + integrate(freedom, 0, middle) / total < probability) low = middle;
    else high = middle;
  }
  return Math.tan(low);
}
