"""``instance.json``: what a miner should be doing. The next agent, or the same machine after a reboot, goes by it."""

from __future__ import annotations

from pathlib import Path

import msgspec

from miner_ctrl.errors import StateDamaged
from miner_ctrl.miners.contract import MinerApi
from miner_ctrl.model.profiles import MinerConfig, Profile

RECORD_FILE = "instance.json"
RUNNING = "running"
PAUSED = "paused"


class Record(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Written before a process changes. Holds wallet, password and the API's token, so its mode is 0600.

    ``config`` is what ``profile`` was found to mean, and of a profile that makes two miners, ``part``'s share of it: a
    restart needs nothing else. ``wanted`` is ``running`` or ``paused``; ``settled`` is false while the miner may not
    have been told yet, ``reloading`` true while it may run an earlier ``config``. A pause from ``paused_at_ms`` on ends
    by itself at ``resume_at_ms`` (Unix, ms).
    """

    name: str
    profile: Profile
    api: MinerApi
    socket: str = ""
    config: MinerConfig | None = None
    part: str = ""
    wanted: str = RUNNING
    settled: bool = True
    paused_at_ms: int | None = None
    resume_at_ms: int | None = None
    by: str = ""
    stopped: bool = False
    reloading: bool = False
    adopted: bool = False

    def pause_left_s(self, now_ms: int) -> float | None:
        """Return for how long the pause lasts; ``None`` for one without an end. However the clock has jumped meanwhile,
        it is no longer than the whole pause was meant to be."""
        if self.wanted != PAUSED or self.resume_at_ms is None:
            return None
        whole_ms = max(0, self.resume_at_ms - (self.paused_at_ms or 0))
        return min(max(0, self.resume_at_ms - now_ms), whole_ms) / 1000


def read_record(path: Path) -> Record:
    """Return the record in ``path``.

    Raises:
        StateDamaged: it is not what was written.
    """
    try:
        return msgspec.json.decode(path.read_bytes(), type=Record)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise StateDamaged(
            f"The miner record {path} cannot be read.",
            suggestion="Move its folder away and start that miner again; a miner that runs goes on meanwhile.",
        ) from None
