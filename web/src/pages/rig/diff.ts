/** What is different between two versions of a profile, field by field. */

export interface Difference {
  /** `pools 2 wallet`, `threads`. */
  field: string;
  /** What it is in either, in words; `undefined`: it is not there. */
  there: string | undefined;
  here: string | undefined;
}

type Config = Readonly<Record<string, unknown>>;

/** Fields of `there` and `here` that differ, in their order. */
export function differences(there: Config, here: Config): Difference[] {
  const [one, other] = [flat(there), flat(here)];
  return [...new Set([...one.keys(), ...other.keys()])]
    .filter((field) => one.get(field) !== other.get(field))
    .map((field) => ({ field, there: one.get(field), here: other.get(field) }));
}

const DEEPEST = 6;

function flat(value: unknown, field = "", into = new Map<string, string>(), depth = 0): Map<string, string> {
  if (Array.isArray(value) && value.some((each) => typeof each === "object" && each !== null) && depth < DEEPEST) {
    value.forEach((each, at) => flat(each, `${field} ${at + 1}`.trim(), into, depth + 1));
  } else if (typeof value === "object" && value !== null && !Array.isArray(value) && depth < DEEPEST) {
    for (const [name, each] of Object.entries(value)) flat(each, `${field} ${name}`.trim(), into, depth + 1);
  } else if (field && value !== undefined) {
    into.set(field, Array.isArray(value) ? value.map(String).join(", ") : typeof value === "string" ? value : JSON.stringify(value));
  }
  return into;
}
