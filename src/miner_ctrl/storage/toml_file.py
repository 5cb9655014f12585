"""A small file of settings in TOML that a person writes: bounded, and what is wrong with it named."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TypeVar

import msgspec

from miner_ctrl.errors import BadInput
from miner_ctrl.model.text import one_line

T = TypeVar("T", bound=msgspec.Struct)
MAX_BYTES = 64 * 1024
_AT = re.compile(r" - at `\$\.?([\w.\[\]]*)`$")


def read_toml(path: Path, kind: type[T], *, suggestion: str, code: str) -> T:
    """Return the settings in ``path``; those of a file that is not there are ``kind``'s own.

    Raises:
        BadInput: the file cannot be read, or a setting cannot be what it is; names file and setting.
    """
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        return kind()
    except OSError as error:
        raise _unusable(path, f"cannot be read: {error.strerror}", suggestion, code) from None
    import tomllib  # noqa: PLC0415 - only where there is a file

    if len(data) > MAX_BYTES:
        raise _unusable(path, f"is larger than {MAX_BYTES} bytes", suggestion, code)
    try:
        said = tomllib.loads(data.decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _unusable(path, f"is no TOML: {one_line(str(error), 200)}", suggestion, code) from None
    try:
        return msgspec.convert(said, kind, strict=True)
    except msgspec.ValidationError as error:
        raise _unusable(path, _explained(str(error)), suggestion, code) from None


def _explained(message: str) -> str:
    """Make msgspec's words a part of a sentence: which setting, and what it may be."""
    at = _AT.search(message)
    words = one_line(_AT.sub("", message), 200).replace("`", "")
    where = at[1] if at and at[1] else ""
    words = words[:1].lower() + words[1:]
    if words.startswith("object contains unknown field"):
        field = words.rpartition("field ")[2]
        return f"has a setting {field!r}{f' in [{where}]' if where else ''}, which there is not"
    return f"has an unusable {where or 'setting'}: {words}"


def _unusable(path: Path, what: str, suggestion: str, code: str) -> BadInput:
    return BadInput(f"{path} {what}.", suggestion=suggestion, code=code)
