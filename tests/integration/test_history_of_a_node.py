"""What becomes of a whole controller's history and audit log when it is killed again and again while it writes, and
when its disk is full."""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from collections.abc import Callable
from contextlib import closing
from functools import partial
from random import Random
from typing import Any

import pytest

from miner_ctrl.audit.checking import OK
from miner_ctrl.audit.reading import checked
from miner_ctrl.model.history import MinerSample, RigEvent, Sample
from miner_ctrl.model.miners import MinerState
from miner_ctrl.worker.rig_journal_file import RigJournalFile
from tests.integration.conftest import MakeNode
from tests.integration.nodes import NodeProcess, wait_for
from tests.integration.test_audit import _asked_for, _lasts, _late_s, _remove_until_it_is_gone, keys_of
from tests.integration.test_history_fill_in import as_stored, history_up_to, journal_of
from tests.integration.test_watchdog_real import fill, small_disk

KILLS = 20
RIGS = ("rig-alpha", "rig-beta")
ENTRIES = 60_000
"""What each rig has to tell when it is first asked: 30 parts of its journal and more, so that no life of the controller
ends with nothing to write."""
CAUGHT_UP_WITHIN_S = 180.0


def long_journal(rig: NodeProcess) -> None:
    """Write what a rig would have written in the last 17 hours: a sample a second, an event now and then."""
    rig.places.rig_journal.parent.mkdir(parents=True, exist_ok=True)
    file = RigJournalFile(rig.places.rig_journal, new_id=lambda: rig.home.name.ljust(32, "0"))
    assert file.open_or_set_aside() == ""
    began_ms = int(time.time() * 1000) - (ENTRIES + 60) * 1000
    file.append(
        [
            RigEvent(at_ms=began_ms + number * 1000, kind="settings", by="owner", text=str(number))
            if number % 100 == 0
            else Sample(began_ms + number * 1000, (MinerSample("m", MinerState.MINING, "rx/0", 1.5, number, 0),))
            for number in range(ENTRIES)
        ]
    )
    file.close()


def controlled(
    make_node: MakeNode, desk: NodeProcess, name: str, *, prepare: Callable[[NodeProcess], None]
) -> NodeProcess:
    """Make a rig that samples every second and serves; ``desk`` dials it, so that a session stands soon."""
    rig = make_node(name)
    rig.done("node", "init", "--name", name, "--role", "worker")
    (rig.places.config / "rig.toml").write_text("sample_every_s = 1\n")
    prepare(rig)
    rig.serve()
    token = str(rig.answer("peer", "invite", "--address", rig.address)["token"])
    desk.done("peer", "add", "--token", "-", "--name", name, stdin=token)
    return rig


def known_of(desk: NodeProcess) -> dict[str, int]:
    """How far a controller knows the journal of each rig, as its file says."""
    if not desk.places.history_database.exists():
        return {}
    with closing(sqlite3.connect(f"file:{desk.places.history_database}?mode=ro", uri=True)) as database:
        try:
            return dict(database.execute("SELECT name, last_seq FROM journal WHERE name <> 'own'").fetchall())
        except sqlite3.OperationalError:  # it is being made
            return {}


def known_at(desk: NodeProcess) -> int:
    """How many entries that is."""
    return sum(known_of(desk).values())


def sound(desk: NodeProcess) -> None:
    """See that nothing in the history's file is damaged, twice or missing in between."""
    with closing(sqlite3.connect(desk.places.history_database)) as database:
        assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        for journal, last in database.execute("SELECT id, last_seq FROM journal").fetchall():
            numbers = database.execute(
                "SELECT seq FROM rig_sample WHERE journal = ?1 UNION ALL SELECT seq FROM event WHERE journal = ?1"
                " ORDER BY seq",
                (journal,),
            ).fetchall()
            assert [seq for (seq,) in numbers] == list(range(1, last + 1))


