"""One history in both databases: the same samples stored, the same questions asked, the answers compared."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

from benches.figures import Figure, Spread, Target
from benches.scale import Scale
from miner_ctrl.history import HistoryStore, SqliteHistory
from miner_ctrl.history.postgres import PostgresHistory
from miner_ctrl.storage.database_url import parse_database_url
from tests.components import postgresql
from tests.history.filling import KEPT, Told
from tests.history.questions import Answer, questions

MIB = 2**20


async def measure(scale: Scale, home: Path) -> list[Figure]:
    """Return the figures of ``scale.samples`` samples of miners.

    Raises:
        RuntimeError: a question was answered otherwise by one of them.
    """
    fleet = Told(scale.samples)
    server = postgresql.Server(postgresql.obtain())
    try:
        server.make()
        server.start()
        url = parse_database_url(server.new_database().socket_url)
        assert url is not None
        theirs = await _Run(
            SqliteHistory(home / "mining.db", now_ms=lambda: fleet.now_ms, settings=KEPT), fleet
        ).finished()
        ours = await _Run(PostgresHistory(url, now_ms=lambda: fleet.now_ms, settings=KEPT), fleet).finished()
    finally:
        server.remove()
    differ = [name for name, answer in ours.answers.items() if answer != theirs.answers[name]]
    if differ or ours.answers.keys() != theirs.answers.keys():
        raise RuntimeError(f"{len(differ)} answers differ: {differ[:3]}")
    return [
        Figure("samples stored", "1/s", Spread(scale.samples / ours.stored_s), Spread(scale.samples / theirs.stored_s)),
        Figure("  CPU here, 1,000 samples", "ms", Spread(ours.cpu_s * 1e6 / scale.samples),
               Spread(theirs.cpu_s * 1e6 / scale.samples)),
        Figure("  size", "MiB", Spread(ours.size / MIB), Spread(theirs.size / MIB)),
        Figure(f"{len(ours.answers)} questions, answers differ", "", Spread(len(differ)), None, Target(0)),
        *(
            Figure(f"  {kind}", "ms", Spread.of(times), Spread.of(theirs.times_ms[kind]))
            for kind, times in ours.times_ms.items()
        ),
    ]  # fmt: skip


class _Run:
    """One store, filled and asked."""

    def __init__(self, history: HistoryStore, fleet: Told) -> None:
        self._history = history
        self._fleet = fleet
        self.stored_s = self.cpu_s = 0.0
        self.size = 0
        self.answers: dict[str, Answer] = {}
        self.times_ms: dict[str, Sequence[float]] = {}

    async def finished(self) -> _Run:
        """Fill it, ask it everything, and close it."""
        began, used = time.perf_counter(), time.process_time()
        await self._fleet.into(self._history)
        self.stored_s, self.cpu_s = time.perf_counter() - began, time.process_time() - used
        self.size = (await self._history.sizes()).bytes
        times: dict[str, list[float]] = {}
        number = 0
        async for question in questions(self._history, self._fleet.rigs, self._fleet.now_ms):
            number += 1
            began = time.perf_counter()
            self.answers[f"{number} {question.kind}"] = await question.ask()
            times.setdefault(question.kind, []).append((time.perf_counter() - began) * 1000)
        self.times_ms = dict(times)
        await self._history.close()
        return self
