/** A profile as it is being written: fields as they stand in the form, and the config that is made of them. */

import type { Schemas } from "../../api/requests";

export type Field = Schemas["FieldView"];
export type Config = Record<string, unknown>;
export type ConfigBody = Schemas["NewProfile"]["config"];

export interface Draft {
  name: string;
  minerType: string;
  config: Config;
}

export type Group = "pool" | "more" | "cpu" | "gpu" | "manners" | "other";
export const GROUPS: readonly Group[] = ["pool", "more", "cpu", "gpu", "manners", "other"];

/** Which part of the form a field is in; one that this page does not know yet is in `other`. */
const OF_GROUP: Record<string, Group> = {
  ...of("pool", "pool", "wallet", "password", "rigId", "coin", "algo", "tls", "tlsFingerprint", "proxy", "keepalive", "nicehash", "daemon"),
  ...of("more", "failover", "gpuPool"),
  ...of("cpu", "cpu", "threads", "maxThreadsHint", "cpuAffinity", "cpuPriority", "hugePages", "gbPages", "randomxMode"),
  ...of("gpu", "opencl", "cuda", "devices", "intensity"),
  ...of("manners", "donateLevel", "pauseOnActivity", "pauseOnBattery"),
};

function of(group: Group, ...names: string[]): Record<string, Group> {
  return Object.fromEntries(names.map((name) => [name, group]));
}

export function groupOf(name: string): Group {
  return OF_GROUP[name] ?? "other";
}

/** The fields of a group that `heeded` lets through, in the form's order. */
export function fieldsOf(group: Group, fields: readonly Field[], heeded: (name: string) => boolean): Field[] {
  const order = Object.keys(OF_GROUP);
  const rank = (name: string) => (order.includes(name) ? order.indexOf(name) : order.length);
  return fields.filter((field) => groupOf(field.name) === group && heeded(field.name)).sort((a, b) => rank(a.name) - rank(b.name));
}

/** How a field is edited. `pool` and `pools` have forms of their own. */
export type Kind = "switch" | "number" | "choice" | "secret" | "lines" | "text" | "pool" | "pools";

const CHOICES: Record<string, readonly string[]> = { randomxMode: ["auto", "light", "fast"] };

export function kindOf(field: Field): Kind {
  if (field.name === "password") return "secret";
  if (field.name === "extraArgs") return "lines";
  if (field.name === "failover") return "pools";
  if (field.name === "gpuPool") return "pool";
  if (CHOICES[field.name]) return "choice";
  if (typeof field.default === "boolean") return "switch";
  return typeof field.default === "number" || /^[\d.]+ to [\d.]+$|^a number$/.test(field.takes) ? "number" : "text";
}

export function choicesOf(name: string): readonly string[] {
  return CHOICES[name] ?? [];
}

/** What stands in a text field for a value of the config. */
export function shown(value: unknown): string {
  if (value === undefined || value === null) return "";
  if (Array.isArray(value)) return value.every((part) => typeof part === "number") ? value.join(",") : value.join("\n");
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}

/**
 * The value that `words` are for a field, `undefined` to leave it out. What is no number where one is wanted stays as it
 * was typed: the node says what is wrong with it.
 */
export function read(kind: Kind, name: string, words: string): unknown {
  const trimmed = words.trim();
  if (trimmed === "") return name === "password" && words === "" ? "" : undefined;
  if (kind === "number") return /^-?\d+(\.\d+)?$/.test(trimmed) ? Number(trimmed) : trimmed;
  if (kind === "lines") return words.split("\n").map((line) => line.trim()).filter(Boolean);
  if (name === "pauseOnActivity") return trimmed === "true" ? true : trimmed === "false" ? false : /^\d+$/.test(trimmed) ? Number(trimmed) : trimmed;
  return trimmed;
}

/** `config` with one field set, or taken out with `undefined`. */
export function withField(config: Config, name: string, value: unknown): Config {
  const { [name]: _old, ...rest } = config;
  return value === undefined ? rest : { ...rest, [name]: value };
}

/** A further pool as its fields: a pool may also stand as its address alone. */
export function poolFields(pool: unknown): Config {
  if (typeof pool === "string") return { pool };
  return typeof pool === "object" && pool !== null && !Array.isArray(pool) ? (pool as Config) : {};
}

/** The shortest way to write a further pool. */
export function poolWritten(fields: Config): unknown {
  const keys = Object.keys(fields);
  return keys.length === 1 && keys[0] === "pool" ? fields["pool"] : fields;
}

export function same(one: unknown, other: unknown): boolean {
  return canonical(one) === canonical(other);
}

/** JSON with keys in order: equal for equal content. */
function canonical(value: unknown): string {
  return JSON.stringify(value, (_key, part: unknown) =>
    typeof part === "object" && part !== null && !Array.isArray(part)
      ? Object.fromEntries(Object.entries(part).sort(([a], [b]) => (a < b ? -1 : 1)))
      : part,
  );
}

/** The fields in which two configs differ, with what stands in each. */
export function differences(before: Config, after: Config): { field: string; before: unknown; after: unknown }[] {
  return [...new Set([...Object.keys(before), ...Object.keys(after)])]
    .sort()
    .filter((field) => !same(before[field], after[field]))
    .map((field) => ({ field, before: before[field], after: after[field] }));
}

/** Problems of one field, of those that the node found. */
export function problemsOf(problems: readonly Schemas["ProblemView"][], field: string): readonly Schemas["ProblemView"][] {
  return problems.filter((problem) => problem.field === field);
}

/** The beginning and the end of what is too long to be read: `48ab12…9f3c`. */
export function shortened(text: string, most = 18): string {
  return text.length <= most ? text : `${text.slice(0, most - 6)}…${text.slice(-5)}`;
}
