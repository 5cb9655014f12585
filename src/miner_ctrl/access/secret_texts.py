"""Texts that are secrets: what an API token and a session look like, and what is kept of them.

They are 256 random bits, so a SHA-256 of one is as hard to turn round as it is to guess: a slow hash, which passwords
need, would only make every request slow.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Callable

SECRET_BYTES = 32
TOKEN_START = "mct_"  # noqa: S105 - how they all begin
PREFIX_CHARS = len(TOKEN_START) + 6
"""What of a token is shown in lists: 36 of its 256 bits."""
_TOKEN = re.compile(r"mct_[A-Za-z0-9_-]{43}")
_SESSION = re.compile(r"[A-Za-z0-9_-]{43}")


def new_token(random_bytes: Callable[[int], bytes]) -> str:
    """Return the text of a new API token."""
    return TOKEN_START + _text(random_bytes)


def new_session(random_bytes: Callable[[int], bytes]) -> str:
    """Return the text of a new session, as its cookie holds it."""
    return _text(random_bytes)


def is_token(text: str) -> bool:
    """Whether ``text`` has the shape of an API token."""
    return _TOKEN.fullmatch(text) is not None


def is_session(text: str) -> bool:
    """Whether ``text`` has the shape of a session."""
    return _SESSION.fullmatch(text) is not None


def kept(text: str) -> bytes:
    """Return what is kept of a token or a session."""
    return hashlib.sha256(text.encode()).digest()


def _text(random_bytes: Callable[[int], bytes]) -> str:
    return base64.urlsafe_b64encode(random_bytes(SECRET_BYTES)).decode().rstrip("=")
