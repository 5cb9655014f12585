"""A store filled with what a fleet told."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from miner_ctrl.history import HistoryPart, HistoryStore
from miner_ctrl.model.history import HistorySettings
from tests.history.generated import Rig, told

BEGAN_MS = 1_800_000_000_000
KEPT = HistorySettings(samples_hours=48, minutes_days=366)
"""Long enough that samples, minutes and hours each answer something."""


class Told:
    """``samples`` samples of a fleet: its parts in turn, and the time when all had been told."""

    def __init__(self, samples: int, *, rigs: int = 16) -> None:
        self.parts: list[tuple[Rig, HistoryPart]] = list(told(samples, rigs=rigs, began_ms=BEGAN_MS))
        self.now_ms = max(rig.now_ms for rig, _ in self.parts) + 1_000
        self.rigs = sorted({rig.fingerprint for rig, _ in self.parts})

    async def into(self, history: HistoryStore) -> None:
        """Bring everything, each rig's parts one after the other and the rigs at the same time."""
        each: dict[bytes, list[HistoryPart]] = {}
        for rig, part in self.parts:
            each.setdefault(rig.fingerprint, []).append(part)
        await asyncio.gather(*(_bring(history, rig, parts) for rig, parts in each.items()))


async def _bring(history: HistoryStore, rig: bytes, parts: Sequence[HistoryPart]) -> None:
    for part in parts:
        await history.add(rig, part)
