"""The feed without sockets: whatever happens and however slowly it is read, what a page has is what is true."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from miner_ctrl.api.live.feed import MAX_READERS, MAX_READERS_EACH, SETTLE_S, STATE_TICK_S, TICK_S, Feed
from miner_ctrl.api.live.logs import KEPT_CHARS, MAX_LINE_CHARS, Lines
from miner_ctrl.api.live.messages import ASKED, SAID
from miner_ctrl.api.live.reader import MAX_REPLIES, Reader
from miner_ctrl.api.live.tables import ROWS_AT_ONCE
from miner_ctrl.api.live.topics import overview_topics
from miner_ctrl.errors import RateLimited
from miner_ctrl.model.callers import LOOPBACK, OWNER, AccessRole, Caller, Door
from miner_ctrl.model.summaries import RigState, RigSummary
from tests.api.in_memory import Commands, Fleet, Pairing
from tests.api.live.readers import Page
from tests.api.overview import Overview, alert, rig_row


class Desk:
    """A feed whose time a test moves."""

    def __init__(self) -> None:
        self.now_s = 1000.0
        self.overview = Overview()
        self.timers: list[tuple[float, Callable[[], None]]] = []
        tables, states = overview_topics(self.overview)
        fleet, pairing = Fleet(), Pairing()
        self.fleet = fleet
        self.feed = Feed(
            tables=tables, states=states, fleet=fleet, commands=Commands(pairing, fleet), pairing=pairing,
            now_ms=lambda: 5, clock=lambda: self.now_s, later=self._later,
        )  # fmt: skip

    def _later(self, delay_s: float, callback: Callable[[], None]) -> None:
        self.timers.append((self.now_s + delay_s, callback))

    def pass_time(self, seconds: float) -> None:
        end_s = self.now_s + seconds
        while due := [timer for timer in self.timers if timer[0] <= end_s]:
            first = min(due, key=lambda timer: timer[0])
            self.timers.remove(first)
            self.now_s = max(self.now_s, first[0])
            first[1]()
        self.now_s = end_s

    def reader(self, *topics: str) -> Reader:
        reader = self.feed.reader(OWNER, lambda: None)
        for topic in topics:
            reader.subscribe(topic)
        return reader


def read(reader: Reader, page: Page, at_most: int = 10_000) -> int:
    """Let ``page`` read what there is."""
    for number in range(at_most):
        said = reader.pull()
        if said is None:
            return number
        assert page.take(said.text)["type"] == said.kind
        assert page.seq == said.seq
    return at_most


rows = st.builds(
    RigSummary,
    id=st.sampled_from([f"rig-{number}" for number in range(6)]),
    name=st.text(max_size=5),
    state=st.sampled_from(RigState),
    since_ms=st.none() | st.integers(0, 9),
    hashrate_hps=st.dictionaries(st.sampled_from(["rx/0", "gr"]), st.floats(0, 10), max_size=2),
    tags=st.lists(st.text(max_size=3), max_size=2).map(tuple),
    temperature_c=st.none() | st.floats(0, 100),
    problem=st.sampled_from(["", "It is hot."]),
    locked=st.booleans(),
)
steps = st.lists(
    rows
    | st.tuples(st.just("drop"), st.integers(0, 5))
    | st.tuples(st.just("read"), st.integers(1, 4))
    | st.tuples(st.just("time"), st.sampled_from([0.01, 0.2]))
    | st.sampled_from(["snapshot", "unsubscribe", "subscribe"]),
    max_size=60,
)


@settings(max_examples=300, deadline=None)
@given(steps)
def test_a_snapshot_and_its_patches_are_the_snapshot_of_now(steps: list[Any]) -> None:
    desk, slow, quick = Desk(), Page(), Page()
    one, other = desk.reader("fleet"), desk.reader("fleet")
    for step in steps:
        match step:
            case RigSummary():
                desk.overview.put(step)
            case "drop", number:
                if f"rig-{number}" in desk.overview.row_of:
                    desk.overview.drop(f"rig-{number}")
            case "read", number:
                read(one, slow, number)
            case "time", seconds:
                desk.pass_time(seconds)
                read(other, quick)
            case "snapshot":
                one.ask(b'{"op":"snapshot","topic":"fleet"}')
            case "unsubscribe":
                one.unsubscribe("fleet")
            case "subscribe":
                one.subscribe("fleet")
    one.subscribe("fleet") if not one._subscriptions else None
    desk.pass_time(10)
    read(one, slow)
    read(other, quick)
    now = {id_: plain(row) for id_, row in desk.overview.row_of.items()}
    for page in (slow, quick):
        assert {id_: plain(msgspec.convert(row, RigSummary)) for id_, row in page.rows["fleet"].items()} == now


def plain(row: RigSummary) -> Any:
    return msgspec.to_builtins(row)


def test_a_change_after_a_quiet_while_is_told_at_once_and_then_at_most_eight_times_a_second() -> None:
    desk, page = Desk(), Page()
    reader = desk.reader("fleet")
    desk.pass_time(1)
    read(reader, page)
    desk.overview.put(rig_row(hashrate=1.0))
    desk.pass_time(SETTLE_S)
    assert read(reader, page) == 1
    deltas = 0
    for number in range(1000):
        desk.overview.put(rig_row(hashrate=2.0 + number))
        desk.pass_time(0.001)
        deltas += read(reader, page)
    assert 6 <= deltas <= 1 / TICK_S


def test_totals_are_told_once_a_second() -> None:
    desk, page = Desk(), Page()
    reader = desk.reader("totals")
    read(reader, page)
    said = 0
    for number in range(300):
        desk.overview.put(rig_row(hashrate=float(number)))
        desk.pass_time(0.01)
        said += read(reader, page)
    assert said == 3 / STATE_TICK_S


def test_readers_that_keep_up_share_one_writing() -> None:
    desk = Desk()
    readers = [desk.reader("fleet") for _ in range(3)]
    pages = [Page() for _ in readers]
    for reader, page in zip(readers, pages, strict=True):
        read(reader, page)
    desk.overview.put(rig_row(hashrate=3.0))
    desk.pass_time(1)
    texts = {id(reader._subscriptions["fleet"].part._change.text) for reader in readers}  # type: ignore[attr-defined]
    assert len(texts) == 1


def test_a_slow_reader_of_many_changes_reads_in_bounded_messages() -> None:
    desk, page = Desk(), Page()
    reader = desk.reader("fleet")
    read(reader, page)
    for hashrate in (1.0, 2.0):
        for number in range(3 * ROWS_AT_ONCE):
            desk.overview.put(rig_row(f"rig-{number}", hashrate=hashrate))
        desk.pass_time(1)
    read(reader, page)
    deltas = [message for message in page.messages if message["type"] == "delta"]
    assert [len(delta["changed"]) for delta in deltas] == [ROWS_AT_ONCE] * 3
    assert {row["hashrate"]["rx/0"] for row in page.rows["fleet"].values() if row["id"] != "a1b2c3d4e5f60718"} == {2.0}


def test_topics_take_turns() -> None:
    desk, page = Desk(), Page()
    for number in range(5 * ROWS_AT_ONCE):
        desk.overview.put(rig_row(f"rig-{number}"))
    reader = desk.reader("fleet", "alerts")
    read(reader, page, 3)
    assert "alerts" in page.complete
    assert "fleet" not in page.complete


def test_a_topic_that_nobody_reads_follows_nothing() -> None:
    desk = Desk()
    one, other = desk.reader("fleet", "totals", "peer:rig-alpha"), desk.reader("fleet")
    assert len(desk.overview.row_watchers) == 2
    assert len(desk.fleet.watchers) == 1
    one.close()
    assert len(desk.overview.row_watchers) == 1
    other.close()
    assert (desk.overview.row_watchers, desk.overview.alert_watchers, desk.fleet.watchers) == ([], [], [])
    assert desk.feed.followed == ()


def test_readers_are_counted() -> None:
    desk = Desk()
    readers = [desk.reader() for _ in range(MAX_READERS)]
    with pytest.raises(RateLimited):
        desk.reader()
    readers[0].close()
    desk.reader()


def test_who_may_only_look_keeps_nobody_else_from_looking() -> None:
    desk = Desk()

    def reader(door: Door, name: str, number: int) -> Reader:
        return desk.feed.reader(Caller(door=door, role=AccessRole.VIEWER, name=name, id=str(number)), lambda: None)

    readers = [reader(Door.LOGIN, "guest", number) for number in range(MAX_READERS_EACH)]
    with pytest.raises(RateLimited, match="guest follows this node 64 times already"):
        reader(Door.LOGIN, "guest", 999)  # another login of the same name is the same person
    reader(Door.TOKEN, "guest", 1)
    reader(Door.LOGIN, "ann", 1)
    for _ in range(MAX_READERS_EACH + 1):
        desk.feed.reader(LOOPBACK, lambda: None)
    readers[0].close()
    reader(Door.LOGIN, "guest", 999)


def test_who_asks_without_reading_is_not_heard_and_who_asks_too_often_is_ended() -> None:
    desk = Desk()
    reader = desk.reader()
    asked = 0
    while reader.hears:
        reader.ask(b'{"op":"ping"}')
        asked += 1
    assert asked == MAX_REPLIES - 1  # beside the greeting
    while reader.pull():
        pass
    codes = set()
    for _ in range(1000):
        reader.ask(b'{"op":"ping"}')
        while said := reader.pull():
            codes.add(msgspec.json.decode(said.text).get("code"))
        if reader.ended:
            break
    assert codes == {None, "RATE_LIMITED"}
    assert reader.ended == (1008, "Too many messages.")


def test_asking_for_snapshots_costs_more() -> None:
    desk, page = Desk(), Page()
    reader = desk.reader("fleet")
    read(reader, page)
    for _ in range(11):
        reader.ask(b'{"op":"snapshot","topic":"fleet"}')
        read(reader, page)
    assert page.messages[-1]["code"] == "RATE_LIMITED"
    desk.now_s += 1
    reader.ask(b'{"op":"snapshot","topic":"fleet"}')
    read(reader, page)
    assert page.messages[-1]["type"] == "snapshot"


def test_an_alert_that_changes_is_a_patch() -> None:
    desk, page = Desk(), Page()
    reader = desk.reader("alerts")
    read(reader, page)
    desk.overview.raise_alert(msgspec.structs.replace(alert(), text="It crashed again.", times=2))
    desk.pass_time(1)
    read(reader, page)
    assert page.messages[-1]["changed"] == [{"id": "a1", "text": "It crashed again.", "times": 2}]


def test_a_log_is_bounded_in_lines_and_characters_and_says_what_was_skipped() -> None:
    lines = Lines(at_most=10)
    lines.add([str(number) for number in range(25)], 7)
    assert (lines.first, lines.end) == (15, 25)
    assert lines.read(0) == ([str(number) for number in range(15, 25)], 25, 0)
    lines.add(["a", "b"], 3)
    assert lines.read(25) == (["a", "b"], 27, 3)
    long = Lines()
    long.add(["x" * 100_000] * 1000, 0)
    held = sum(len(line) for line, _ in long._held)
    assert KEPT_CHARS - MAX_LINE_CHARS <= held <= KEPT_CHARS
    some, _, _ = long.read(0)
    assert sum(map(len, some)) <= 32 * 1024


def test_every_message_has_its_own_shape() -> None:
    assert len({(kind.__struct_config__.tag, kind.__name__) for kind in (*SAID, *ASKED)}) == len(SAID) + len(ASKED)
