import { describe, expect, it } from "vitest";
import { classesOf, colourOf, contrast, readable } from "./colours";
import { MOST_IN_LINE, matchesIn, patternOf, pieces } from "./find";
import { LogLines, MOST_LINES, timeLength } from "./lines";
import { BOLD, MADE, MOST_CHARS, MOST_SPANS, RGB, UNDERLINE, parseLine } from "./sgr";

const ESC = "\u001b";
const styled = (line: string) => parseLine(line).spans.map((span) => [span.text, classesOf(span.style)]);

describe("colours", () => {
  it("are kept, and reset", () =>
    expect(styled(`a${ESC}[1;32mb${ESC}[0mc${ESC}[44;97md${ESC}[m`)).toEqual([["a", ""], ["b", "bold fg-2"], ["c", ""], ["d", "bg-4"]]));

  it("of 256 and true ones are colours", () => {
    const of = (line: string) => parseLine(line).spans[0]?.style.fg;
    expect([of(`${ESC}[38;5;9mx`), of(`${ESC}[38;5;196mx`), of(`${ESC}[38;5;244mx`), of(`${ESC}[38;2;1;2;3mx`), of(`${ESC}[38:2:1:2:3mx`)]).toEqual([
      9, RGB | 0xff0000, RGB | 0x808080, RGB | 0x010203, RGB | 0x010203,
    ]);
  });

  it("take what follows them for nothing else", () =>
    expect(parseLine(`${ESC}[38;2;1;2;3;1;4mx`).spans[0]?.style).toEqual({ fg: RGB | 0x010203, bg: -1, flags: BOLD | UNDERLINE }));

  it.each(["38;5", "38;2;1", "38;2;999;0;0", "38;9", "999", "?25", "1;;;", "4294967296"])("survive %s", (codes) =>
    expect(parseLine(`${ESC}[${codes}mtext`).text).toBe("text"));

  it("can be read on both grounds", () => {
    for (const theme of ["light", "dark"] as const) {
      const ground = theme === "light" ? ([255, 255, 255] as const) : ([25, 29, 36] as const);
      for (const colour of [[255, 255, 0], [0, 0, 0], [255, 255, 255], [0, 0, 90], [128, 128, 128]] as const) {
        expect(contrast(readable(colour, theme), ground)).toBeGreaterThanOrEqual(4.5);
      }
    }
    expect(colourOf({ fg: RGB, bg: -1, flags: 0 }, "light")).toBe("rgb(0 0 0)");
    expect(colourOf({ fg: RGB, bg: 2, flags: 0 }, "light")).toBeUndefined();
  });
});

describe("a line of a terminal", () => {
  it.each([
    ["cursor and screen", `a${ESC}[2Jb${ESC}[10;10Hc${ESC}[?25ld`, "abcd"],
    ["a title", `a${ESC}]0;evil title\u0007b`, "ab"],
    ["a link", `a${ESC}]8;;https://evil.example\u001b\\text${ESC}]8;;${ESC}\\b`, "atextb"],
    ["a device string", `a${ESC}Pq#0;2;0${ESC}\\b`, "ab"],
    ["a character set", `a${ESC}(Bb${ESC}=c`, "abc"],
    ["one without an end", `a${ESC}]0;hidden words`, "a␛]0;hidden words"],
    ["a broken one", `a${ESC}[31`, "a␛[31"],
    ["escape alone", `a${ESC}`, "a␛"],
  ])("drops %s, and hides no words", (_, line, text) => expect(parseLine(line).text).toBe(text));

  it("writes over itself after a carriage return, and steps back", () => {
    expect(parseLine("10 %\r20 %\r100 %").text).toBe("100 %");
    expect(parseLine("loading\rdone").text).toBe("doneing");
    expect(parseLine("ab\b\b\b\bX").text).toBe("Xb");
  });

  it("shows what cannot be seen or turns text around", () => {
    const { text, spans } = parseLine("a\u0000b\u202egpj.exe\u2066c\u009bd\u200be\u007f\u2028\ud800");
    expect(text).toBe("a␀b\\u202egpj.exe\\u2066c\\x9bd\\u200be␡\\u2028\\ud800");
    expect(spans.find((span) => span.text === "␀")?.style.flags).toBe(MADE);
  });

  it("keeps other writing", () => expect(parseLine(`${ESC}[31mзвезда 星 🦀 é`).text).toBe("звезда 星 🦀 é"));

  it("expands tabs", () => expect(parseLine("ab\tc").text).toBe("ab      c"));

  it("is bounded", () => {
    const parsed = parseLine("x".repeat(MOST_CHARS + 10));
    expect([parsed.text.length, parsed.cut]).toEqual([MOST_CHARS, 10]);
    expect(parseLine("\t".repeat(100_000)).text.length).toBe(MOST_CHARS);
    expect(parseLine(`${ESC}[1m`.repeat(50_000)).text).toBe("");
    expect(parseLine(`${ESC}]`.repeat(50_000)).text.length).toBe(MOST_CHARS);
  });

  it("is its printable text, whatever bytes there are", () => {
    let seed = 20_261_125;
    const random = (below: number) => {
      seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0;
      return Math.floor((seed / 2 ** 32) * below);
    };
    const parts = [ESC, `${ESC}[`, `${ESC}]`, "m", ";", "38;5;", "0", "1", "\u0007", `${ESC}\\`, "~", "\u0001", "\u202e", "é", "🦀"];
    for (let run = 0; run < 3000; run += 1) {
      const line = Array.from({ length: random(40) }, () => (random(2) ? (parts[random(parts.length)] ?? "") : String.fromCharCode(32 + random(95)))).join("");
      const { text, spans } = parseLine(line);
      expect(text).toBe(spans.map((span) => span.text).join(""));
      // eslint-disable-next-line no-control-regex
      expect(text).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u202a-\u202e]/);
      const printed = line
        .replace(/\u001b\[[0-?]*[ -/]*[@-~]|\u001b[\]PX^_](?:(?!\u001b\\)[^\u0007\u009c])*(?:\u0007|\u009c|\u001b\\)|\u001b(?![[\]PX^_])[ -/]*[0-Z\\^-~]/g, "")
        .replaceAll("\u202e", "\\u202e")
        .replace(/[\u0000-\u001f]/g, (char) => String.fromCharCode(0x2400 + char.charCodeAt(0)));
      expect(text).toBe(printed);
    }
  });
});

