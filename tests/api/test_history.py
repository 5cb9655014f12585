"""``/history`` over a real store: what charts, lists and files are given, and what a hostile rig puts into them."""

from __future__ import annotations

import asyncio
import csv
import http.client
import io
import json
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from miner_ctrl.api.application import BASE_PATH, build_app
from miner_ctrl.api.faces import Faces
from miner_ctrl.api.local_door import LocalDoor
from miner_ctrl.api.serving import HttpServing
from miner_ctrl.controller import RigHistory, history_export
from miner_ctrl.history import HistoryStore
from miner_ctrl.history.settings import read_history_settings
from miner_ctrl.identity.keys import NodeKeys
from miner_ctrl.model.callers import OWNER
from miner_ctrl.model.history import HistorySettings, JournalEntry, MinerSample, OwnEvent, RigEvent, Sample
from miner_ctrl.model.miners import MinerState
from miner_ctrl.model.nodes import NO_GRANTS, Role
from miner_ctrl.model.times import now_ms, time_text
from miner_ctrl.peers import Registry
from tests.api.in_memory import Client, Node
from tests.history.journals import HOUR_MS, part_of, samples_of
from tests.history.stores import OpenHistory

MINUTE_MS = 60_000
ALPHA, BETA = (NodeKeys.from_secret(bytes([number]) * 32).public for number in (1, 2))
NOW_MS = now_ms()
BEGAN_MS = NOW_MS - NOW_MS % HOUR_MS - 3 * HOUR_MS


@pytest.fixture
async def store(open_history: OpenHistory) -> AsyncIterator[HistoryStore]:
    opened = open_history(now_ms)
    yield opened
    await opened.close()


@pytest.fixture
async def client(store: HistoryStore, tmp_path: Path) -> AsyncIterator[Client]:
    """A node's local door with the history of two rigs, alpha and beta, behind it."""
    registry = Registry.open(tmp_path / "peers.db", now_ms=now_ms)
    for keys, name in ((ALPHA, "alpha"), (BETA, "beta")):
        registry.add(keys, name=name, role=Role.WORKER, grants=NO_GRANTS)
    history = RigHistory(
        registry, store, settings=HistorySettings(), settings_file=tmp_path / "history.toml", recording=True,
        now_ms=now_ms,
    )  # fmt: skip
    faces = Faces(Node(), history=history)
    path = tmp_path / "run" / "node.sock"
    door = LocalDoor(lambda: HttpServing(build_app(lambda: faces), caller=OWNER), path)
    await door.open()
    yield Client(path)
    await door.close()
    registry.close()


