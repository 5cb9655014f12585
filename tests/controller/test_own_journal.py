"""What a controller notes itself: who came and went and why, in bounds, and later if it cannot be written now."""

from __future__ import annotations

import asyncio
from contextlib import closing
from pathlib import Path

import apsw
import pytest

from miner_ctrl.controller import own_journal as module
from miner_ctrl.controller.history_events import offline_intervals, online_intervals
from miner_ctrl.errors import OperationFailed
from miner_ctrl.history import OWN_RIG, HistoryStore
from miner_ctrl.history.contract import Event, EventKey, EventQuery
from miner_ctrl.identity.keys import NodeKeys
from miner_ctrl.model.nodes import Role
from tests.controller.test_backfill import history_of
from tests.integration.inside import Inside, joined, running, until
from tests.integration.raw_peer import dialled

KEYS = NodeKeys.from_secret(b"\1" * 32)
RIG = KEYS.public.fingerprint


def store_of(controller: Inside) -> HistoryStore:
    return history_of(controller)._store


async def noted(controller: Inside, count: int) -> list[Event]:
    """The controller's own events, once there are ``count``, the oldest first."""
    async with asyncio.timeout(30):
        while len(own := await _own(controller)) < count:  # noqa: ASYNC110 - the store has no event to wait for
            await asyncio.sleep(0.02)
    return own


async def _own(controller: Inside) -> list[Event]:
    events = await store_of(controller).events(EventQuery())
    return [event for event in events if event.own and event.kind != "pairing"][::-1]


async def test_who_comes_and_goes_is_noted_with_the_reason(tmp_path: Path) -> None:
    async with running(tmp_path / "c", "desk", Role.CONTROLLER) as controller:
        async with running(tmp_path / "r", "rig-alpha", Role.WORKER) as rig:
            await joined(rig, controller)
            await noted(controller, 3)
        own = await noted(controller, 4)
        await controller.pairing.remove("rig-alpha")
        own = await noted(controller, 5)
        views = await history_of(controller).events(
            since_ms=0, until_ms=2**53, kinds=("online",), peer=None, text="", cursor="", limit=9
        )
    assert [event.kind for event in own] == ["controller", "paired", "online", "offline", "unpaired"]
    assert own[0].rig == OWN_RIG
    assert {event.rig for event in own[1:]} == {rig.fingerprint}
    assert own[1].text == "rig-alpha is a worker."
    assert own[3].text
    assert [(view.peer_id, view.own) for view in views] == [(rig.fingerprint.hex(), True)]


async def test_the_database_calls_rigs_what_they_are_called_here(tmp_path: Path) -> None:
    def names() -> list[tuple[object, ...]]:
        database = apsw.Connection(str(tmp_path / "c" / "data" / "mining.db"), flags=apsw.SQLITE_OPEN_READONLY)
        with closing(database):
            return database.execute("SELECT name FROM rig WHERE fingerprint = ?", (rig.fingerprint,)).fetchall()

    async with (
        running(tmp_path / "c", "desk", Role.CONTROLLER) as controller,
        running(tmp_path / "r", "rig-alpha", Role.WORKER) as rig,
    ):
        await joined(rig, controller)
        await noted(controller, 3)
        await until(lambda: names() == [("rig-alpha",)])
        await controller.pairing.patch("rig-alpha", name="rig-beta", address=None, tags=None, grants=None)
        await until(lambda: names() == [("rig-beta",)])


async def test_a_peer_that_flaps_does_not_fill_the_journal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "FLAPS_AT_MOST", 4)
    async with running(tmp_path, "desk", Role.CONTROLLER) as controller:
        controller.know_rig(KEYS, "rig")
        for _ in range(6):
            async with dialled(KEYS, controller.address, role=Role.WORKER):
                await until(lambda: controller.connected(KEYS))
            await until(lambda: not controller.connected(KEYS))
        own = await noted(controller, 7)
        assert [event.kind for event in own if event.rig == RIG] == [
            "paired", "online", "offline", "online", "offline", "flapping",
        ]  # fmt: skip


async def test_what_cannot_be_written_now_is_written_later_with_its_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "AGAIN_AFTER_S", 0.05)
    monkeypatch.setattr(module, "WAITING_AT_MOST", 5)
    async with running(tmp_path, "desk", Role.CONTROLLER) as controller:
        await noted(controller, 1)
        journal = own_journal_of(controller)
        store, tried = store_of(controller), 0
        note = store.note

        async def full(events: object) -> None:
            nonlocal tried
            tried += 1
            raise OperationFailed("The disk is full.")

        monkeypatch.setattr(store, "note", full)
        for number in range(9):
            journal.note_own("settings", by="\x1b[2Jowner", text=f"no. {number}")
        await until(lambda: tried > 2)
        monkeypatch.setattr(store, "note", note)
        own = await noted(controller, 7)
    written = sorted(own, key=lambda each: each.key.seq)
    assert [event.text for event in written] == [
        "started", "4 events before this could not be written.", *(f"no. {number}" for number in range(4, 9)),
    ]  # fmt: skip
    assert written[2].at_ms <= written[1].at_ms, "they keep their time"
    assert "\x1b" not in written[2].who


def own_journal_of(controller: Inside) -> module.OwnJournal:
    for callback in controller.endpoint.on_event:
        owner = getattr(callback, "__self__", None)
        if isinstance(owner, module.OwnJournal):
            return owner
    raise AssertionError("it follows no sessions")


def event(at_ms: int, kind: str) -> Event:
    return Event(
        key=EventKey(at_ms, 1, at_ms), rig=RIG, own=True, offset_ms=0, kind=kind, miner="", who="", text="", journal=""
    )


@pytest.mark.parametrize(
    ("events", "online", "known", "offline"),
    [
        ([], [], 100, []),
        ([(20, "online")], [(20, 100)], 20, []),
        ([(20, "online"), (50, "offline")], [(20, 50)], 20, [(50, 100)]),
        ([(5, "online"), (50, "offline"), (60, "online")], [(10, 50), (60, 100)], 10, [(50, 60)]),
        ([(5, "offline"), (50, "online")], [(50, 100)], 10, [(10, 50)]),
        ([(20, "online"), (30, "online"), (40, "offline")], [(20, 40)], 20, [(40, 100)]),
        ([(5, "online"), (40, "controller"), (70, "online")], [(10, 40), (70, 100)], 10, [(40, 70)]),
        ([(5, "online"), (40, "flapping")], [(10, 40)], 10, [(40, 100)]),
    ],
)
def test_online_is_between_coming_and_going(
    events: list[tuple[int, str]], online: list[tuple[int, int]], known: int, offline: list[tuple[int, int]]
) -> None:
    found = online_intervals([event(*each) for each in events], 10, 100)
    assert found == (online, known)
    assert offline_intervals(*found, 100) == offline
