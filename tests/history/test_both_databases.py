"""SQLite and PostgreSQL give the same answers to the same questions. The bench ``databases`` asks them of 1,000,000
samples; here it is a part of that."""

from __future__ import annotations

from pathlib import Path

from miner_ctrl.history import SqliteHistory
from miner_ctrl.history.postgres import PostgresHistory
from miner_ctrl.storage.database_url import parse_database_url
from tests.components.postgresql import Database
from tests.history.filling import KEPT, Told
from tests.history.questions import questions

SAMPLES = 50_000


async def test_the_same_samples_give_the_same_answers(postgresql: Database, tmp_path: Path) -> None:
    fleet = Told(SAMPLES)
    url = parse_database_url(postgresql.socket_url)
    assert url is not None
    one = SqliteHistory(tmp_path / "mining.db", now_ms=lambda: fleet.now_ms, settings=KEPT)
    other = PostgresHistory(url, now_ms=lambda: fleet.now_ms, settings=KEPT)
    await fleet.into(one)
    await fleet.into(other)
    asked: dict[str, int] = {}
    theirs = questions(other, fleet.rigs, fleet.now_ms)
    async for ours in questions(one, fleet.rigs, fleet.now_ms):
        other_ours = await anext(theirs)
        assert other_ours.name == ours.name or "before=" in ours.name or ours.name.startswith("page")
        answer = await ours.ask()
        assert answer == await other_ours.ask(), (ours.kind, ours.name)
        asked[ours.kind] = asked.get(ours.kind, 0) + bool(answer)
    assert all(asked.values()), f"some are answered with nothing: {asked}"
    assert sum(asked.values()) > 300
    await one.close()
    await other.close()