@pytest.fixture
async def told(store: HistoryStore) -> HistoryStore:
    """Alpha mined rx/0 for an hour, was away for one, and mined kawpow beside it in the next; beta ran one hour."""
    first = samples_of(BEGAN_MS, 10_000, 360, hashrate=100.0)
    later = tuple(
        JournalEntry(
            361 + number,
            Sample(
                BEGAN_MS + 2 * HOUR_MS + number * 10_000,
                (
                    MinerSample("m-1", MinerState.MINING, "rx/0", 200.0, 400, 0, 61.0, 90.0),
                    MinerSample("gpu", MinerState.MINING, "kawpow", 3e7, number, number // 10, 70.0, 250.0),
                ),
                50.0,
                400.0,
            ),
        )
        for number in range(360)
    )
    await store.add(ALPHA.fingerprint, part_of((*first, *later)))
    await store.add(BETA.fingerprint, part_of(samples_of(BEGAN_MS, 10_000, 180, hashrate=50.0)))
    await store.note(
        [
            OwnEvent(at_ms=BEGAN_MS - 5, kind="online", peer=ALPHA.fingerprint),
            OwnEvent(at_ms=BEGAN_MS + HOUR_MS, kind="offline", peer=ALPHA.fingerprint, text="The link is lost."),
            OwnEvent(at_ms=BEGAN_MS + 2 * HOUR_MS, kind="online", peer=ALPHA.fingerprint),
        ]
    )
    return store


def times(since_ms: int = BEGAN_MS, until_ms: int = BEGAN_MS + 3 * HOUR_MS, points: int = 6) -> str:
    return f"since={since_ms}&until={until_ms}&points={points}"


async def get(client: Client, path: str) -> Any:
    answer = await client("GET", path)
    assert answer.status == 200, answer.text
    return answer.data


async def lines(client: Client, what: str, points: int = 6) -> dict[str, list[float | None]]:
    series = await get(client, f"/history/peers/alpha/series?what={what}&{times(points=points)}")
    assert (series["startMs"], series["stepMs"]) == (BEGAN_MS, 3 * HOUR_MS // points)
    assert series["points"] == points
    return {line["name"]: line["values"] for line in series["lines"]}


@pytest.mark.usefixtures("told")
async def test_a_rigs_hashrate_is_a_line_for_each_algorithm_with_its_gap(client: Client) -> None:
    assert await lines(client, "hashrate") == {
        "kawpow": [0.0, 0.0, None, None, 3e7, 3e7],
        "rx/0": [100.0, 100.0, None, None, 200.0, 200.0],
    }
    points = await get(client, f"/history/peers/alpha/hashrate?{times()}")
    assert [(point["timestamp"], point["hashrate"], point["algorithm"]) for point in points] == [
        (time_text(BEGAN_MS + index * HOUR_MS // 2), value, "rx/0")
        for index, value in enumerate((100.0, 100.0, None, None, 200.0, 200.0))
    ]
    other = await get(client, f"/history/peers/{ALPHA.node_id}/hashrate?{times()}&algorithm=kawpow")
    assert [point["hashrate"] for point in other] == [0.0, 0.0, None, None, 3e7, 3e7]
    nothing = await get(client, f"/history/peers/alpha/hashrate?{times()}&algorithm=none")
    assert {point["hashrate"] for point in nothing} == {None}


@pytest.mark.usefixtures("told")
async def test_the_fleet_has_a_line_for_each_algorithm_and_each_rig_counts_while_it_ran(client: Client) -> None:
    series = await get(client, f"/history/fleet/hashrate?{times()}")
    assert {line["name"]: line["values"] for line in series["lines"]} == {
        "kawpow": [0.0, 0.0, None, None, 3e7, 3e7],
        "rx/0": [150.0, 100.0, None, None, 200.0, 200.0],
    }
    whole = await get(client, f"/history/fleet/hashrate?{times(points=1)}")
    assert whole["points"] == 1


@pytest.mark.usefixtures("told")
async def test_other_lines_of_a_rig(client: Client) -> None:
    assert (await lines(client, "shares"))["accepted"] == [179.0, 180.0, None, None, 41.0 + 179.0, 180.0]
    temperatures = await lines(client, "temperature")
    assert temperatures["cpu"] == [55.0, 55.0, None, None, 50.0, 50.0]
    assert temperatures["gpu max"] == [None, None, None, None, 70.0, 70.0]
    power = await lines(client, "power")
    assert (power["rig"], power["m-1"]) == ([200.0, 200.0, None, None, 400.0, 400.0], [90.0, 90.0, None, None, 90, 90])
    assert (await lines(client, "states"))["mining"] == [1.0, 1.0, None, None, 1.0, 1.0]
    assert await lines(client, "online") == {"online": [1.0, 1.0, 0.0, 0.0, 1.0, 1.0]}
    series = await get(client, f"/history/peers/alpha/series?{times()}")
    assert series["offline"] == [
        {"sinceMs": BEGAN_MS + HOUR_MS, "untilMs": BEGAN_MS + 2 * HOUR_MS, "reason": "The link is lost."}
    ]


@pytest.mark.usefixtures("told")
async def test_bands_are_a_letter_for_each_bucket_a_line_for_each_algorithm_and_what_happened(client: Client) -> None:
    found = await get(client, f"/history/bands?peers=beta,nobody,{ALPHA.node_id},alpha&{times()}")
    assert (found["startMs"], found["stepMs"], found["points"]) == (BEGAN_MS, HOUR_MS // 2, 6)
    assert (found["table"], found["unknown"]) == ("minutes", ["nobody"])
    beta, alpha = found["bands"]
    assert (alpha["peerId"], alpha["peerName"], alpha["states"]) == (ALPHA.node_id, "alpha", "mmoomm")
    assert {line["name"]: line["values"] for line in alpha["hashrate"]} == {
        "kawpow": [0.0, 0.0, None, None, 3e7, 3e7],
        "rx/0": [100.0, 100.0, None, None, 200.0, 200.0],
    }
    assert [(event["atMs"] - BEGAN_MS, event["kind"], event["text"], event["own"]) for event in alpha["events"]] == [
        (HOUR_MS, "offline", "The link is lost.", True),
        (2 * HOUR_MS, "online", "", True),
    ]
    assert (beta["peerName"], beta["states"], beta["events"]) == ("beta", "m-----", [])
    assert not alpha["earlierEvents"]


async def test_a_day_of_bands_is_in_quarters_of_an_hour_the_present_one_last(client: Client) -> None:
    before_ms = now_ms()
    found = await get(client, "/history/bands?peers=alpha")
    assert (found["points"], found["stepMs"]) == (96, HOUR_MS // 4)
    assert before_ms - HOUR_MS // 4 <= found["startMs"] + 95 * HOUR_MS // 4 <= now_ms()
    assert found["bands"][0]["states"] == "-" * 96


async def test_the_last_50_events_of_a_band_are_told_and_that_there_were_others(
    client: Client, store: HistoryStore
) -> None:
    text = "<b>\u202e" + "x" * 500
    events = [
        JournalEntry(seq, RigEvent(at_ms=BEGAN_MS + seq, kind="crashed", miner="m-1", by="owner", text=text))
        for seq in range(1, 61)
    ]
    await store.add(ALPHA.fingerprint, part_of(tuple(events)))
    [band] = (await get(client, f"/history/bands?peers=alpha&{times()}"))["bands"]
    assert [event["atMs"] - BEGAN_MS for event in band["events"]] == list(range(11, 61))
    assert band["earlierEvents"]
    assert band["events"][0]["text"] == "<b> " + "x" * 196, "one line, and no longer than a tick needs"
    assert (band["events"][0]["by"], band["events"][0]["miner"], band["events"][0]["own"]) == ("owner", "m-1", False)


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("peers=", "BAD_INPUT"),
        ("peers=,", "BAD_PEERS"),
        (f"peers={','.join(map(str, range(101)))}", "BAD_PEERS"),
        ("peers=alpha&points=289", "BAD_INPUT"),
        ("peers=alpha&since=1h&until=2h", "BAD_TIME"),
        ("", "BAD_INPUT"),
    ],
)
async def test_bands_that_cannot_be_are_refused(client: Client, query: str, code: str) -> None:
    answer = await client("GET", f"/history/bands?{query}")
    assert (answer.status, answer.data["code"]) == (400, code)


async def test_how_long_what_is_kept_can_be_changed_and_holds_from_then_on(
    client: Client, store: HistoryStore, tmp_path: Path
) -> None:
    before = await client("GET", "/history/settings")
    assert before.data == {"samplesHours": 24.0, "minutesDays": 30.0, "hoursDays": 730.0, "eventsDays": 730.0}
    floors = await store.floors()
    wanted = {"samplesHours": 12, "minutesDays": 60, "hoursDays": 365, "eventsDays": 90.5}
    stale = await client("PUT", "/history/settings", wanted, headers={"If-Match": '"other"'})
    assert stale.status == 412
    made = await client("PUT", "/history/settings", wanted, headers={"If-Match": before.headers["etag"]})
    assert (made.status, made.data) == (200, wanted)
    assert made.headers["etag"] == (await client("GET", "/history/settings")).headers["etag"] != before.headers["etag"]
    assert (await get(client, "/history/status"))["retention"] == wanted
    assert read_history_settings(tmp_path / "history.toml") == HistorySettings(
        samples_hours=12, minutes_days=60, hours_days=365, events_days=90.5
    )
    later = await store.floors()
    assert 11 * HOUR_MS < later.samples - floors.samples < 13 * HOUR_MS
    assert later.hours > floors.hours


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"samplesHours": 0.5}, "BAD_INPUT"),
        ({"minutesDays": 900}, "BAD_INPUT"),
        ({"eventsDays": "90"}, "BAD_INPUT"),
        ({"weeks": 1}, "BAD_INPUT"),
        ({"samplesHours": 72, "minutesDays": 2}, "BAD_HISTORY_SETTINGS"),
        ({"minutesDays": 30, "hoursDays": 7}, "BAD_HISTORY_SETTINGS"),
    ],
)
async def test_times_that_cannot_be_are_refused_and_change_nothing(
    client: Client, tmp_path: Path, change: dict[str, object], code: str
) -> None:
    wanted = {"samplesHours": 24, "minutesDays": 30, "hoursDays": 730, "eventsDays": 730, **change}
    answer = await client("PUT", "/history/settings", wanted)
    assert (answer.status, answer.data["code"]) == (400, code), answer.text
    assert (await get(client, "/history/settings"))["samplesHours"] == 24.0
    assert not (tmp_path / "history.toml").exists()


