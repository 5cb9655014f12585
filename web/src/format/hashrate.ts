import { whole } from "./whole";

/** A number as people read it: `value` with three significant digits, `unit`, and the `exact` one for who looks closer. */
export interface Measure {
  value: string;
  unit: string;
  exact: string;
}

const PREFIXES = ["", "k", "M", "G", "T", "P", "E", "Z"];
/** What is more is no measurement: a rig may say any number. */
const MOST = 999.5e21;

/** Made once: a format made for each number costs more than all else that a cell shows. */
const EXACT = new Intl.NumberFormat("en", { maximumFractionDigits: 1 });

/** Three significant digits: `12.5`, `1.20`, `980`. */
export function significant(value: number): string {
  const size = Math.abs(value);
  if (size === 0) return "0";
  const digits = size >= 99.95 ? 0 : size >= 9.995 ? 1 : 2;
  return value.toFixed(digits);
}

function scaled(value: number, unit: string): Measure {
  if (!(Math.abs(value) < MOST)) return { value: "> 999", unit: `Z${unit}`, exact: `${value.toExponential(2)} ${unit}` };
  let at = 0;
  let left = value;
  while (Math.abs(left) >= 999.5 && at < PREFIXES.length - 1) {
    left /= 1000;
    at += 1;
  }
  const exact = `${Math.abs(value) < 1e18 ? EXACT.format(value) : value.toExponential(2)} ${unit}`;
  return { value: significant(left), unit: `${PREFIXES[at]}${unit}`, exact };
}

/** A hashrate given in H/s. */
export function hashrate(hps: number): Measure {
  return scaled(hps, "H/s");
}

/** A power given in W. */
export function power(watts: number): Measure {
  return scaled(watts, "W");
}

/** Efficiency: hashes for each joule, from H/s and W. */
export function efficiency(hps: number, watts: number): Measure {
  return scaled(hps / watts, "H/J");
}

export function measured(of: Measure): string {
  return `${of.value} ${of.unit}`;
}

/** A part of a whole as per cent: `0.4 %`, `12 %`; nothing of nothing is none. */
export function percent(part: number, all: number): string {
  if (all <= 0) return "0 %";
  const value = (100 * part) / all;
  return `${value > 0 && value < 9.95 ? value.toFixed(1) : Math.round(value)} %`;
}

const BINARY = ["B", "KiB", "MiB", "GiB", "TiB"];

/** A size given in bytes. */
export function bytes(size: number): Measure {
  let at = 0;
  let left = size;
  while (left >= 1023.5 && at < BINARY.length - 1) {
    left /= 1024;
    at += 1;
  }
  return { value: at ? significant(left) : String(size), unit: BINARY[at] ?? "B", exact: `${whole(size)} bytes` };
}
