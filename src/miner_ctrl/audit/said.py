"""What an entry says of a command: bounded, on one line, and without anything secret. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

import msgspec

from miner_ctrl.model.secrets import HIDDEN, text_without_secrets, without_secrets
from miner_ctrl.model.text import one_line

MAX_BODY_BYTES = 4096
"""A longer body is its SHA-256 and its size."""
MAX_TARGET_BYTES = 1024
MAX_TEXT_CHARS = 255

_HASHED = frozenset({"document", "input"})
"""Texts of people's own that may hold a secret anywhere: a file of profiles has its pools' passwords."""
_COVERING = frozenset({"hash", "ifHash", "profileHash", "profile_hash"})
"""Hashes that cover passwords: whoever reads the log could try passwords until one fits."""
_encoder = msgspec.json.Encoder(order="sorted")


def said_text(text: str) -> str:
    """Return a name, an address or a code as an entry has it."""
    return one_line(text, MAX_TEXT_CHARS)


def said_target(target: Mapping[str, str]) -> str:
    """Return what was asked for, as JSON."""
    return _bounded(
        {said_text(name): text_without_secrets(said_text(value)) for name, value in target.items()}, MAX_TARGET_BYTES
    )


def said_body(body: msgspec.Struct | None) -> str:
    """Return what was asked with, as JSON, without secrets; of a long one, the hash of that."""
    if body is None:
        return "{}"
    return _bounded(without_secrets(msgspec.to_builtins(body, str_keys=True), _covered), MAX_BODY_BYTES)


def _bounded(value: object, most: int) -> str:
    data = _encoder.encode(value)
    if len(data) > most:
        data = _encoder.encode({"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()})
    return data.decode()


def _covered(name: str, value: object) -> object | None:
    if name in _COVERING:
        return HIDDEN if value else None
    return {"chars": len(value)} if name in _HASHED and isinstance(value, str) else None
