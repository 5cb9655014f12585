"""The address of a PostgreSQL database, read and checked. It may hold a password, which is never printed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import SplitResult, parse_qsl, quote, unquote, urlsplit

from miner_ctrl.errors import BadInput

SQLITE = "sqlite"
SCHEMES = ("postgresql", "postgres")
SSL_MODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")
_PARAMETERS = ("host", "port", "sslmode", "sslrootcert", "sslcert", "sslkey", "passfile")
MAX_LETTERS = 2048
_EXAMPLE = "Use postgresql://USER@HOST/DATABASE, or sqlite for the file of this home."


@dataclass(frozen=True, slots=True)
class DatabaseUrl:
    """``whole`` may hold a password; ``shown`` is for people: without it, and in letters that drive no terminal."""

    whole: str = field(repr=False)
    shown: str
    has_password: bool = False


def parse_database_url(text: str) -> DatabaseUrl | None:
    """Return the address that ``text`` is; ``None`` for ``sqlite``.

    Raises:
        BadInput: it is none. What it says is not repeated: there may be a password in it.
    """
    text = text.strip()
    if text == SQLITE:
        return None
    if len(text) > MAX_LETTERS or not text.isascii() or not text.isprintable() or " " in text:
        raise _bad("has letters that an address cannot have: write them as %XX", _EXAMPLE)
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        raise _bad("has a host or a port that cannot be one", _EXAMPLE) from None
    if parts.scheme not in SCHEMES or not text.startswith(f"{parts.scheme}://"):
        raise _bad("does not begin with postgresql://", _EXAMPLE)
    database = unquote(parts.path.removeprefix("/"))
    if not database or "/" in database or parts.fragment:
        raise _bad("does not name one database after its host", _EXAMPLE)
    if "\0" in unquote(text) or "," in parts.netloc:
        raise _bad("has a host that cannot be one", _EXAMPLE)
    parameters = _parameters(parts)
    return DatabaseUrl(text, _shown(parts, port, parameters), parts.password is not None)


def _parameters(parts: SplitResult) -> dict[str, str]:
    try:
        given = parse_qsl(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query), max_num_fields=20)
    except ValueError:
        raise _bad("has something after the ? that is not NAME=VALUE", _EXAMPLE) from None
    for name, value in given:
        if name not in _PARAMETERS:
            known = ", ".join(_PARAMETERS)
            raise _bad("has a parameter after the ? that is not known", f"These are: {known}.")
        if name == "sslmode" and value not in SSL_MODES:
            raise _bad("has an sslmode that there is not", f"There are: {', '.join(SSL_MODES)}.")
        if name == "port" and not (value.isdigit() and len(value) <= 5 and 0 < int(value) <= 65535):
            raise _bad("has a host or a port that cannot be one", _EXAMPLE)
    return dict(given)


def _shown(parts: SplitResult, port: int | None, parameters: Mapping[str, str]) -> str:
    user = f"{quote(unquote(parts.username), safe='')}@" if parts.username else ""
    host = quote(unquote(parts.hostname or parameters.get("host", "")), safe=":/")
    host = f"[{host}]" if ":" in host else host
    where = f":{port}" if port is not None else ""
    return f"postgresql://{user}{host}{where}/{quote(unquote(parts.path.removeprefix('/')), safe='')}"


def _bad(why: str, suggestion: str) -> BadInput:
    return BadInput(f"The address of the database {why}.", suggestion=suggestion, code="BAD_DATABASE")
