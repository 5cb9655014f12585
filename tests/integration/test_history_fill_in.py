"""A controller that was gone for a while: its history of a rig becomes the rig's journal, entry by entry."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import Any

import msgspec

from miner_ctrl.model.history import JournalEntry, RigEvent, Sample
from tests.integration.conftest import MakeNode
from tests.integration.cuttable import Cuttable
from tests.integration.nodes import NodeProcess, wait_for

ALONE_FOR = 15
"""Samples that nobody sees, before the agent's end and after it: more than one push of statistics holds."""
AN_ANSWER_BYTES = 1_500


def journal_of(rig: NodeProcess) -> tuple[str, list[JournalEntry]]:
    """Return ID and entries of a rig's journal, read from its file."""
    path = rig.places.rig_journal
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
        [(journal,)] = database.execute("SELECT id FROM journal").fetchall()
        rows = database.execute("SELECT seq, what FROM entry ORDER BY seq").fetchall()
    return journal, [JournalEntry(seq, msgspec.msgpack.decode(what, type=Sample | RigEvent)) for seq, what in rows]


def history_at(controller: NodeProcess) -> list[tuple[Any, ...]]:
    """Return what a controller has stored, in the shape of ``as_stored``."""
    if not controller.places.history_database.exists():
        return []
    with closing(sqlite3.connect(f"file:{controller.places.history_database}?mode=ro", uri=True)) as database:
        rounds = database.execute(
            "SELECT journal.name, seq, at_ms - offset_ms FROM rig_sample JOIN journal ON journal.id = journal"
        ).fetchall()
        samples = database.execute(
            "SELECT journal.name, seq, miner.name, sample.state, algorithm.name, hashrate FROM sample"
            " JOIN journal ON journal.id = journal JOIN miner ON miner.id = miner"
            " JOIN algorithm ON algorithm.id = algorithm"
        ).fetchall()
        events = database.execute(
            "SELECT journal.name, seq, at_ms - offset_ms, kind, miner, who, text FROM event"
            " JOIN journal ON journal.id = journal WHERE journal.name <> 'own'"
        ).fetchall()
        assert database.execute("SELECT count(*) FROM gap").fetchall() == [(0,)]
    return sorted([*rounds, *samples, *events], key=repr)


def as_stored(journal: str, entries: list[JournalEntry]) -> list[tuple[Any, ...]]:
    """Return what a controller must have stored of ``entries``."""
    rows: list[tuple[Any, ...]] = []
    for entry in entries:
        what = entry.what
        if isinstance(what, RigEvent):
            rows.append((journal, entry.seq, what.at_ms, what.kind, what.miner, what.by, what.text))
            continue
        rows.append((journal, entry.seq, what.at_ms))
        rows += [
            (journal, entry.seq, miner.name, miner.state.value, miner.algorithm, miner.hashrate_hps)
            for miner in what.miners
        ]
    return sorted(rows, key=repr)


def test_what_a_rig_did_alone_is_filled_in_without_holes_or_doubles(make_node: MakeNode) -> None:
    controller, rig = make_node("desk"), make_node("rig")
    rig.done("node", "init", "--name", "rig-alpha", "--role", "worker")
    (rig.places.config / "rig.toml").write_text("sample_every_s = 1\n")
    rig.serve()
    link = Cuttable(rig.address)
    token = str(rig.answer("peer", "invite", "--address", link.address)["token"])
    controller.done("node", "init", "--name", "desk", "--role", "controller")
    controller.serve()
    controller.done("peer", "add", "--token", "-", "--name", "rig-alpha", stdin=token)
    controller.wait_until_connected("rig-alpha")
    controller.done("profile", "create", "sim", "--miner", "simulated", "--pool", "pool.example:3333")
    controller.done("remote", "start", "rig-alpha", "--profile", "sim")
    wait_for("samples with the miner", lambda: [row for row in as_stored(*journal_of(rig)) if "simulated-1" in row])

    controller.kill()
    alone_from = len(journal_of(rig)[1])
    wait_for("samples while nobody looks", lambda: len(journal_of(rig)[1]) >= alone_from + ALONE_FOR)
    rig.kill()
    rig.serve()
    after_kill = len(journal_of(rig)[1])
    wait_for("samples after the kill", lambda: len(journal_of(rig)[1]) >= after_kill + ALONE_FOR)
    assert len(history_at(controller)) < len(as_stored(*journal_of(rig)))

    link.cut_after(AN_ANSWER_BYTES)
    controller.serve()
    wait_for("the link to be cut while the journal is told", link.cut.is_set)
    controller.wait_until_connected("rig-alpha")
    told = len(journal_of(rig)[1])
    journal, entries = journal_of(rig)
    wait_for(
        "the history to be filled in", lambda: as_stored(journal, entries[:told]) == history_up_to(controller, told)
    )

    assert [entry.seq for entry in entries] == list(range(1, len(entries) + 1))
    kinds = [entry.what.kind for entry in entries if isinstance(entry.what, RigEvent)]
    assert kinds.count("agent_started") == 2
    at_least, at_most = shares_of(entries[:told]), shares_of(journal_of(rig)[1])
    stored = shares_at(controller)
    assert at_least <= stored["sample"] == stored["minute"] == stored["hour"] <= at_most
    shown = controller.answer("remote", "history", "rig-alpha", "--limit", "10000")
    assert {point["miner"] for point in shown} == {"simulated-1"}
    events = controller.done("remote", "history", "rig-alpha", "--events")
    assert events.count("agent_started") == 2
    link.close()


def shares_of(entries: list[JournalEntry]) -> int:
    """Return the shares that the miner found, by its counter: it is the same process all the time."""
    counters = [miner.accepted for entry in entries if isinstance(entry.what, Sample) for miner in entry.what.miners]
    return counters[-1]


def shares_at(controller: NodeProcess) -> dict[str, int]:
    """Return what each table of a controller has of them."""
    found = {}
    with closing(sqlite3.connect(f"file:{controller.places.history_database}?mode=ro", uri=True)) as database:
        for table in ("sample", "minute", "hour"):
            [(found[table],)] = database.execute(f"SELECT sum(accepted) FROM {table}").fetchall()
    return found


def history_up_to(controller: NodeProcess, seq: int) -> list[tuple[Any, ...]]:
    return [row for row in history_at(controller) if row[1] <= seq]
