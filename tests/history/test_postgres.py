"""The history in a real PostgreSQL: several controllers, each entry once, a server that comes and goes."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
import pytest

from miner_ctrl.errors import MinerCtrlError, NotFound, OperationFailed, Refused, StateDamaged
from miner_ctrl.history import HistoryPart, Place
from miner_ctrl.history.contract import EventQuery
from miner_ctrl.history.points import Span, Table
from miner_ctrl.history.postgres import PostgresHistory
from miner_ctrl.history.postgres_schema import MIGRATIONS
from miner_ctrl.history.postgres_server import PAUSES_S
from miner_ctrl.history.postgres_sweep import LOCK
from miner_ctrl.model.history import HistorySettings, OwnEvent
from miner_ctrl.storage.database_url import DatabaseUrl, parse_database_url
from tests.components.monerod import free_ports
from tests.components.postgresql import Database, Server
from tests.history.journals import DAY_MS, HOUR_MS, JOURNAL, NOW_MS, entry, part_of, samples_of

RIG, OTHER_RIG = b"\1" * 32, b"\2" * 32
PATIENCE_S = 60.0
LAST_HOUR = Span(Table.MINUTES, NOW_MS - NOW_MS % HOUR_MS - HOUR_MS, NOW_MS + HOUR_MS, HOUR_MS)


def url_of(database: Database, *, password: str | None = None) -> DatabaseUrl:
    found = parse_database_url(database.url(password=password or database.server.password))
    assert found is not None
    return found


@asynccontextmanager
async def opened(
    database: Database, *, now_ms: Callable[[], int] = lambda: NOW_MS, settings: HistorySettings | None = None
) -> AsyncIterator[PostgresHistory]:
    history = PostgresHistory(url_of(database), now_ms=now_ms, settings=settings)
    try:
        yield history
    finally:
        await history.close()


def part(lowest: int, highest: int, *, journal: str = JOURNAL) -> HistoryPart:
    return HistoryPart(
        journal=journal, entries=tuple(map(entry, range(lowest, highest + 1))), first=1, last=highest, more=False
    )


async def rounds_of(history: PostgresHistory, rig: bytes = RIG) -> tuple[int, int]:
    """How many samples of the miner m-1 there are, and how many the minutes count."""
    raw = await history.samples(rig, since_ms=0, until_ms=2**53, limit=100_000)
    buckets = await history.miner_buckets(rig, LAST_HOUR, miner="m-1")
    return sum(point.miner == "m-1" for point in raw), sum(bucket.rollup.mining for bucket in buckets)


async def rows(database: Database, sql: str) -> list[tuple[object, ...]]:
    connection = await asyncpg.connect(database.socket_url)
    try:
        return [tuple(row) for row in await connection.fetch(sql)]
    finally:
        await connection.close()


# --- several controllers -------------------------------------------------------------------------------


async def test_controllers_that_start_at_once_make_one_schema(postgresql: Database) -> None:
    histories = [PostgresHistory(url_of(postgresql), now_ms=lambda: NOW_MS) for _ in range(6)]
    await asyncio.gather(*(history.check() for history in histories))
    await asyncio.gather(*(history.close() for history in histories))
    assert await rows(postgresql, "SELECT version FROM miner_ctrl.schema_version") == [(len(MIGRATIONS),)]


async def test_two_controllers_that_tell_the_same_store_and_count_it_once(postgresql: Database) -> None:
    async with opened(postgresql) as one, opened(postgresql) as other:
        for lowest in range(1, 600, 60):
            told = [part(lowest, lowest + 59), part(lowest, lowest + 29), part(lowest, lowest + 59)]
            await asyncio.gather(*(history.add(RIG, each) for each in told for history in (one, other)),
                                 return_exceptions=True)  # fmt: skip
        assert await one.since(RIG) == await other.since(RIG) == Place(JOURNAL, 600)
        assert await rounds_of(one) == await rounds_of(other) == (400, 400)
        events = await one.events(EventQuery(limit=10_000))
        assert sorted(event.key.seq for event in events) == list(range(3, 601, 3))
        [total] = await one.fleet_buckets(LAST_HOUR)
    buckets = await rows(postgresql, "SELECT sum(hashes) FROM miner_ctrl.minute")
    assert total.rollup.hashes == pytest.approx(buckets[0][0])


async def test_parts_that_only_add_to_roll_ups_are_counted_once_too(postgresql: Database) -> None:
    """No row's key says that what is old was stored: the lock on the rig does."""
    every = samples_of(NOW_MS - 5 * HOUR_MS, 10_000, 300)
    short = HistorySettings(samples_hours=1)
    async with opened(postgresql, settings=short) as one, opened(postgresql, settings=short) as other:
        for last in range(20, 301, 20):
            told = part_of(every[:last])
            await asyncio.gather(one.add(RIG, told), other.add(RIG, told))
        span = Span(Table.MINUTES, NOW_MS - NOW_MS % HOUR_MS - 6 * HOUR_MS, NOW_MS, HOUR_MS)
        assert sum(bucket.rollup.mining for bucket in await one.miner_buckets(RIG, span)) == 300
        assert sum(bucket.rollup.rounds for bucket in await one.rig_buckets(RIG, span)) == 300
        assert await one.samples(RIG, since_ms=0, until_ms=NOW_MS, limit=9) == []


