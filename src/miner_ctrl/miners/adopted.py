"""A miner that somebody else started: it is watched, and paused and resumed as far as its API allows; no more."""

from __future__ import annotations

import re

from miner_ctrl.errors import BadInput, MinerCtrlError, OperationFailed
from miner_ctrl.miners.contract import MinerApi
from miner_ctrl.miners.instance import READ_WITHIN_S, Instance
from miner_ctrl.model.miners import MinerState
from miner_ctrl.model.text import one_line

_TOKEN = re.compile(r"[!-~]{0,256}")
_NAME = re.compile(r"[A-Za-z0-9._-]{1,63}")


class Adopted(Instance):
    """An instance without a keeper, a process or a log of ours. It comes and goes as its owner likes."""

    async def attach(self) -> None:
        """Ask it how it is."""
        self._ended.clear()
        self._set(MinerState.STARTING, "")
        await self.sample()

    async def stop(self, grace_s: float) -> None:
        """Never: it is not ours to stop."""
        raise not_ours(self.record.name, "stopped")

    async def _is_answered_for(self, first: bool) -> bool:
        """It may be anybody's: its owner was told its port by whoever runs it."""
        return False

    async def _missed(self, error: MinerCtrlError | TimeoutError) -> None:
        why = error.message if isinstance(error, MinerCtrlError) else f"no answer within {READ_WITHIN_S:g} s"
        self._set(MinerState.UNRESPONSIVE, one_line(f"It is not reachable: {why}", 500))

    def _uptime_s(self) -> int:
        return self._reading.uptime_s if self._reading else 0


def not_ours(name: str, done: str) -> OperationFailed:
    """Return the error for what only a miner's owner may do."""
    return OperationFailed(
        f"{name} was adopted, not started by this rig: it cannot be {done} from here.",
        suggestion=f"Have it {done} where it was started; to watch it no longer, release it.",
        code="MINER_ADOPTED",
    )


def check_adoption(api: MinerApi, name: str | None) -> None:
    """See that what was given can be used.

    Raises:
        BadInput: the port, the token or the name cannot be.
    """
    if not 1 <= api.port <= 65535:
        raise BadInput("A miner's API has a port from 1 to 65535.", suggestion="Give the port of its local API.")
    if not _TOKEN.fullmatch(api.token):
        raise BadInput(
            "The API's token must be up to 256 printable characters without spaces.",
            suggestion="Give it as the miner's own configuration has it.",
        )
    if name is not None and not _NAME.fullmatch(name):
        raise BadInput(
            f"{one_line(name, 80)!r} cannot be a miner's name.",
            suggestion="Use up to 63 letters, digits, dots, underscores and hyphens.",
        )
