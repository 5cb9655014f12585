"""What is said of a request without anything secret in it: fields by their names, tokens by their look. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable

HIDDEN = "…"
"""Stands for what is secret."""

_SECRET = re.compile(r"pass|token|secret|psk|credential|private|authori[sz]ation|cookie", re.IGNORECASE)
_TOKENS = re.compile(r"mcj1[a-z2-7\s]{40,}|mct_[a-z0-9_-]{20,}", re.IGNORECASE)
"""Join tokens and API tokens, wherever they stand."""
_USER_INFO = re.compile(r"(://)[^/@\s]*@")
_URL = re.compile(r"(https?://[^\s?\"]*+)(\?[^\s\"]*+)?", re.IGNORECASE)
"""The whole of it, whether it has a query or not: so that no part of a long text is looked at twice."""

Field = Callable[[str, object], object | None]


def without_secrets(value: object, field: Field = lambda name, value: None) -> object:
    """Return what JSON can hold with ``HIDDEN`` for what is secret. ``field`` may say what stands for a field, by its
    name and value."""
    if isinstance(value, dict):
        return {key: _field(str(key), held, field) for key, held in value.items()}
    if isinstance(value, list | tuple):
        return [without_secrets(held, field) for held in value]
    return text_without_secrets(value) if isinstance(value, str) else value


def text_without_secrets(text: str) -> str:
    """Return a text without what is secret wherever it stands: tokens, and what addresses have before an ``@`` and
    after a ``?``."""
    text = _TOKENS.sub(HIDDEN, text)
    if "://" in text:
        text = _URL.sub(_without_query, _USER_INFO.sub(rf"\1{HIDDEN}@", text))
    return text


def _field(name: str, value: object, field: Field) -> object:
    said = field(name, value)
    if said is not None:
        return said
    if _SECRET.search(name):
        return value if value is None or value == "" or isinstance(value, bool) else HIDDEN
    return without_secrets(value, field)


def _without_query(url: re.Match[str]) -> str:
    return url[0] if url[2] is None else f"{url[1]}?{HIDDEN}"
