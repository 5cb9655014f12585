"""``<config>/rig.toml``: what the rig's owner has set; no file is the defaults."""

from __future__ import annotations

from pathlib import Path

import msgspec

from miner_ctrl.errors import StateDamaged
from miner_ctrl.model.rig import RigSettings


def read_rig_settings(path: Path) -> RigSettings:
    """Return the rig's settings.

    Raises:
        StateDamaged: the file cannot be read, or says what no setting is; the sentence names it.
    """
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return RigSettings()
    except OSError as error:
        raise _damaged(path, f"cannot be read: {error.strerror}") from None
    try:
        return msgspec.toml.decode(data, type=RigSettings)
    except (msgspec.DecodeError, UnicodeDecodeError, ValueError) as error:
        raise _damaged(path, f"is not right: {error}") from None


def _damaged(path: Path, what: str) -> StateDamaged:
    return StateDamaged(
        f"The rig's settings {path} {what}.", suggestion="Mend the file, or move it away for the defaults."
    )
