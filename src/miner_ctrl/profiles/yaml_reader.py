"""YAML as data, and no more: what JSON can say, written as YAML.

Built from the parser's events, so that nothing of YAML's object model is there to be misused: no aliases (a few lines
of them can stand for gigabytes), no tags, no merge keys, no second document. Plain words mean what they mean in YAML
1.2: ``no`` and ``12:30`` are text, ``010`` is ten. A key that stands twice is refused, not overwritten.
"""

from __future__ import annotations

import re
from typing import Any

import yaml

from miner_ctrl.errors import BadInput
from miner_ctrl.model.text import one_line

_INTEGER = re.compile(r"[-+]?[0-9]{1,400}")
_NUMBER = re.compile(r"[-+]?(?:\.[0-9]{1,400}|[0-9]{1,400}(?:\.[0-9]{0,400})?)(?:[eE][-+]?[0-9]{1,4})?")
_WORDS = {
    word: value
    for value, words in ((None, ("", "~", "null", "Null", "NULL")), (True, ("true", "True", "TRUE")))
    for word in words
} | dict.fromkeys(("false", "False", "FALSE"), False)


def read_yaml(text: str, *, max_depth: int) -> object:
    """Return what the YAML ``text`` says, nested at most ``max_depth`` deep; ``None`` if it says nothing.

    Raises:
        BadInput: it is not YAML, or more than data; with the line.
    """
    builder = _Builder(max_depth)
    loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # only its parser is used
    try:
        for event in yaml.parse(text, Loader=loader):
            builder.take(event)
    except yaml.MarkedYAMLError as error:
        raise _bad(one_line(error.problem or "it cannot be read", 200), error.problem_mark) from None
    except yaml.reader.ReaderError as error:
        raise _bad(f"character {error.position} is not a printable one", None) from None
    except (yaml.YAMLError, RecursionError):
        raise _bad("it cannot be read", None) from None
    return builder.result


def plain_value(text: str) -> object:
    """Return what a word means that stands without quotes."""
    if text in _WORDS:
        return _WORDS[text]
    if _INTEGER.fullmatch(text):
        return int(text)
    return float(text) if _NUMBER.fullmatch(text) else text


class _Builder:
    """Puts values together as events come in. ``_open`` holds the lists and mappings that have not ended yet, ``_keys``
    for each of them the key whose value comes next (``None``: a key comes next)."""

    def __init__(self, max_depth: int) -> None:
        self.result: object = None
        self._max_depth = max_depth
        self._open: list[list[object] | dict[str, object]] = []
        self._keys: list[str | None] = []
        self._documents = 0

    def take(self, event: yaml.Event) -> None:
        if isinstance(event, yaml.AliasEvent):
            raise _bad("aliases (*) cannot be used", event.start_mark)
        if isinstance(event, yaml.NodeEvent) and event.anchor is not None:
            raise _bad("anchors (&) cannot be used", event.start_mark)
        match event:
            case yaml.DocumentStartEvent():
                self._documents += 1
                if self._documents > 1:
                    raise _bad("there is a second document", event.start_mark)
            case yaml.ScalarEvent():
                if event.tag is not None:
                    raise _bad("tags (!) cannot be used", event.start_mark)
                self._add(plain_value(event.value) if event.implicit[0] else event.value, event)
            case yaml.CollectionStartEvent():
                self._begin(event)
            case yaml.CollectionEndEvent():
                self._open.pop()
                self._keys.pop()
            case _:
                pass

    def _begin(self, event: yaml.CollectionStartEvent) -> None:
        if event.tag is not None:
            raise _bad("tags (!) cannot be used", event.start_mark)
        if len(self._open) >= self._max_depth:
            raise _bad(f"it is nested more than {self._max_depth} levels deep", event.start_mark)
        made: list[object] | dict[str, object] = {} if isinstance(event, yaml.MappingStartEvent) else []
        self._add(made, event)
        self._open.append(made)
        self._keys.append(None)

    def _add(self, value: object, event: yaml.NodeEvent) -> None:
        if not self._open:
            self.result = value
            return
        into = self._open[-1]
        if isinstance(into, list):
            into.append(value)
            return
        key = self._keys[-1]
        if key is not None:
            into[key] = value
            self._keys[-1] = None
            return
        if not isinstance(event, yaml.ScalarEvent):
            raise _bad("a key has to be text", event.start_mark)
        key = event.value
        if key in into:
            raise _bad(f"{one_line(key, 60)!r} stands there twice", event.start_mark)
        self._keys[-1] = key


def _bad(problem: str, mark: Any) -> BadInput:
    place = f" (line {mark.line + 1})" if mark is not None else ""
    return BadInput(
        f"This is not YAML that can be read: {problem}{place}.",
        suggestion="Write names, values and lists alone; `miner-ctrl profile export` shows the form.",
        code="BAD_DOCUMENT",
    )