@pytest.mark.timeout(600)
def test_a_controller_killed_twenty_times_while_it_writes_loses_and_doubles_nothing(make_node: MakeNode) -> None:
    desk = make_node("desk")
    desk.done("node", "init", "--name", "desk", "--role", "controller")
    rigs = [controlled(make_node, desk, name, prepare=long_journal) for name in RIGS]
    keys = keys_of(desk).public
    must, writing, noted, random = set[str](), 0, 0, Random(4)
    for life in range(KILLS):
        before = known_at(desk)
        desk.serve()
        served_s, answered = time.monotonic(), dict[str, float]()
        looks = [served_s]
        thread = threading.Thread(target=_remove_until_it_is_gone, args=(desk, life, answered))
        thread.start()
        try:
            enough = before + random.randrange(1, 3_000)
            wait_for("the history to grow", partial(_has_grown, desk, enough, looks), every_s=0.01)
            if life >= KILLS - 5:
                wait_for("commands for more than a second", partial(_lasts, answered, looks), every_s=0.01)
        finally:
            desk.kill()
            killed_s = time.monotonic()
            thread.join()
        writing += known_at(desk) < ENTRIES * len(RIGS)
        noted += served_s < killed_s - 1.0
        sound(desk)
        must |= {name for name, at_s in answered.items() if at_s < killed_s - 1.0 - _late_s(looks)}
    assert writing >= KILLS // 2, "it was killed while there was more to fetch"

    desk.serve()
    journals = dict(journal_of(rig) for rig in rigs)
    told = {journal: entries[-1].seq for journal, entries in journals.items()}
    wait_for(
        "it to know all that the rigs told",
        lambda: all(known_of(desk).get(journal, 0) >= last for journal, last in told.items()),
        CAUGHT_UP_WITHIN_S,
    )
    expected = sorted((row for each in journals.items() for row in as_stored(*each)), key=repr)
    stored = [row for row in history_up_to(desk, max(told.values())) if row[1] <= told[row[0]]]
    assert stored == expected
    starts = [event for event in desk.ask("/history/events?kind=controller&limit=1000") if event["text"] == "started"]
    assert noted >= 5
    assert len(starts) > noted, "of what it noted itself, the last second at most is missing"
    desk.stop()
    sound(desk)
    found = checked(desk.places.audit_database, [], fingerprint=keys.fingerprint, verifies=keys.verifies)
    assert found.found == OK, found
    assert len(must) >= KILLS
    assert must <= _asked_for(desk)


def _has_grown(desk: NodeProcess, enough: int, looks: list[float]) -> bool:
    looks.append(time.monotonic())
    known = known_at(desk)
    return known >= min(enough, ENTRIES * len(RIGS))


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to mount a small disk")
def test_on_a_full_disk_the_node_keeps_controlling_says_so_and_goes_on_recording(make_node: MakeNode) -> None:
    desk = make_node("desk")
    with small_disk(desk.home / "data") as filler:
        desk.done("node", "init", "--name", "desk", "--role", "controller")
        desk.serve()
        rig = controlled(make_node, desk, "rig-alpha", prepare=lambda _: None)
        desk.wait_until_connected("rig-alpha")
        desk.done("profile", "create", "p", "--miner", "simulated", "--pool", "pool.example.com:3333")
        desk.done("remote", "start", "rig-alpha", "--profile", "p")
        wait_for("the history to begin", lambda: known_at(desk))
        fill(filler)
        said = wait_for("the node to say so", lambda: _problem_after_a_blink(desk, rig))
        assert "full" in said
        assert any(said in problem for problem in desk.ask("/ready")["problems"])
        assert desk.api.post("/remote/rig-alpha/pause").data["miners"] == ["simulated-1"]
        assert desk.api.post("/remote/rig-alpha/resume").data["miners"] == ["simulated-1"]
        assert desk.rig("rig-alpha")["miners"]
        filler.unlink()
        wait_for("it to be recorded again", lambda: not _problem(desk))
        journal, entries = journal_of(rig)
        wait_for(
            "what the rig did meanwhile to be there",
            lambda: as_stored(journal, entries) == history_up_to(desk, len(entries)),
        )
        kinds = [event["kind"] for event in desk.ask("/history/events?peer=rig-alpha&limit=1000")]
        assert {"paused", "resumed", "offline", "online"} <= set(kinds)
        said_so = desk.log().count("History is not recorded until this is mended")
        assert 1 <= said_so == desk.log().count("History is recorded again"), (
            "each once, also if a little fitted between"
        )
        desk.end()


def _problem(desk: NodeProcess) -> Any:
    return (desk.ask("/history/status") or {"problem": "no answer"})["problem"]


def _problem_after_a_blink(desk: NodeProcess, rig: NodeProcess) -> Any:
    """The rig's agent is killed and comes back, which is to be noted."""
    rig.kill()
    rig.serve()
    desk.wait_until_connected("rig-alpha")
    return _problem(desk)
