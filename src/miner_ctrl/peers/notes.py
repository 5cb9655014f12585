"""What was decided about nodes that were not known here, told on; of strangers in swarms seldom, and counted."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from miner_ctrl.identity.introductions import Introduction
from miner_ctrl.model.callers import AccessRole, Caller, Door

NOTED_EVERY_S = 60.0
NOTED_BURST = 50

Note = Callable[[Caller, str, Mapping[str, str], str], None]
"""``(who, decision, what it was about, the error's code or nothing)``."""


def no_note(_caller: Caller, _action: str, _target: Mapping[str, str], _code: str) -> None:
    """Nobody wants to know."""


class Notes:
    """Passes on ``NOTED_BURST`` decisions at once, then one in ``NOTED_EVERY_S``, with how many were not passed on."""

    def __init__(self, note: Note, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._note = note
        self._clock = clock
        self._room, self._at_s, self._left_out = float(NOTED_BURST), clock(), 0

    def tell(self, action: str, who: Introduction, host: str, code: str = "", **about: str) -> None:
        """Tell what was decided about a node that came from ``host``."""
        now_s = self._clock()
        self._room = min(NOTED_BURST, self._room + (now_s - self._at_s) / NOTED_EVERY_S)
        self._at_s = now_s
        if self._room < 1:
            self._left_out += 1
            return
        self._room -= 1
        about["fingerprint"] = who.keys.fingerprint.hex()
        if self._left_out:
            about["leftOutBefore"], self._left_out = str(self._left_out), 0
        caller = Caller(door=Door.PEER, role=AccessRole.VIEWER, name=who.name, id=who.keys.node_id, address=host)
        self._note(caller, action, about, code)
