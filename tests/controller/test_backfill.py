"""Filling the history from rigs that are in order, and from one that is not."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from miner_ctrl.controller import RigHistory
from miner_ctrl.controller import backfill as module
from miner_ctrl.identity.keys import NodeKeys
from miner_ctrl.model.history import JournalEntry, MinerSample, Sample
from miner_ctrl.model.miners import MinerState
from miner_ctrl.model.nodes import Role
from miner_ctrl.model.times import now_ms
from miner_ctrl.model.views import RigEventView
from miner_ctrl.protocol.messages import GetHistory, History
from tests.integration.inside import Inside, joined, running, until
from tests.integration.raw_peer import RawPeer, dialled

KEYS = NodeKeys.from_secret(b"\1" * 32)
JOURNAL = "a" * 32
BEGAN_MS = now_ms() - 3_600_000


def sample(seq: int) -> JournalEntry:
    return JournalEntry(seq, Sample(BEGAN_MS + 1_000 * seq, (MinerSample("m-1", MinerState.MINING, "rx/0", 100.0),)))


def told(first: int, last: int, *, more: bool = False, journal: str = JOURNAL) -> History:
    entries = tuple(map(sample, range(first, last + 1)))
    return History(journal=journal, entries=entries, first=1, last=last + more, more=more, at_ms=now_ms())


def history_of(controller: Inside) -> RigHistory:
    assert isinstance(controller.node._faces.history, RigHistory)
    return controller.node._faces.history


async def seqs(controller: Inside, name: str = "rig") -> list[int]:
    points = await history_of(controller).samples(name, since_ms=0, until_ms=2**53, limit=100_000)
    return [point.seq for point in points]


async def rigs_own(controller: Inside) -> list[RigEventView]:
    """What the rig said itself."""
    events = await history_of(controller).rig_events("rig-alpha", since_ms=0, limit=10)
    return [event for event in events if event.journal != "own"]


async def settled(controller: Inside, wanted: list[int]) -> None:
    async with asyncio.timeout(30):
        while await seqs(controller) != wanted:  # noqa: ASYNC110 - the store has no event to wait for
            await asyncio.sleep(0.02)


@asynccontextmanager
async def observed(home: Path, *, grants: tuple[str, ...] = ("observe",)) -> AsyncIterator[tuple[Inside, RawPeer]]:
    """A controller, and a rig of its that answers by hand."""
    async with running(home, "desk", Role.CONTROLLER) as controller:
        controller.know_rig(KEYS, "rig")
        async with dialled(KEYS, controller.address, role=Role.WORKER, grants=grants) as rig:
            yield controller, rig


async def answer(rig: RawPeer, what: Callable[[GetHistory], History]) -> GetHistory:
    """Answer the next question for history, and return it."""
    while True:
        message = await rig.hear()
        if isinstance(message.payload, GetHistory):
            await rig.say(what(message.payload), reply_to=message.id)
            return message.payload


async def test_it_catches_up_and_then_keeps_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "FETCH_EVERY_S", 0.05)
    async with observed(tmp_path) as (controller, rig):
        asked = [
            await answer(rig, lambda _: told(1, 40, more=True)),
            await answer(rig, lambda _: told(41, 50)),
            await answer(rig, lambda _: told(51, 51)),
            await answer(rig, lambda _: History(journal=JOURNAL, first=1, last=51)),
            await answer(rig, lambda _: told(52, 53)),
        ]
        assert [(each.journal, each.after) for each in asked] == [
            ("", 0), (JOURNAL, 40), (JOURNAL, 50), (JOURNAL, 51), (JOURNAL, 51),
        ]  # fmt: skip
        await settled(controller, list(range(1, 54)))


async def test_after_a_lost_session_it_goes_on_where_it_was(tmp_path: Path) -> None:
    async with running(tmp_path, "desk", Role.CONTROLLER) as controller:
        controller.know_rig(KEYS, "rig")
        async with dialled(KEYS, controller.address, role=Role.WORKER, grants=("observe",)) as rig:
            await answer(rig, lambda _: told(1, 40, more=True))
            while (await rig.hear()).payload != GetHistory(journal=JOURNAL, after=40):
                pass
        async with dialled(KEYS, controller.address, role=Role.WORKER, grants=("observe",)) as rig:
            asked = await answer(rig, lambda _: told(41, 45))
            assert asked == GetHistory(journal=JOURNAL, after=40)
            await settled(controller, list(range(1, 46)))


NONSENSE = {
    "a hole": lambda _: History(journal=JOURNAL, entries=(sample(1), sample(3)), first=1, last=3),
    "endless more": lambda asked: History(journal=JOURNAL, first=1, last=9, more=True),
    "the same for ever": lambda asked: told(1, 5, more=True),
    "another journal each time": lambda asked: told(1, 1, more=True, journal=f"{hash(asked):032d}"[-32:]),
    "a clock beyond all": lambda _: History(journal=JOURNAL, at_ms=2**62),
}


@pytest.mark.parametrize("what", NONSENSE.values(), ids=NONSENSE)
async def test_a_rig_that_answers_nonsense_is_noted_and_left_alone(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, what: Callable[[GetHistory], History]
) -> None:
    async with observed(tmp_path) as (controller, rig):
        said = asyncio.create_task(_say_for_ever(rig, what))
        await until(lambda: "is not asked for its history" in caplog.text)
        record = controller.registry.find("rig")
        assert record.failure_reason
        assert controller.connected(KEYS), "its session goes on"
        assert len(await seqs(controller)) <= 50
        await asyncio.sleep(0.3)  # long enough for many more questions, if there were any
        assert caplog.text.count("is not asked for its history") == 1
        said.cancel()
        with suppress(asyncio.CancelledError):
            await said


async def _say_for_ever(rig: RawPeer, what: Callable[[GetHistory], History]) -> None:
    while True:
        await answer(rig, what)


async def test_a_rig_that_was_dropped_is_asked_again_later(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "DROPPED_FOR_S", 0.2)
    async with observed(tmp_path) as (controller, rig):
        await answer(rig, NONSENSE["a hole"])
        await answer(rig, lambda _: told(1, 3))
        await settled(controller, [1, 2, 3])


async def test_a_rig_that_lets_nobody_observe_is_not_asked(tmp_path: Path) -> None:
    async with observed(tmp_path, grants=("control",)) as (controller, _):
        await until(lambda: controller.connected(KEYS))
        assert not [task for task in asyncio.all_tasks() if task.get_name() == "backfill"]


async def test_a_real_rigs_start_is_in_the_history(tmp_path: Path) -> None:
    async with (
        running(tmp_path / "c", "desk", Role.CONTROLLER) as controller,
        running(tmp_path / "r", "rig-alpha", Role.WORKER) as rig,
    ):
        await joined(rig, controller)
        async with asyncio.timeout(30):
            while not (events := await rigs_own(controller)):  # noqa: ASYNC110 - no event
                await asyncio.sleep(0.02)
        assert events[0].kind == "agent_started"
        assert (events[0].seq, events[0].at_ms) == (1, events[0].rig_at_ms)