async def test_settings_that_cannot_be_written_are_not_taken(client: Client, tmp_path: Path) -> None:
    (tmp_path / "history.toml").mkdir()
    wanted = {"samplesHours": 12, "minutesDays": 30, "hoursDays": 730, "eventsDays": 730}
    answer = await client("PUT", "/history/settings", wanted)
    assert (answer.status, answer.data["code"]) == (502, "NOT_WRITTEN")
    assert (await get(client, "/history/settings"))["samplesHours"] == 24.0


@pytest.mark.usefixtures("told")
async def test_miners_are_those_there_is_history_of(client: Client) -> None:
    answer = await client("GET", "/history/miners?since=6h")
    assert answer.headers["x-total-count"] == "3"
    by_name = {(each["peerName"], each["minerName"]): each for each in answer.data}
    first = by_name["alpha", "m-1"]
    assert (first["totalPoints"], first["averageRate"], first["maxRate"], first["minRate"]) == (
        720,
        150.0,
        200.0,
        100.0,
    )
    assert (first["algorithm"], first["shares"], first["mining"], first["peerId"]) == ("rx/0", 400, 1.0, ALPHA.node_id)
    assert len((await client("GET", "/history/miners?limit=1&offset=2")).data) == 1
    assert [each["minerName"] for each in (await client("GET", "/history/miners?peer=beta")).data] == ["m-1"]
    assert (await get(client, "/history/miners/gpu?since=6h"))["peerName"] == "alpha"
    ambiguous = await client("GET", "/history/miners/m-1")
    assert (ambiguous.status, ambiguous.data["code"]) == (409, "MINER_AMBIGUOUS")
    assert (await client("GET", "/history/miners/nobody")).status == 404
    assert (await client("GET", "/history/miners/gpu?peer=nobody")).status == 404
    points = await get(client, f"/history/miners/m-1/hashrate?peer=beta&{times()}")
    assert [point["hashrate"] for point in points] == [50.0, None, None, None, None, None]
    assert points[0]["minRate"] == points[0]["maxRate"] == 50.0


