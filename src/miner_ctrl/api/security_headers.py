"""What every answer at the port tells a browser not to do with it."""

from __future__ import annotations

from starlette.types import ASGIApp, Message, Receive, Scope, Send

Header = tuple[bytes, bytes]

_NOTHING = b"default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
_OWN_PAGE = (
    b"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    b"connect-src 'self'; manifest-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'"
)
_ALWAYS: tuple[Header, ...] = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-frame-options", b"DENY"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), geolocation=(), microphone=(), payment=(), usb=()"),
)
_UNCHANGED = 304
_HSTS: Header = (b"strict-transport-security", b"max-age=31536000")


def headers_for(content_type: bytes, *, hsts: bool) -> list[Header]:
    """Return the headers of an answer of this type."""
    policy = _OWN_PAGE if content_type.startswith(b"text/html") else _NOTHING
    return [*_ALWAYS, (b"content-security-policy", policy), *([_HSTS] if hsts else [])]


class SecurityHeaders:
    """Adds them to whatever ``app`` answers; what it says itself stays."""

    def __init__(self, app: ASGIApp, *, hsts: bool) -> None:
        self._app = app
        self._hsts = hsts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                said = dict(message["headers"])
                more = headers_for(said.get(b"content-type", b""), hsts=self._hsts)
                if message["status"] == _UNCHANGED:  # its headers replace those that the browser keeps
                    more = [header for header in more if header[0] != b"content-security-policy"]
                headers = [*message["headers"], *(header for header in more if header[0] not in said)]
                message = {**message, "headers": headers}
            await send(message)

        await self._app(scope, receive, with_headers)