describe("the lines that are kept", () => {
  it("are the newest", () => {
    const log = new LogLines();
    for (let at = 0; at < 30; at += 1) log.add(Array.from({ length: 1000 }, (_, line) => `${at * 1000 + line}`));
    expect(log.lines.length).toBeLessThanOrEqual(MOST_LINES + 500);
    expect(log.lines.at(-1)?.text).toBe("29999");
    expect(log.gone + log.lines.length).toBe(30_000);
  });

  it("are bounded in size", () => {
    const log = new LogLines();
    for (let at = 0; at < 30; at += 1) log.add(Array.from({ length: 100 }, () => "x".repeat(4096)));
    expect(log.lines.reduce((sum, line) => sum + line.raw.length, 0)).toBeLessThanOrEqual(8_000_000);
  });

  it("go on where they were after the connection was lost", () => {
    const log = new LogLines();
    log.add(["a", "b", "c", "d"]);
    expect(log.rejoin(["b", "c", "d", "e", "f"])).toBe(true);
    expect(log.lines.map((line) => line.text).join("")).toBe("abcdef");
    expect(log.rejoin(["x", "y"])).toBe(false);
    expect(new LogLines().rejoin(["x"])).toBe(false);
  });

  it("come in parts, also then", () => {
    const log = new LogLines();
    const said = Array.from({ length: 500 }, (_, at) => `line ${at}`);
    log.hear(said, true);
    log.hear(said.slice(100, 300), true);
    log.hear(said.slice(300, 500), false);
    log.hear(["new"], false);
    expect(log.lines.map((line) => line.text)).toEqual([...said, "new"]);
  });

  it("say where some may be missing", () => {
    const log = new LogLines();
    log.hear(["a"], true);
    log.hear(["x"], true);
    expect(log.joining).toBe(true);
    log.giveUp("lost");
    expect(log.lines.map((line) => line.text)).toEqual(["a", "lost", "x"]);
  });

  it("have times", () => expect(["[2026-11-25 22:10:01.123]  net use pool", "2026-11-25T22:10:01Z x", "no time"].map(timeLength)).toEqual([27, 21, 0]));
});

describe("what is meant to stop the browser", () => {
  it.each([
    ["strings without an end", `${ESC}]`.repeat(2048)],
    ["sequences without an end", `${ESC}[`.repeat(2048)],
    ["a colour for each letter", Array.from({ length: 340 }, (_, at) => `${ESC}[3${at % 7}ma`).join("")],
  ])("is drawn of few pieces, and none of it is hidden: %s", (_, line) => {
    const { spans, text } = parseLine(line);
    expect(spans.length).toBeLessThanOrEqual(MOST_SPANS + 1);
    expect(spans.map((span) => span.text).join("")).toBe(text);
    expect(text.length).toBeGreaterThan(300);
  });

  it("is marked so often and no more, where a letter is looked for", () => {
    const line = "a".repeat(4096);
    const matches = matchesIn(line, patternOf("a"));
    expect(matches).toHaveLength(MOST_IN_LINE);
    const cut = pieces(parseLine(line).spans, matches, 7, 0);
    expect(cut).toHaveLength(MOST_IN_LINE + 1);
    expect(cut.map((piece) => piece.text).join("")).toBe(line);
    expect(cut.filter((piece) => piece.current).length).toBe(1);
  });

  it("is a string that ends far away: it is shown, and what ends near is not", () => {
    expect(parseLine(`${ESC}]0;${"t".repeat(600)}\u0007after`).text).toContain("ttt");
    expect(parseLine(`${ESC}]0;title\u0007a${ESC}]0;x${ESC}\\b${ESC}P1${ESC}\\c`).text).toBe("abc");
  });
});

describe("finding", () => {
  it("takes words as they stand", () => {
    expect(matchesIn("a.b A.B axb [x]", patternOf("a.b"))).toEqual([{ start: 0, end: 3 }, { start: 4, end: 7 }]);
    expect(matchesIn("(a+)+$", patternOf("(a+)+$"))).toHaveLength(1);
    expect(patternOf("")).toBeUndefined();
  });

  it("cuts spans where matches begin and end, and keeps every character", () => {
    const { spans, text } = parseLine(`[2026-11-25 22:10:01] ${ESC}[32macc${ESC}[0mepted`);
    const cut = pieces(spans, matchesIn(text, patternOf("accepted")), 22, timeLength(text));
    expect(cut.map((piece) => piece.text).join("")).toBe(text);
    expect(cut.map((piece) => [piece.text, piece.match, piece.current, piece.time])).toEqual([
      ["[2026-11-25 22:10:01] ", false, false, true],
      ["acc", true, true, false],
      ["epted", true, true, false],
    ]);
  });
});