@pytest.mark.usefixtures("told")
async def test_status_says_what_is_kept_and_what_it_takes(client: Client) -> None:
    status = await get(client, "/history/status")
    assert (status["enabled"], status["retentionDays"], status["problem"]) == (True, 730.0, "")
    assert status["retention"] == {"samplesHours": 24.0, "minutesDays": 30.0, "hoursDays": 730.0, "eventsDays": 730.0}
    assert status["rigDays"] == round(3 / 24, 2)
    assert status["bytesPerRigDay"] == pytest.approx(status["bytes"] / (3 / 24), rel=1e-6)


@pytest.mark.usefixtures("told")
@pytest.mark.parametrize(
    "since",
    [
        str(BEGAN_MS),
        time_text(BEGAN_MS),
        time_text(BEGAN_MS).replace("Z", "%2B00:00"),
        "6h",
        "-6h",
        "5h59m60s",
        "0.25d",
    ],
)
async def test_times_are_taken_in_each_form(client: Client, since: str) -> None:
    points = await get(client, f"/history/miners/gpu/hashrate?since={since}&points=2000")
    assert sum(point["hashrate"] is not None for point in points) > 50


@pytest.mark.parametrize("time", ["yesterday", "-1", "24", "1h-", "h", "2026-13-01", "9" * 17, "1e9h", "%00", "now-1h"])
async def test_what_is_no_time_is_refused(client: Client, time: str) -> None:
    for path in ("/history/fleet/hashrate?since=", "/history/events?until=", "/history/export?since="):
        answer = await client("GET", path + time)
        if time == "24" and answer.status == 200:  # 24 ms after 1970
            continue
        assert (answer.status, answer.data["code"]) == (400, "BAD_TIME"), path
    backwards = await client("GET", "/history/fleet/hashrate?since=1h&until=2h")
    assert (backwards.status, backwards.data["code"]) == (400, "BAD_TIME")


