"""What an entry says of a command: bounded, on one line, and without anything secret. Pure."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping

import msgspec

from miner_ctrl.model.text import one_line

MAX_BODY_BYTES = 4096
"""A longer body is its SHA-256 and its size."""
MAX_TARGET_BYTES = 1024
MAX_TEXT_CHARS = 255
HIDDEN = "…"

_SECRET = re.compile(r"pass|token|secret|psk|credential|private|authori[sz]ation|cookie", re.IGNORECASE)
_COVERING = frozenset({"hash", "ifHash", "profileHash", "profile_hash"})
"""Hashes that cover passwords: whoever reads the log could try passwords until one fits."""
_HASHED = frozenset({"document", "input"})
"""Texts of people's own that may hold a secret anywhere: a file of profiles has its pools' passwords."""
_TOKENS = re.compile(r"mcj1[a-z2-7\s]{40,}|mct_[a-z0-9_-]{20,}", re.IGNORECASE)
"""Join tokens and API tokens, wherever they stand."""
_USER_INFO = re.compile(r"(://)[^/@\s]*@")
_URL = re.compile(r"(https?://[^\s?\"]*+)(\?[^\s\"]*+)?", re.IGNORECASE)
"""The whole of it, whether it has a query or not: so that no part of a long text is looked at twice."""
_encoder = msgspec.json.Encoder(order="sorted")


def said_text(text: str) -> str:
    """Return a name, an address or a code as an entry has it."""
    return one_line(text, MAX_TEXT_CHARS)


def said_target(target: Mapping[str, str]) -> str:
    """Return what was asked for, as JSON."""
    return _bounded({said_text(name): _harmless(said_text(value)) for name, value in target.items()}, MAX_TARGET_BYTES)


def said_body(body: msgspec.Struct | None) -> str:
    """Return what was asked with, as JSON, without secrets; of a long one, the hash of that."""
    if body is None:
        return "{}"
    return _bounded(_without_secrets(msgspec.to_builtins(body, str_keys=True)), MAX_BODY_BYTES)


def _bounded(value: object, most: int) -> str:
    data = _encoder.encode(value)
    if len(data) > most:
        data = _encoder.encode({"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()})
    return data.decode()


def _without_secrets(value: object) -> object:
    if isinstance(value, dict):
        return {key: _field(str(key), held) for key, held in value.items()}
    if isinstance(value, list | tuple):
        return [_without_secrets(held) for held in value]
    return _harmless(value) if isinstance(value, str) else value


def _field(name: str, value: object) -> object:
    if _SECRET.search(name) or name in _COVERING:
        return value if value is None or value == "" or isinstance(value, bool) else HIDDEN
    if name in _HASHED and isinstance(value, str):
        return {"chars": len(value)}
    return _without_secrets(value)


def _harmless(text: str) -> str:
    """Return a text without what is secret wherever it stands: tokens, and what addresses have before an ``@`` and
    after a ``?``."""
    text = _TOKENS.sub(HIDDEN, text)
    if "://" in text:
        text = _URL.sub(_without_query, _USER_INFO.sub(rf"\1{HIDDEN}@", text))
    return text


def _without_query(url: re.Match[str]) -> str:
    return url[0] if url[2] is None else f"{url[1]}?{HIDDEN}"
