"""``<config>/rig.toml``: what a rig's owner has set; nobody else writes it."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec

from miner_ctrl.errors import BadInput
from miner_ctrl.model.rig import RigSettings
from miner_ctrl.model.text import one_line

MAX_BYTES = 64 * 1024
_AT = re.compile(r" - at `\$\.?([\w.\[\]]*)`$")


def read_rig_settings(path: Path) -> RigSettings:
    """Return the settings in ``path``; those of a file that is not there are the usual ones.

    Raises:
        BadInput: the file cannot be read, or a setting cannot be what it is; names file and setting.
    """
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        return RigSettings()
    except OSError as error:
        raise _unusable(path, f"cannot be read: {error.strerror}") from None
    import tomllib  # noqa: PLC0415 - only where there is a file

    if len(data) > MAX_BYTES:
        raise _unusable(path, f"is larger than {MAX_BYTES} bytes")
    try:
        said = tomllib.loads(data.decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _unusable(path, f"is no TOML: {one_line(str(error), 200)}") from None
    try:
        settings = msgspec.convert(said, RigSettings, strict=True)
    except msgspec.ValidationError as error:
        raise _unusable(path, _explained(str(error))) from None
    return _checked(path, settings)


def _checked(path: Path, settings: RigSettings) -> RigSettings:
    watchdog = settings.watchdog
    if watchdog.reboot_command and not Path(watchdog.reboot_command[0]).is_absolute():
        raise _unusable(path, "has a watchdog.reboot_command that does not begin with a program's absolute path")
    if any("\0" in word for word in watchdog.reboot_command):
        raise _unusable(path, "has a watchdog.reboot_command with a zero character in it")
    if watchdog.backoff_last_s < watchdog.backoff_first_s:
        raise _unusable(path, "has a watchdog.backoff_last_s that is shorter than watchdog.backoff_first_s")
    return settings


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


def _unusable(path: Path, what: str) -> BadInput:
    return BadInput(
        f"{path} {what}.",
        suggestion="Mend or remove it: docs/watchdog.md lists every setting and what it may be.",
        code="BAD_RIG_SETTINGS",
    )
