"""Profiles as a file: JSON or YAML, one profile or many.

::

    profiles:
    - name: monero
      minerType: xmrig
      config:
        pool: pool.example:3333
        wallet: 48ab…

One profile alone may stand there without the list. What is read is checked whole before anything is kept of it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from typing import NoReturn

import msgspec

from miner_ctrl.errors import BadInput
from miner_ctrl.model.profiles import MAX_DOCUMENT_BYTES, PoolConfig, Profile, ProfileDraft, check_profile_name
from miner_ctrl.model.text import one_line
from miner_ctrl.profiles.validation import validate

MAX_DEPTH = 8
MAX_DRAFTS = 1000
HIDDEN = "********"
"""Stands for a password where it is not to be seen."""
_NO_PASSWORD = PoolConfig(pool="").password


class DocumentFormat(StrEnum):
    """How a file of profiles is written."""

    YAML = "yaml"
    JSON = "json"


def write_document(profiles: Sequence[Profile], form: DocumentFormat, *, alone: bool = False) -> str:
    """Return ``profiles`` as a file; ``alone``: the one profile without the list around it. Holds secrets."""
    drafts = [{"name": each.name, "minerType": each.miner_type, "config": dict(each.config)} for each in profiles]
    content = drafts[0] if alone else {"profiles": drafts}
    if form is DocumentFormat.JSON:
        return msgspec.json.format(msgspec.json.encode(content), indent=2).decode() + "\n"
    from miner_ctrl.profiles.yaml_writer import write_yaml  # noqa: PLC0415 - PyYAML is needed seldom

    return write_yaml(content)


def has_passwords(profile: Profile) -> bool:
    """Return whether a pool of ``profile`` has a password other than the customary placeholder."""
    pools: list[object] = [profile.config, profile.config.get("gpuPool")]
    failover = profile.config.get("failover")
    pools += failover if isinstance(failover, list) else []
    return any(isinstance(pool, dict) and pool.get("password", "") not in ("", _NO_PASSWORD) for pool in pools)


def without_passwords(config: Mapping[str, object]) -> dict[str, object]:
    """Return ``config`` with ``HIDDEN`` for each password of a pool; the customary placeholder stays."""
    return {name: _hidden(name, value) for name, value in config.items()}


def _hidden(name: str, value: object) -> object:
    if name == "password":
        return value if value in ("", _NO_PASSWORD) else HIDDEN
    if isinstance(value, Mapping):
        return without_passwords(value)
    return [_hidden("", part) for part in value] if isinstance(value, list) else value


def read_document(text: str, form: DocumentFormat) -> tuple[ProfileDraft, ...]:
    """Return the profiles in a file, each checked.

    Raises:
        BadInput: it is over ``MAX_DOCUMENT_BYTES``, cannot be read, or a profile in it cannot be one; the sentence
            names the profile and the field.
    """
    try:
        size = len(text.encode())
    except UnicodeEncodeError:
        raise _bad("The file is not text in UTF-8.") from None
    if size > MAX_DOCUMENT_BYTES:
        raise _bad(f"The file is larger than {MAX_DOCUMENT_BYTES // 1024} KiB.", "Import the profiles in parts.")
    drafts = tuple(_draft(at, entry) for at, entry in enumerate(_entries(_decode(text, form))))
    seen: set[str] = set()
    for draft in drafts:
        if draft.name.lower() in seen:
            raise _bad(f"The name {draft.name!r} stands there twice.", "Give each profile a name of its own.")
        seen.add(draft.name.lower())
    return drafts


def _decode(text: str, form: DocumentFormat) -> object:
    if form is DocumentFormat.YAML:
        from miner_ctrl.profiles.yaml_reader import read_yaml  # noqa: PLC0415 - PyYAML is needed seldom

        return read_yaml(text, max_depth=MAX_DEPTH)
    try:
        content = json.loads(text, object_pairs_hook=_without_doubles, parse_constant=_no_constant)
    except json.JSONDecodeError as error:
        raise _bad(f"This is not JSON (line {error.lineno}).") from None
    except (ValueError, RecursionError):
        raise _bad("This is not JSON that can be read.") from None
    if _is_deeper(content, MAX_DEPTH):
        raise _bad(f"The file is nested more than {MAX_DEPTH} levels deep.")
    return content


def _without_doubles(pairs: Iterable[tuple[str, object]]) -> dict[str, object]:
    found: dict[str, object] = {}
    for key, value in pairs:
        if key in found:
            raise _bad(f"{one_line(key, 60)!r} stands there twice.", "Give it once.")
        found[key] = value
    return found


def _no_constant(word: str) -> NoReturn:
    raise _bad(f"{word} is not a number in JSON.")


def _is_deeper(value: object, depth: int) -> bool:
    if not isinstance(value, dict | list):
        return False
    inner = value.values() if isinstance(value, dict) else value
    return depth == 0 or any(_is_deeper(each, depth - 1) for each in inner)


def _entries(content: object) -> list[object]:
    if isinstance(content, dict) and "profiles" in content:
        if len(content) > 1:
            other = next(key for key in content if key != "profiles")
            raise _bad(f"Beside 'profiles' there is {one_line(other, 60)!r}, which means nothing.", "Leave it out.")
        content = content["profiles"]
    elif isinstance(content, dict):
        content = [content]
    if not isinstance(content, list) or not content:
        raise _bad("There is no profile in the file.")
    if len(content) > MAX_DRAFTS:
        raise _bad(f"There are more than {MAX_DRAFTS} profiles in the file.", "Import them in parts.")
    return content


def _draft(at: int, entry: object) -> ProfileDraft:
    """Return one entry as a profile. Errors name it, since a file may hold many."""
    name = entry.get("name") if isinstance(entry, dict) else None
    called = f"Profile {one_line(name, 63)!r}" if isinstance(name, str) and name else f"Profile {at + 1} in the file"
    draft = _shaped(called, entry)
    try:
        check_profile_name(draft.name)
        validate(draft.miner_type, draft.config)
    except BadInput as error:
        details = {"profile": one_line(draft.name, 63), "field": error.details.get("field", "name")}
        raise BadInput(
            f"{called}: {error.message}", suggestion=error.suggestion, code=error.code, details=details
        ) from None
    return draft


def _shaped(called: str, entry: object) -> ProfileDraft:
    if not isinstance(entry, dict):
        raise _bad(f"{called} is not one: it has no fields.")
    for field, kind, what in (("name", str, "text"), ("minerType", str, "text"), ("config", dict, "fields and values")):
        if field not in entry:
            raise _bad(f"{called} has no {field}.", field=field)
        if not isinstance(entry[field], kind):
            raise _bad(f"{called}: {field} must be {what}.", field=field)
    if len(entry) > 3:
        other = next(one_line(field, 60) for field in entry if field not in ("name", "minerType", "config"))
        raise _bad(
            f"{called} has a field {other!r}, which a file cannot give.",
            "It has name, minerType and config; what the miner should do stands in config.",
            field=other,
        )
    return ProfileDraft(name=entry["name"], miner_type=entry["minerType"], config=entry["config"])


def _bad(message: str, suggestion: str = "", *, field: str = "") -> BadInput:
    return BadInput(
        message,
        suggestion=suggestion or "`miner-ctrl profile export` shows the form.",
        code="BAD_DOCUMENT",
        details={"field": field} if field else None,
    )
