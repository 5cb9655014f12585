"""What many routes have in common in the OpenAPI document: who may ask, path values, headers."""

from __future__ import annotations

from typing import Any

SESSION_COOKIE = "miner-ctrl"
SECURITY_SCHEMES: dict[str, Any] = {
    "token": {
        "type": "http",
        "scheme": "bearer",
        "description": "An API token (`miner-ctrl token create`), with the role viewer, operator or admin.",
    },
    "session": {
        "type": "apiKey",
        "in": "cookie",
        "name": SESSION_COOKIE,
        "description": "A login of this node's own page; over TLS the cookie's name begins with `__Host-`.",
    },
}
SECURITY: list[dict[str, list[str]]] = [{"token": []}, {"session": []}, {}]
"""The last one: the local socket, and loopback where no credentials are asked for."""

_NAME = r"^[A-Za-z0-9._-]{1,255}$"
_PATH_VALUES: dict[str, tuple[str, str]] = {
    "sha256": ("The beginning of the SHA-256 of a bundle's archive.", r"^[0-9a-f]{1,64}$"),
    "peer": ("A full node ID, a unique prefix of one, or the peer's unique name.", _NAME),
    "miner": ("The name of a miner instance.", _NAME),
    "profile": ("A profile's ID or name.", _NAME),
    "id": ("A full ID.", _NAME),
    "login": ("A login's name.", _NAME),
    "key": (
        "A public key in base64, with its `/` and `+` (as they are, or percent-encoded).",
        r"^[A-Za-z0-9+/]+={0,2}$",
    ),
    "file": ("The name of a file of the page.", r"^[a-z.]{1,32}$"),
    "miner_type": ("A miner type, such as `xmrig`.", r"^[a-z][a-z0-9-]{0,31}$"),
}
_TAGS = r'^(\*|(W/)?"[!#-~]*"( *, *(W/)?"[!#-~]*")*)$'


def path_parameter(name: str) -> dict[str, Any]:
    """Return the parameter of one value in a path."""
    description, pattern = _PATH_VALUES.get(name, ("", _NAME))
    schema = {"type": "string", "minLength": 1, "maxLength": 255, "pattern": pattern}
    return {"name": name, "in": "path", "required": True, "description": description, "schema": schema}


IF_MATCH = {
    "name": "If-Match",
    "in": "header",
    "required": False,
    "description": "The ETag of what was read: the edit is refused with 412 if it is not the same any more. Without it"
    " the last editor wins.",
    "schema": {"type": "string", "maxLength": 1000, "pattern": _TAGS},
}
IF_NONE_MATCH = {
    "name": "If-None-Match",
    "in": "header",
    "required": False,
    "description": "ETags that the caller has: 304 if what can be edited is still the same.",
    "schema": {"type": "string", "maxLength": 1000, "pattern": _TAGS},
}
IDEMPOTENCY_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "A random text: the same request with the same key, within 24 h, is answered as the first time"
    " (`Idempotency-Replayed: true`) and not carried out again; another request is refused.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]{1,255}$"},
}

ETAG = {"description": "What can be edited, as it is now.", "schema": {"type": "string", "pattern": '^"[0-9a-f]{24}"$'}}
TOTAL = {"description": "How many there are in all.", "schema": {"type": "integer", "minimum": 0}}
REPLAYED = {
    "description": "`true` on an answer that was given before.",
    "required": False,
    "schema": {"type": "string", "enum": ["true"]},
}
RETRY_AFTER = {
    "description": "Seconds to wait before trying again, where that is known.",
    "required": False,
    "schema": {"type": "integer", "minimum": 0},
}
