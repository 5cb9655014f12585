/** What the palette finds, and in which order. */

/**
 * How well `text` answers `query`, higher is better, 0 not at all: what begins with it, a word that begins with it, what
 * has it somewhere, what has its letters in their order. Both in lower case.
 */
export function score(text: string, query: string): number {
  if (!query) return 1;
  const at = text.indexOf(query);
  if (at === 0) return 1000 - Math.min(text.length, 500);
  if (at > 0) return (/[\s\-_./]/.test(text.charAt(at - 1)) ? 400 : 200) - Math.min(at, 100);
  let from = 0;
  for (const letter of query) {
    from = text.indexOf(letter, from) + 1;
    if (!from) return 0;
  }
  return 50 - Math.min(40, from - query.length);
}

/** The best `most` of `candidates`, best first; equals stay in their order. */
export function best<T>(candidates: Iterable<T>, textOf: (candidate: T) => string, query: string, most: number): T[] {
  const wanted = query.trim().toLowerCase();
  const found: { candidate: T; value: number }[] = [];
  for (const candidate of candidates) {
    const value = score(textOf(candidate).toLowerCase(), wanted);
    if (!value || (found.length === most && value <= (found[most - 1]?.value ?? 0))) continue;
    let at = found.length;
    while (at > 0 && (found[at - 1]?.value ?? 0) < value) at -= 1;
    found.splice(at, 0, { candidate, value });
    if (found.length > most) found.pop();
  }
  return found.map((one) => one.candidate);
}

export type Verb = "stop" | "restart" | "pause" | "resume" | "ping";
const VERBS: readonly Verb[] = ["stop", "restart", "pause", "resume", "ping"];

/** `stop rig-a` is a verb and the rest; a verb alone is for all that could be named. */
export function verbOf(query: string): { verb: Verb; rest: string } | undefined {
  const [word, ...rest] = query.trimStart().toLowerCase().split(/\s+/);
  const verb = VERBS.find((one) => one === word);
  return verb && query.trimStart().length > verb.length ? { verb, rest: rest.join(" ") } : undefined;
}