@pytest.mark.usefixtures("told")
async def test_events_are_one_journal_with_pages(client: Client, store: HistoryStore) -> None:
    await store.note([OwnEvent(at_ms=BEGAN_MS + 7, kind="settings", by="owner", text="Kept for longer.")])
    happened = tuple(JournalEntry(seq, RigEvent(at_ms=BEGAN_MS + seq, kind="started", by="x")) for seq in range(1, 6))
    await store.add(BETA.fingerprint, part_of(happened, journal="c" * 32))
    every = await get(client, "/history/events")
    assert [each["atMs"] for each in every] == sorted((each["atMs"] for each in every), reverse=True)
    assert len(every) == 9
    assert {(each["kind"], each["own"], each["peerName"]) for each in every} == {
        ("online", True, "alpha"), ("offline", True, "alpha"), ("settings", True, ""), ("started", False, "beta"),
    }  # fmt: skip
    paged: list[Any] = []
    while page := await get(client, f"/history/events?limit=2&cursor={paged[-1]['cursor'] if paged else ''}"):
        paged += page
    assert paged == every
    assert len(await get(client, "/history/events?kind=online,offline")) == 3
    assert len(await get(client, "/history/events?peer=beta")) == 5
    assert [each["by"] for each in await get(client, "/history/events?q=LONGER")] == ["owner"]
    for cursor in ("x", "1-2", "1-2-3-4", "-1-2-3", "1-2-" + "9" * 30):
        answer = await client("GET", f"/history/events?cursor={cursor}")
        assert (answer.status, answer.data["code"]) == (400, "BAD_CURSOR")
    assert [each["kind"] for each in await get(client, "/history/peers/beta/events?limit=2")] == ["started"] * 2
    assert {each["own"] for each in await get(client, "/history/peers/beta/events?limit=5")} == {False}
    assert {each["own"] for each in await get(client, "/history/peers/alpha/events") if each["kind"] == "online"} == {
        True
    }


# --- files ----------------------------------------------------------------------------------------------------


FORMULAS = ("=1+1", "+1", "-1", "@sum", "\t=1", "\r=1", 'quote",comma', "line\nbreak", "ordinary")


