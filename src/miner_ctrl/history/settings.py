"""``<config>/history.toml``: how long a controller remembers what."""

from __future__ import annotations

from pathlib import Path

from miner_ctrl.errors import BadInput
from miner_ctrl.model.history import HistorySettings
from miner_ctrl.storage.toml_file import read_toml

_SUGGESTION = "Mend or remove it: docs/history.md lists every setting and what it may be."
_CODE = "BAD_HISTORY_SETTINGS"


def read_history_settings(path: Path) -> HistorySettings:
    """Return the settings in ``path``; those of a file that is not there are the usual ones.

    Raises:
        BadInput: the file cannot be read, or a setting cannot be what it is; names file and setting.
    """
    settings = read_toml(path, HistorySettings, suggestion=_SUGGESTION, code=_CODE)
    samples_days = settings.samples_hours / 24
    if not samples_days <= settings.minutes_days <= settings.hours_days:
        raise BadInput(
            f"{path} keeps finer rows for longer than coarser ones: samples_hours must be at most minutes_days, and"
            " minutes_days at most hours_days.",
            suggestion=_SUGGESTION,
            code=_CODE,
        )
    return settings
