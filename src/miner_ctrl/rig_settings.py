"""``<config>/rig.toml``: what a rig's owner has set; nobody else writes it."""

from __future__ import annotations

from pathlib import Path

from miner_ctrl.errors import BadInput
from miner_ctrl.model.rig import RigSettings
from miner_ctrl.storage.toml_file import read_toml

_SUGGESTION = "Mend or remove it: docs/watchdog.md lists every setting and what it may be."
_CODE = "BAD_RIG_SETTINGS"


def read_rig_settings(path: Path) -> RigSettings:
    """Return the settings in ``path``; those of a file that is not there are the usual ones.

    Raises:
        BadInput: the file cannot be read, or a setting cannot be what it is; names file and setting.
    """
    settings = read_toml(path, RigSettings, suggestion=_SUGGESTION, code=_CODE)
    watchdog = settings.watchdog
    if watchdog.reboot_command and not Path(watchdog.reboot_command[0]).is_absolute():
        raise _unusable(path, "has a watchdog.reboot_command that does not begin with a program's absolute path")
    if any("\0" in word for word in watchdog.reboot_command):
        raise _unusable(path, "has a watchdog.reboot_command with a zero character in it")
    if watchdog.backoff_last_s < watchdog.backoff_first_s:
        raise _unusable(path, "has a watchdog.backoff_last_s that is shorter than watchdog.backoff_first_s")
    return settings


def _unusable(path: Path, what: str) -> BadInput:
    return BadInput(f"{path} {what}.", suggestion=_SUGGESTION, code=_CODE)
