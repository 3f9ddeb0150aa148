/** From values to places in a drawing. */
export interface Scale {
  place(value: number): number;
  ticks: number[];
}

export function logScale(low: number, high: number, from: number, to: number): Scale {
  const [bottom, top] = [Math.log(low), Math.log(high)];
  const place = (value: number) => from + ((Math.log(value) - bottom) / (top - bottom || 1)) * (to - from);
  return { place, ticks: logTicks(low, high) };
}

export function linearScale(low: number, high: number, from: number, to: number): Scale {
  const place = (value: number) => from + ((value - low) / (high - low || 1)) * (to - from);
  return { place, ticks: linearTicks(low, high) };
}

const mostTicks = 8;

/** 1, 2, 5 of each power of ten, or the powers alone where that is too much; finer where the range is small. */
function logTicks(low: number, high: number): number[] {
  const within = (steps: number[]) => {
    const ticks: number[] = [];
    for (let power = Math.floor(Math.log10(low)); power <= Math.ceil(Math.log10(high)); power++)
      for (const step of steps) {
        const value = step * 10 ** power;
        if (value >= low * 0.999 && value <= high * 1.001) ticks.push(Number(value.toPrecision(6)));
      }
    return ticks;
  };
  const choices = [[1, 1.2, 1.4, 1.6, 1.8, 2, 2.5, 3, 4, 5, 6, 8], [1, 1.5, 2, 3, 5, 7], [1, 2, 5], [1, 3], [1]].map(within);
  const fitting = choices.find((ticks) => ticks.length <= mostTicks) ?? within([1]);
  if (fitting.length <= mostTicks) return fitting;
  const every = Math.ceil(fitting.length / mostTicks);
  return fitting.filter((_, index) => index % every === 0);
}

function linearTicks(low: number, high: number): number[] {
  const step = niceStep((high - low) / 5);
  const ticks: number[] = [];
  for (let value = Math.ceil(low / step) * step; value <= high + step * 1e-9; value += step) ticks.push(Number(value.toPrecision(10)));
  return ticks;
}

function niceStep(rough: number): number {
  const power = 10 ** Math.floor(Math.log10(rough || 1));
  return power * ([1, 2, 5, 10].find((factor) => factor * power >= rough) ?? 10);
}
