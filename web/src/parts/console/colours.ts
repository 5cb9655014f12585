/** Colours that a program chose, so that they can be read on the ground of the theme. */

import { BOLD, DIM, ITALIC, MADE, RGB, STRIKE, type Style, UNDERLINE } from "./sgr";

const NAMES: readonly [number, string][] = [[BOLD, "bold"], [DIM, "dim"], [ITALIC, "italic"], [UNDERLINE, "underline"], [STRIKE, "strike"], [MADE, "made"]];

/** Classes of a style; colours beyond the palette have `colourOf`. */
export function classesOf(style: Style): string {
  const classes = NAMES.filter(([flag]) => style.flags & flag).map(([, name]) => name);
  if (style.bg >= 0) classes.push(`bg-${style.bg}`);
  else if (style.fg >= 0 && style.fg < 16) classes.push(`fg-${style.fg}`);
  return classes.join(" ");
}

type Colour = readonly [number, number, number];
const GROUNDS: Readonly<Record<"light" | "dark", Colour>> = { light: [255, 255, 255], dark: [25, 29, 36] };
const ENOUGH = 4.5;

/** The colour of a style where it has one of its own, moved towards black or white until it can be read. */
export function colourOf(style: Style, theme: "light" | "dark"): string | undefined {
  if (style.fg < RGB || style.bg >= 0) return undefined;
  return `rgb(${readable([(style.fg >> 16) & 255, (style.fg >> 8) & 255, style.fg & 255], theme).join(" ")})`;
}

export function readable(colour: Colour, theme: "light" | "dark"): Colour {
  const to = theme === "light" ? 0 : 255;
  let now = colour;
  for (let part = 1; part <= 10 && contrast(now, GROUNDS[theme]) < ENOUGH; part += 1) {
    const mixed = colour.map((each) => Math.round(each + ((to - each) * part) / 10));
    now = [mixed[0] ?? 0, mixed[1] ?? 0, mixed[2] ?? 0];
  }
  return now;
}

/** WCAG's contrast of two colours, 1 to 21. */
export function contrast(one: Colour, other: Colour): number {
  const [light, dark] = [luminance(one), luminance(other)].sort((a, b) => b - a) as [number, number];
  return (light + 0.05) / (dark + 0.05);
}

function luminance([red, green, blue]: Colour): number {
  const linear = (value: number) => (value / 255 <= 0.04045 ? value / 255 / 12.92 : ((value / 255 + 0.055) / 1.055) ** 2.4);
  return 0.2126 * linear(red) + 0.7152 * linear(green) + 0.0722 * linear(blue);
}
