/** Values of a chart in the units people use. */

import { whole } from "../../format/whole";
import { type Measure, hashrate, power, significant } from "../../format/hashrate";

const SCALED: Readonly<Record<string, (value: number) => Measure>> = { "H/s": hashrate, W: power };

/** A value in `unit`, as the API names it. */
export function measureOf(value: number, unit: string): Measure {
  const scaled = SCALED[unit];
  if (scaled) return scaled(value);
  const exact = `${value.toLocaleString("en", { maximumFractionDigits: 2 })} ${unit}`.trim();
  return { value: Number.isInteger(value) ? whole(value) : significant(value), unit, exact };
}

/** `12.5 kH/s`; without the space where there is no unit. */
export function valueText(value: number | null | undefined, unit: string): string {
  if (value === null || value === undefined) return "–";
  const of = measureOf(value, unit);
  return of.unit ? `${of.value} ${of.unit}` : of.value;
}

/** What stands at the axis: short (`5k`, `12.5M`), no digits that say nothing. */
export function axisText(value: number): string {
  for (const [size, letter] of [[1e12, "T"], [1e9, "G"], [1e6, "M"], [1e3, "k"]] as const) {
    if (Math.abs(value) >= size) return `${Number((value / size).toFixed(2))}${letter}`;
  }
  return String(Number(value.toFixed(2)));
}

const DAY_S = 86_400;

/** Times at the axis, `stepMs` apart: the clock, or the day where one begins. */
export function axisTimes(times: readonly number[], stepMs: number): string[] {
  return times.map((ms) => {
    const date = new Date(ms);
    const midnight = date.getHours() === 0 && date.getMinutes() === 0 && date.getSeconds() === 0;
    if (stepMs >= DAY_S * 1000 || midnight) return date.toLocaleDateString("en-GB", { day: "numeric", month: "short" });
    const seconds = stepMs < 60_000 ? ({ second: "2-digit" } as const) : {};
    return date.toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit", ...seconds });
  });
}