async def test_new_names_from_two_controllers_at_once_are_one(postgresql: Database) -> None:
    async with opened(postgresql) as one, opened(postgresql) as other:
        await asyncio.gather(
            *(
                history.add(bytes([rig]) * 32, part_of(samples_of(NOW_MS - HOUR_MS, 10_000, 5, miner=f"m-{miner}")))
                for rig in range(8)
                for history, miner in ((one, rig % 3), (other, rig % 3))
            )
        )
        assert len(await one.miners()) == 8
    assert await rows(postgresql, "SELECT name FROM miner_ctrl.algorithm") == [("rx/0",)]


async def test_each_controller_has_a_journal_of_its_own(postgresql: Database) -> None:
    one = PostgresHistory(url_of(postgresql), now_ms=lambda: NOW_MS, own_journal="one")
    other = PostgresHistory(url_of(postgresql), now_ms=lambda: NOW_MS, own_journal="other")
    told = [OwnEvent(at_ms=NOW_MS - 5, kind="online", peer=RIG), OwnEvent(at_ms=NOW_MS, kind="offline", peer=RIG)]
    await asyncio.gather(*(history.note(told) for history in (one, other) for _ in range(5)))
    events = await one.events(EventQuery(rig=RIG))
    assert sorted((event.journal, event.key.seq) for event in events) == [
        (name, seq) for name in ("one", "other") for seq in range(1, 11)
    ]
    assert {event.journal for event in events if event.own} == {"one"}, "what another one saw is not its own"
    own = await other.events(EventQuery(rig=RIG, own=True))
    assert {event.journal for event in own} == {"other"}
    assert len(own) == 10
    await one.close()
    await other.close()


async def test_one_controller_at_a_time_lets_go_of_what_is_old(postgresql: Database) -> None:
    now_ms = NOW_MS
    async with opened(postgresql, now_ms=lambda: now_ms) as history:
        await history.add(RIG, part_of(samples_of(NOW_MS - HOUR_MS, 10_000, 100)))
        now_ms += 3 * DAY_MS
        connection = await asyncpg.connect(postgresql.socket_url)
        async with connection.transaction():  # another controller's sweep
            await connection.execute("SELECT pg_advisory_xact_lock($1)", LOCK)
            assert not await history.sweep()
            assert (await rounds_of(history))[0] == 100
        await connection.close()
        while await history.sweep():
            pass
        assert await rounds_of(history) == (0, 100)


# --- a server that comes and goes ----------------------------------------------------------------------


async def fill(history: PostgresHistory, rig: bytes, until: int) -> None:
    """Bring parts as a controller does: ask how far it is known, tell what comes next, try again when it failed."""
    while (known := (await reached(lambda: history.since(rig))).after) < until:
        try:
            await history.add(rig, part(known + 1, min(known + 7, until)))
        except OperationFailed:
            await asyncio.sleep(0.1)


async def reached(ask: Callable[[], object]) -> Place:
    deadline = time.monotonic() + PATIENCE_S
    while True:
        try:
            return await ask()  # type: ignore[misc, no-any-return]
        except OperationFailed:
            assert time.monotonic() < deadline, "the history did not come back"
            await asyncio.sleep(0.1)


