"""Addresses of archives: checked before anybody dials, and shown without what may be secret in them."""

from __future__ import annotations

from urllib.parse import SplitResult, urlsplit

from miner_ctrl.errors import BadInput
from miner_ctrl.model.text import one_line


def check_url(url: str) -> SplitResult:
    """Return the address in its parts.

    Raises:
        BadInput: it is none that is downloaded from.
    """
    try:
        at = urlsplit(url)
        sound = at.scheme in ("http", "https") and bool(at.hostname) and at.port != 0
    except ValueError:
        sound = False
        at = urlsplit("")
    if not sound or not url.isascii() or any(char <= " " or char == "\x7f" for char in url):
        raise BadInput(
            f"{one_line(url.partition('?')[0].rpartition('@')[2], 200)!r} is no address of an archive.",
            suggestion="Use https://HOST/PATH, or http:// in your own network.",
            code="BAD_URL",
        )
    if at.username is not None or at.password is not None:
        raise BadInput(
            "The address holds a name or password: those end up in logs.",
            suggestion="Download the archive yourself, and use --file.",
            code="BAD_URL",
        )
    return at


def shown_url(at: SplitResult) -> str:
    """Return an address for people, without what may be secret in it."""
    return one_line(f"{at.scheme}://{at.hostname}{f':{at.port}' if at.port else ''}{at.path}", 200)
