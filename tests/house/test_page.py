"""House rules of the page's sources: their length, their names, and where its English stands."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.house.test_house import FORBIDDEN_NAMES, MAX_LINES
from tests.house.tree import texts, tracked

WEB = Path("web")
WORDS = WEB / "src" / "texts"
SOURCES = (".ts", ".svelte", ".mjs", ".css")
SPOKEN = "aria-label|aria-description|aria-roledescription|aria-valuetext|placeholder|title|alt|label|text|summary|hint"
"""Attributes and properties whose value somebody reads or hears."""
UNTRANSLATED = re.compile(r"&\w+;|\bCtrl\b|miner-ctrl [a-z]+")
"""A space of HTML, the name of a key, a command to type."""
_COMMENT = re.compile(r"<!--.*?-->|/\*.*?\*/|(?<![:\"'`\w])//[^\n]*", re.DOTALL)
_PARTS = re.compile(r"<(script|style)\b[^>]*>(.*?)</\1>", re.DOTALL)
_SPOKEN = re.compile(rf"(?<![\w-])(?:{SPOKEN})=(?:\"([^\"{{]*)|'([^'{{]*))")
_LITERAL = re.compile(r"\"((?:[^\"\\\n]|\\.)*)\"|'((?:[^'\\\n]|\\.)*)'|`((?:[^`\\]|\\.)*)`")
_SENTENCE = re.compile(r"^[A-Z][a-z]+(?: [a-z]+)+|[a-z]+ [a-z]+ [a-z]+|^[A-Z][a-z]+.*[.!?…]$")
_SELECTOR = re.compile(r"[\[\]:#>{}=;()]|^(?:data|module|application|text)[:/]|^[a-z ,.-]+$")
_WORD = re.compile(r"[A-Za-z]{2,}")


def test_no_source_of_the_page_is_longer_than_anyone_reads() -> None:
    lengths = {path: len(text.splitlines()) for path, text in page_sources()}
    assert len(lengths) > 100
    assert {str(path): lines for path, lines in lengths.items() if lines > MAX_LINES} == {}


def test_no_source_of_the_page_is_named_after_nothing_in_particular() -> None:
    parts = [
        (path, part.split(".")[0].lower()) for path in tracked() if path.is_relative_to(WEB) for part in path.parts
    ]
    assert {str(path) for path, part in parts if FORBIDDEN_NAMES.fullmatch(part)} == set()


def page_sources() -> Iterator[tuple[Path, str]]:
    """Yield what people write of the page."""
    for path, text in texts(*SOURCES):
        if path.is_relative_to(WEB):
            yield path, text


def test_english_stands_in_the_texts_alone() -> None:
    sources = [
        (path, text)
        for path, text in page_sources()
        if path.is_relative_to(WEB / "src")
        and not path.is_relative_to(WORDS)
        and path.suffix in (".svelte", ".ts")
        and ".test." not in path.name
    ]
    assert len(sources) > 100
    assert [
        f"{path}: {said}" for path, text in sources for said in english(text, markup=path.suffix == ".svelte")
    ] == []


def english(source: str, *, markup: bool) -> Iterator[str]:
    """Yield what a source says in English itself: text, attributes that are read, sentences in its code."""
    code = source
    if markup:
        code = "\n".join(match[2] for match in _PARTS.finditer(source) if match[1] == "script")
        template = without_comments(_PARTS.sub("", source))
        yield from (
            said for match in _SPOKEN.finditer(template) for said in match.groups() if said and _WORD.search(said)
        )
        code += "\n" + "\n".join(expressions(template))
        for text in re.split(r"<[^>]*>", outside(template)):
            if _WORD.search(UNTRANSLATED.sub("", text)):
                yield " ".join(text.split())
    for match in _LITERAL.finditer(without_comments(code)):
        said = re.sub(r"\$\{[^}]*\}", "", next(filter(None, match.groups()), ""))
        if _SENTENCE.search(said) and not _SELECTOR.search(said):
            yield said


def without_comments(text: str) -> str:
    """Return a source without its comments."""
    return _COMMENT.sub("", text)


def expressions(template: str) -> Iterator[str]:
    """Yield the outermost ``{…}`` of a template."""
    depth = start = 0
    for at, letter in enumerate(template):
        if letter == "{":
            depth += 1
            if depth == 1:
                start = at + 1
        elif letter == "}" and depth:
            depth -= 1
            if not depth:
                yield template[start:at]


def outside(template: str) -> str:
    """Return a template without its ``{…}``."""
    for inner in expressions(template):
        template = template.replace("{" + inner + "}", " ", 1)
    return template


@pytest.mark.parametrize(
    "source",
    [
        "<p>Nothing here</p>",
        "<p>\n  Nothing\n  here {count}\n</p>",
        '<button aria-label="Close it">x</button>',
        "<input placeholder='Search' />",
        '<Empty title="Nothing" />',
        "<p>{there ? 'It is there' : t.none}</p>",
        '<script lang="ts">const words = "The node does not answer.";</script>',
        "<script>throw new Error(`There is no ${what} here`);</script>",
    ],
)
def test_english_in_a_component_is_noticed(source: str) -> None:
    assert list(english(source, markup=True))


@pytest.mark.parametrize(
    "source",
    [
        "<!-- A word for who reads this --><p class='row wrap'>{t.words}</p>",
        '<script lang="ts">// One stop for the keyboard\nimport X from "./X.svelte";</script><X label={t.close} />',
        "<p title={t.hint}>·&nbsp;{#if a > b}/{/if}</p>",
    ],
)
def test_what_is_no_english_is_let_through(source: str) -> None:
    assert list(english(source, markup=True)) == []
