"""Shares counted so that the count never goes down. Pure: the time is passed in.

A miner that is restarted begins at 0, one that is stopped takes its count away; a plain sum over miners would go down
with either, and Prometheus would take the whole sum for new shares.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from miner_ctrl.model.miners import MinerStats

MINERS_REMEMBERED = 128
"""For each rig; a miner that is not in a report may be in the next."""


class _Seen(NamedTuple):
    accepted: int
    rejected: int
    uptime_s: int


class RigShares:
    """The shares of one rig's miners from ``since_s`` on; what a miner had by then is not counted."""

    __slots__ = ("_miners", "_since_s", "accepted", "rejected")

    def __init__(self, since_s: float) -> None:
        self._since_s = since_s
        self._miners: dict[str, _Seen] = {}
        self.accepted = 0
        self.rejected = 0

    def note(self, miners: Iterable[MinerStats], now_s: float) -> tuple[int, int]:
        """Take in a report; return how many shares more were accepted and rejected."""
        accepted = rejected = 0
        for miner in miners:
            was = self._miners.pop(miner.name, None)
            seen = self._miners[miner.name] = _Seen(miner.accepted, miner.rejected, miner.uptime_s)
            if was is None:
                # of a miner that ran before this rig was known, or does not say since when: not all of it is new
                if not 0 < seen.uptime_s <= now_s - self._since_s:
                    continue
                was = _NOTHING
            elif seen.uptime_s < was.uptime_s or seen.accepted < was.accepted or seen.rejected < was.rejected:
                was = _NOTHING
            accepted += seen.accepted - was.accepted
            rejected += seen.rejected - was.rejected
        while len(self._miners) > MINERS_REMEMBERED:
            del self._miners[next(iter(self._miners))]
        self.accepted += accepted
        self.rejected += rejected
        return accepted, rejected


_NOTHING = _Seen(0, 0, 0)


class FleetShares:
    """The shares of all rigs, by ID; the sums keep what rigs brought in that have been removed since."""

    def __init__(self) -> None:
        self.accepted = 0
        self.rejected = 0
        self._rigs: dict[str, RigShares] = {}

    def note(self, rig: str, miners: Iterable[MinerStats], now_s: float) -> RigShares:
        """Take in a rig's report and return its shares."""
        held = self._rigs.get(rig)
        if held is None:
            held = self._rigs[rig] = RigShares(now_s)
        accepted, rejected = held.note(miners, now_s)
        self.accepted += accepted
        self.rejected += rejected
        return held

    def keep(self, rigs: set[str]) -> None:
        """Forget the rigs that are not among ``rigs``."""
        for gone in self._rigs.keys() - rigs:
            del self._rigs[gone]