async def test_csv_is_safe_for_spreadsheets_and_reads_back(client: Client, store: HistoryStore) -> None:
    await store.note([OwnEvent(at_ms=BEGAN_MS + n, kind="k", by=text, text=text) for n, text in enumerate(FORMULAS)])
    answer = await client("GET", "/history/export?what=events&format=csv")
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["content-disposition"] == 'attachment; filename="history-events.csv"'
    rows = list(csv.DictReader(io.StringIO(answer.text.decode(), newline="")))
    assert [row["text"].removeprefix("'") for row in reversed(rows)] == list(FORMULAS)
    assert not any(cell.startswith(("=", "+", "-", "@", "\t", "\r")) for row in rows for cell in row.values())


@pytest.mark.usefixtures("told")
@pytest.mark.parametrize(("what", "count"), [("samples", 720 + 360 + 180), ("minutes", 210), ("hours", 4)])
async def test_every_row_is_exported_once(
    client: Client, monkeypatch: pytest.MonkeyPatch, what: str, count: int
) -> None:
    monkeypatch.setattr(history_export, "ROWS_AT_ONCE", 37)
    answer = await client("GET", f"/history/export?what={what}&format=jsonl")
    assert answer.headers["content-type"] == "application/x-ndjson"
    rows = [json.loads(line) for line in answer.text.splitlines()]
    assert len({(row["at_ms"], row["peer"], row["miner"], row["algorithm"]) for row in rows}) == len(rows) == count
    assert {row["peer_name"] for row in rows} == {"alpha", "beta"}
    assert sum(row["accepted"] for row in rows) == 400 + 359 + 179
    plain = (await client("GET", f"/history/export?what={what}&format=csv&peer=beta")).text.decode()
    assert len(plain.splitlines()) == 1 + sum(row["peer_name"] == "beta" for row in rows)
    part = (await client("GET", f"/history/export?what={what}&format=jsonl&since={BEGAN_MS + 2 * HOUR_MS}")).text
    assert len(part.splitlines()) == sum(row["at_ms"] >= BEGAN_MS + 2 * HOUR_MS for row in rows)


async def test_an_export_goes_at_its_readers_pace_and_holds_nothing_up(client: Client, store: HistoryStore) -> None:
    """A reader that takes nothing for a while: little is read ahead for it, writing goes on, and its file's journal is
    emptied. One that goes away in the middle is forgotten."""
    entries = samples_of(BEGAN_MS, 100, 60_000)
    for begin in range(0, 60_000, 20_000):
        await store.add(ALPHA.fingerprint, part_of(entries[: begin + 20_000]))
    asked = 0
    export = store.export

    async def counted(wanted: Any) -> Any:
        nonlocal asked
        asked += 1
        return await export(wanted)

    store.export = counted  # type: ignore[method-assign]
    slow = socket.socket(socket.AF_UNIX)
    slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    slow.connect(str(client.path))
    slow.sendall(f"GET {BASE_PATH}/history/export?what=samples HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    slow.settimeout(30)
    assert b"200 OK" in await asyncio.to_thread(slow.recv, 1024)
    stored = await store.add(BETA.fingerprint, part_of(samples_of(BEGAN_MS, 1_000, 500)))
    assert stored.after == 500
    await asyncio.sleep(0.5)  # long enough for all of it, if nobody waited
    assert asked < 15, "thirty slices are there"
    slow.close()
    answer = await client("GET", "/history/export?what=samples&peer=beta")
    assert len(answer.text.splitlines()) == 501


async def test_an_export_that_fails_in_the_middle_is_cut_and_not_ended(client: Client, told: HistoryStore) -> None:
    export, calls = told.export, 0

    async def failing(wanted: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls > 1:
            raise RuntimeError("a bug")
        return await export(wanted)

    told.export = failing  # type: ignore[method-assign]
    with pytest.raises((http.client.IncompleteRead, ConnectionResetError)):
        await client("GET", "/history/export?what=samples&format=jsonl")