async def test_a_server_that_is_killed_while_it_stores_loses_and_doubles_nothing(
    postgresql: Database, postgresql_server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    async with opened(postgresql) as history:
        rigs = [bytes([number]) * 32 for number in range(1, 6)]
        filling = asyncio.gather(*(fill(history, rig, 600) for rig in rigs))
        for _ in range(2):
            await asyncio.sleep(0.5)
            await asyncio.to_thread(postgresql_server.crash)
            await asyncio.sleep(0.5)
            await asyncio.to_thread(postgresql_server.start)
        await asyncio.wait_for(filling, 4 * PATIENCE_S)
        for rig in rigs:
            assert await rounds_of(history, rig) == (400, 400)
        assert not history.problem
    assert "History is not recorded until this is mended" in caplog.text
    assert "History is recorded again." in caplog.text


async def test_while_the_server_is_away_everybody_is_told_at_once_and_it_is_said_once(
    postgresql: Database, postgresql_server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    now_s = 0.0
    history = PostgresHistory(url_of(postgresql), now_ms=lambda: NOW_MS, clock=lambda: now_s)
    await history.add(RIG, part(1, 3))
    await asyncio.to_thread(postgresql_server.stop)
    for attempt in range(20):
        with pytest.raises(OperationFailed, match="cannot be used now"):
            await history.add(RIG, part(4, 6))
        with pytest.raises(OperationFailed) as unread:
            await history.samples(RIG, since_ms=0, until_ms=1, limit=1)
        assert unread.value.code == "NO_HISTORY"
        assert history.problem
        if attempt == 10:
            await asyncio.to_thread(postgresql_server.start)  # and nobody looks before the pause is over
    assert caplog.text.count("History is not recorded") == 1
    now_s += PAUSES_S[-1]
    assert await history.add(RIG, part(4, 6)) == Place(JOURNAL, 6)
    assert not history.problem
    await history.close()


async def test_a_part_that_the_database_does_not_take_holds_up_no_other(
    postgresql: Database, caplog: pytest.LogCaptureFixture
) -> None:
    async with opened(postgresql) as history:
        await history.add(RIG, part(1, 1))
        await rows(
            postgresql, "UPDATE miner_ctrl.journal SET last_seq = 0"
        )  # as after a restore of one table: entry 1 is there, and is said not to be
        refused, stored = await asyncio.gather(
            history.add(RIG, part(1, 2)), history.add(OTHER_RIG, part(1, 4)), return_exceptions=True
        )
        assert isinstance(refused, OperationFailed)
        assert refused.code == "STATE_NOT_WRITTEN"
        assert stored == Place(JOURNAL, 4)


# --- what a person has to mend -------------------------------------------------------------------------


async def said(url: DatabaseUrl) -> MinerCtrlError:
    history = PostgresHistory(url, now_ms=lambda: NOW_MS)
    with pytest.raises(MinerCtrlError) as error:
        await history.check()
    await history.close()
    assert error.value.message.endswith(".")
    assert error.value.suggestion
    assert "hunter2" not in error.value.message + error.value.suggestion
    return error.value


async def test_a_wrong_password_is_said_without_it(postgresql: Database) -> None:
    error = await said(url_of(postgresql, password="hunter2"))
    assert isinstance(error, Refused)
    assert error.code == "DATABASE_REFUSED"


async def test_a_database_that_is_not_there_is_named(postgresql: Database) -> None:
    error = await said(url_of(postgresql._replace(name="nowhere"), password=None))
    assert isinstance(error, Refused), "its user is not known there"
    elsewhere = DatabaseUrl(url_of(postgresql).whole + "x", url_of(postgresql).shown + "x")
    error = await said(elsewhere)
    assert isinstance(error, NotFound)
    assert error.code == "DATABASE_UNKNOWN"
    assert elsewhere.shown in error.message


async def test_a_user_who_may_not_make_tables_is_refused(postgresql: Database) -> None:
    postgresql.run_sql(f"CREATE ROLE {postgresql.name}_guest LOGIN PASSWORD '{postgresql.server.password}';")
    guest = postgresql.url(user=f"{postgresql.name}_guest", password=postgresql.server.password)
    found = parse_database_url(guest)
    assert found is not None
    error = await said(found)
    assert isinstance(error, Refused)
    assert "owner" in error.suggestion.lower()


async def test_nobody_there_is_an_error_that_passes(postgresql: Database) -> None:
    [port] = free_ports(1)
    found = parse_database_url(f"postgresql://ann:hunter2@127.0.0.1:{port}/x")
    assert found is not None
    error = await said(found)
    assert isinstance(error, OperationFailed)
    assert error.code == "STATE_NOT_WRITTEN"


async def test_a_newer_schema_is_left_alone(postgresql: Database) -> None:
    async with opened(postgresql) as running:
        await running.add(RIG, part(1, 3))
        await rows(postgresql, "UPDATE miner_ctrl.schema_version SET version = 99")
        error = await said(url_of(postgresql))
        assert isinstance(error, StateDamaged)
        assert error.code == "STATE_NEWER"
        assert "99" in error.message
    assert await rows(postgresql, "SELECT version FROM miner_ctrl.schema_version") == [(99,)]


async def test_a_new_connection_sees_that_the_schema_became_newer(
    postgresql: Database, postgresql_server: Server
) -> None:
    now_s = 0.0
    history = PostgresHistory(url_of(postgresql), now_ms=lambda: NOW_MS, clock=lambda: now_s)
    await history.add(RIG, part(1, 3))
    await rows(postgresql, "UPDATE miner_ctrl.schema_version SET version = 99")
    postgresql_server.stop()
    postgresql_server.start()
    deadline = time.monotonic() + PATIENCE_S
    while True:
        now_s += PAUSES_S[-1]
        with pytest.raises((StateDamaged, OperationFailed)) as error:
            await history.add(RIG, part(4, 6))
        if isinstance(error.value, StateDamaged) or time.monotonic() > deadline:
            break
    assert isinstance(error.value, StateDamaged)
    await history.close()
    assert await rows(postgresql, "SELECT last_seq FROM miner_ctrl.journal") == [(3,)]


# --- others who look -----------------------------------------------------------------------------------


def documented(language: str, place: int) -> str:
    """Return an example of docs/history.md."""
    page = (Path(__file__).parents[2] / "docs" / "history.md").read_text()
    return page.partition("## PostgreSQL")[2].split(f"```{language}\n")[place + 1].partition("```")[0]


async def test_a_reader_sees_the_views_and_changes_nothing(postgresql: Database) -> None:
    async with opened(postgresql) as history:
        await history.add(RIG, part(1, 120))
        await history.named({RIG: "rig-alpha", OTHER_RIG: "never seen"})
    reader = f"{postgresql.name}_reader"
    grants = documented("sql", 0).replace("'…'", f"'{postgresql.server.password}'")
    names = {
        "grafana": reader,
        "DATABASE miner_ctrl": f"DATABASE {postgresql.name}",
        "ROLE miner ": f"ROLE {postgresql.name} ",
    }
    for theirs, ours in names.items():
        assert theirs in grants
        grants = grants.replace(theirs, ours)
    postgresql.run_sql(grants)
    connection = await asyncpg.connect(postgresql.url(user=reader, password=postgresql.server.password))
    points = await connection.fetch(
        "SELECT time, rig, miner, algorithm, hashrate, accepted FROM miner_ctrl.miner_minutes"
        " WHERE time BETWEEN to_timestamp($1) AND to_timestamp($2) ORDER BY time, miner",
        NOW_MS / 1000 - 7200, NOW_MS / 1000,
    )  # fmt: skip
    assert {(row["rig"], row["miner"], row["algorithm"]) for row in points} == {
        ("rig-alpha", "m-1", "rx/0"),
        ("rig-alpha", "m-2", "rx/0"),
    }
    assert points[0]["time"].tzinfo is not None
    assert all(100 < row["hashrate"] < 230 for row in points)
    assert await connection.fetchval("SELECT count(*) FROM miner_ctrl.events WHERE rig = 'rig-alpha'") == 40
    assert await connection.fetchval("SELECT sum(watched_s) FROM miner_ctrl.rig_minutes") > 60
    assert await connection.fetchval("SELECT count(*) FROM miner_ctrl.rig_hours") in (1, 2)
    panel = documented("sql", 1)
    for macro, becomes in {
        "$__timeGroupAlias(time, $__interval)": "date_bin('1m', time, 'epoch') AS time",
        "$__interval": "1m",
        "$__timeFilter(time)": "time > to_timestamp(0)",
    }.items():
        assert macro in panel
        panel = panel.replace(macro, becomes)
    drawn = await connection.fetch(panel)
    assert {row["metric"] for row in drawn} == {"rig-alpha"}
    assert sum(row["value"] for row in drawn) > 0
    for sql in (
        "UPDATE miner_ctrl.minute SET accepted = 0",
        "DELETE FROM miner_ctrl.events",
        "INSERT INTO miner_ctrl.kept VALUES ('x', 1)",
        "CREATE TABLE miner_ctrl.mine (x integer)",
    ):
        with pytest.raises(asyncpg.PostgresError):
            await connection.execute(sql)
    await connection.close()
