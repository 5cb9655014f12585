"""The cookie that holds a session. Only this node's own page makes a browser send it, and no script can read it."""

from __future__ import annotations

from collections.abc import Iterable

PLAIN = "miner-ctrl"
SECURE = "__Host-miner-ctrl"
"""Over TLS: the prefix keeps every other host, and everything unencrypted, from setting it."""
MAX_AGE_S = 7 * 86400
MAX_COOKIE_BYTES = 8192


def kept_by_browser(session: str, *, secure: bool) -> tuple[bytes, bytes]:
    """Return the header that makes a browser keep ``session``; an empty one makes it forget."""
    name, flags = (SECURE, "; Secure") if secure else (PLAIN, "")
    age_s = MAX_AGE_S if session else 0
    value = f"{name}={session}; Max-Age={age_s}; Path=/; HttpOnly; SameSite=Strict{flags}"
    return b"set-cookie", value.encode()


def session_in(cookies: Iterable[bytes], *, tls: bool) -> str:
    """Return the session in a request's ``Cookie`` headers; empty if there is none, or more than one.

    Over TLS only the cookie that nobody else can have set counts. Without, it may still be there: a proxy in front of
    this node may speak TLS with the browser.
    """
    found: dict[str, list[str]] = {}
    for header in cookies:
        if len(header) > MAX_COOKIE_BYTES:
            return ""
        for pair in header.decode("latin-1").split(";"):
            name, _, value = pair.strip().partition("=")
            found.setdefault(name, []).append(value)
    for name in (SECURE,) if tls else (SECURE, PLAIN):
        if name in found:
            return found[name][0] if len(found[name]) == 1 else ""
    return ""
