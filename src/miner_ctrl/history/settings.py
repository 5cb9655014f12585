"""``<config>/history.toml``: how long a controller remembers what."""

from __future__ import annotations

from pathlib import Path

from msgspec import structs

from miner_ctrl.errors import BadInput, OperationFailed
from miner_ctrl.model.history import HistorySettings
from miner_ctrl.storage.atomic import write_atomic
from miner_ctrl.storage.toml_file import read_toml

_SUGGESTION = "Mend or remove it: docs/history.md lists every setting and what it may be."
_CODE = "BAD_HISTORY_SETTINGS"


def read_history_settings(path: Path) -> HistorySettings:
    """Return the settings in ``path``; those of a file that is not there are the usual ones.

    Raises:
        BadInput: the file cannot be read, or a setting cannot be what it is; names file and setting.
    """
    settings = read_toml(path, HistorySettings, suggestion=_SUGGESTION, code=_CODE)
    _check(settings, str(path), _SUGGESTION)
    return settings


def write_history_settings(path: Path, settings: HistorySettings) -> None:
    """Replace the settings in ``path``; all of them, or nothing.

    Raises:
        BadInput: finer rows would be kept for longer than coarser ones.
        OperationFailed: the file cannot be written.
    """
    _check(settings, "This", "Give samples as hours and the others as days: docs/history.md.")
    lines = [f"{name} = {value!r}" for name, value in structs.asdict(settings).items()]
    text = "\n".join(["# How long this node keeps its history: docs/history.md.", *lines, ""])
    try:
        write_atomic(path, text.encode())
    except OSError as error:
        raise OperationFailed(
            f"{path} cannot be written: {error.strerror}.",
            suggestion="See to its disk and who owns it.",
            code="NOT_WRITTEN",
        ) from None


def _check(settings: HistorySettings, what: str, suggestion: str) -> None:
    samples_days = settings.samples_hours / 24
    if not samples_days <= settings.minutes_days <= settings.hours_days:
        raise BadInput(
            f"{what} keeps finer rows for longer than coarser ones: samples_hours must be at most minutes_days, and"
            " minutes_days at most hours_days.",
            suggestion=suggestion,
            code=_CODE,
        )
