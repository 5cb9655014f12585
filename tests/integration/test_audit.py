"""The audit logs of real nodes: who asked, what peers hold of them, what a kill and a full disk cost."""

from __future__ import annotations

import json
import os
import sqlite3
import threading
import time
from contextlib import closing, suppress
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from miner_ctrl.app.audit_heads import TOLD_EVERY_S
from miner_ctrl.audit.checking import OK
from miner_ctrl.audit.reading import checked
from miner_ctrl.errors import MinerCtrlError, NotFound
from miner_ctrl.identity.keys import NodeKeys
from miner_ctrl.identity.node_file import load_identity
from tests.integration.conftest import MakeNode
from tests.integration.nodes import NodeProcess, wait_for
from tests.integration.test_watchdog_real import fill, small_disk

PASSWORD = "hunter2-is-no-password"


@pytest.fixture
def desk(make_node: MakeNode) -> NodeProcess:
    desk = make_node("desk")
    desk.done("node", "init", "--name", "desk", "--role", "controller")
    desk.serve()
    return desk


@pytest.fixture
def rig(make_node: MakeNode, desk: NodeProcess) -> NodeProcess:
    rig = make_node("rig")
    rig.join(desk, "rig-alpha")
    rig.serve()
    desk.wait_until_connected("rig-alpha")
    return rig


def shown(node: NodeProcess, **query: str | int) -> list[dict[str, Any]]:
    """The entries of a running node's log, the oldest first."""
    found: list[dict[str, Any]] = node.api.get("/audit", limit=1000, **query).data
    return found[::-1]


def start_a_miner(desk: NodeProcess, *words: str) -> None:
    desk.done("profile", "create", "p", "--miner", "simulated", "--pool", "pool.example.com:3333", *words)
    desk.done("remote", "start", "rig-alpha", "--profile", "p")


def forge(node: NodeProcess, sql: str) -> None:
    with closing(sqlite3.connect(node.places.audit_database)) as database:
        for (name,) in database.execute("SELECT name FROM sqlite_schema WHERE type = 'trigger'").fetchall():
            database.execute(f"DROP TRIGGER {name}")
        database.execute(sql)
        database.commit()


def keys_of(node: NodeProcess) -> NodeKeys:
    return load_identity(node.places.key_file, node.places.node_file)[0]


def held_of(node: NodeProcess, peer: str) -> int:
    """The newest entry of ``peer``'s log that a running node was told of."""
    heads = (node.ask("/audit/status") or {"heads": []})["heads"]
    return max((head["seq"] for head in heads if head["peerName"] == peer), default=0)


# --- who asked ------------------------------------------------------------------------------------------


def test_a_command_is_in_the_logs_of_both_with_who_asked(desk: NodeProcess, rig: NodeProcess) -> None:
    start_a_miner(desk)
    desk.cli("remote", "stop", "rig-alpha", "nothing-of-that-name")
    desk_id = desk.api.get("/node/info").data["identity"]["id"]
    [asked] = [entry for entry in shown(desk, action="start_miner") if entry["kind"] == "asked"]
    assert (asked["door"], asked["role"], json.loads(asked["target"])) == ("owner", "admin", {"peer": "rig-alpha"})
    told = shown(rig, caller=desk_id)
    starts = [entry for entry in told if entry["action"] == "start_miner"]
    assert {(entry["door"], entry["caller"], entry["callerId"]) for entry in starts} == {("peer", "desk", desk_id)}
    assert starts[-1]["address"].startswith("127.")
    ends = {entry["of"]: entry["code"] for entry in told if entry["kind"] == "ended"}
    assert [ends[entry["seq"]] for entry in starts][-1] == ""
    [stop] = [entry for entry in told if entry["action"] == "stop_miner"]
    assert ends[stop["seq"]] == "MINER_NOT_FOUND"
    assert json.loads(stop["target"]) == {"miner": "nothing-of-that-name"}
    assert rig.api.post("/audit/verify").data["ok"]


def test_a_command_that_was_not_granted_is_in_the_rigs_log(desk: NodeProcess, rig: NodeProcess) -> None:
    rig.done("peer", "grant", "desk", "observe")
    wait_for("the grant to hold", lambda: rig.is_connected("desk") and desk.is_connected("rig-alpha"))
    assert desk.cli("remote", "restart", "rig-alpha").code == 4
    [refused] = shown(rig, action="restart_miner")
    assert (refused["kind"], refused["door"], refused["caller"], refused["code"]) == (
        "noted", "peer", "desk", "REFUSED",
    )  # fmt: skip


def test_who_joined_who_waits_and_who_was_let_in_is_in_the_log(
    desk: NodeProcess, rig: NodeProcess, make_node: MakeNode
) -> None:
    stranger = make_node("stranger")
    stranger.done("node", "init", "--name", "stranger", "--role", "controller")
    stranger.serve()
    words = ("peer", "add", "--address", rig.address, "--name", "rig-beta")
    assert stranger.cli(*words).code == 0
    waiting = rig.api.get("/peers/pending").data[0]["id"]
    rig.done("peer", "approve", waiting, "--grant", "observe")
    rig.done("peer", "remove", "stranger")
    actions = [entry["action"] for entry in shown(rig) if entry["kind"] != "ended"]
    for earlier, later in (("approval_asked", "approve_pending"), ("approve_pending", "remove_peer")):
        assert actions.index(earlier) < actions.index(later)
    [asked] = shown(rig, action="approval_asked")
    assert (asked["caller"], asked["callerId"], asked["door"]) == ("stranger", waiting, "peer")
    [joined] = shown(desk, action="invite_used")
    assert (joined["caller"], json.loads(joined["target"])["name"]) == ("rig-alpha", "rig-alpha")


def test_commands_without_a_running_node_are_in_the_log(make_node: MakeNode) -> None:
    node = make_node("brief")
    node.done("node", "init", "--name", "brief")
    node.done("peer", "invite")
    node.cli("peer", "remove", "nobody")
    entries = [json.loads(line) for line in node.done("audit", "export").splitlines()[1:]]
    asked = {entry["seq"]: entry["action"] for entry in entries if entry["kind"] == "asked"}
    assert {asked[entry["of"]]: entry["code"] for entry in entries if entry["kind"] == "ended"} == {
        "create_invite": "", "remove_peer": "PEER_NOT_FOUND",
    }  # fmt: skip
    sound = node.cli("audit", "verify")
    assert sound.code == 0
    assert "could not be checked: no peer holds a head of it (this node does not serve now)" in sound.err
    forge(node, "UPDATE entry SET code = '' WHERE seq = 4")
    bad = node.cli("audit", "verify")
    assert (bad.code, "Entry 4 was changed." in bad.out) == (1, True)


def test_no_secret_is_in_the_files(desk: NodeProcess, rig: NodeProcess, tmp_path: Path) -> None:
    start_a_miner(desk, "--set", f"password={PASSWORD}")
    with suppress(MinerCtrlError):
        desk.api.post("/remote/rig-alpha/start", {"profileId": "p", "config": {"password": PASSWORD}})
    document = f"name: q\nminerType: simulated\nconfig:\n  pool: pool.example.com:1\n  password: {PASSWORD}\n"
    with suppress(MinerCtrlError):
        desk.api.post("/profiles/import", {"document": document, "format": "yaml"})
    token = desk.invite()
    for path, body in (("/peers", {"token": token}), ("/remote/rig-alpha/stop", {"minerName": token[:63]})):
        with suppress(MinerCtrlError):
            desk.api.post(path, body)
    rig_id = rig.api.get("/node/info").data["identity"]["id"]
    assert len(shown(desk)) > 8
    assert len(shown(rig)) >= 2, rig_id
    desk.stop()
    rig.stop()
    for node in (desk, rig):
        files = list(node.places.node_data.glob("audit*"))
        assert node.places.audit_database in files
        for file in files:
            content = file.read_bytes()
            assert PASSWORD.encode() not in content
            assert token.encode() not in content
            assert token[:63].encode() not in content


# --- what peers hold ------------------------------------------------------------------------------------


def test_a_cut_end_is_found_by_what_the_other_node_was_told(desk: NodeProcess, rig: NodeProcess) -> None:
    start_a_miner(desk)
    length = shown(desk)[-1]["seq"]
    # the head may have been told just before the last entry: then the next one is due a minute later
    wait_for("the rig to hold the head", lambda: held_of(rig, "desk") >= length, within_s=3 * TOLD_EVERY_S)
    wait_for("the desk to hold the rig's head", lambda: held_of(desk, "rig-alpha") >= 2, within_s=3 * TOLD_EVERY_S)
    sound = desk.cli("audit", "verify")
    assert (sound.code, f"holds heads of it, up to entry {length}" in sound.err) == (0, True), sound
    desk.stop()
    forge(desk, f"DELETE FROM entry WHERE seq > {length - 2}")
    assert desk.cli("audit", "verify").code == 0  # nobody can be asked, and it says so
    desk.serve()
    desk.wait_until_connected("rig-alpha")
    found = wait_for("the rig to be asked", lambda: _cut(desk))
    assert (found["found"], found["seq"]) == ("cut", length - 1)
    assert f"rig-alpha holds entry {length}" in found["text"]
    bad = desk.cli("audit", "verify")
    assert (bad.code, f"First bad entry: {length - 1} (cut)" in bad.out) == (1, True), bad
    wait_for("both to say so", lambda: "was cut" in desk.log() and "was cut or replaced" in rig.log())
    [conflict] = [head for head in rig.api.get("/audit/status").data["heads"] if head["conflict"]]
    assert (conflict["peerName"], conflict["seq"]) == ("desk", length - 2)


def _cut(node: NodeProcess) -> Any:
    found = node.api.post("/audit/verify").data
    return found if not found["ok"] else None


# --- kill -9 --------------------------------------------------------------------------------------------


def test_killed_twenty_times_among_commands_the_log_verifies_and_has_all_but_the_last_second(
    make_node: MakeNode,
) -> None:
    node = make_node("desk")
    node.done("node", "init", "--name", "desk", "--role", "controller")
    keys = keys_of(node).public
    must = set[str]()
    for life in range(20):
        node.serve("127.0.0.1:0")
        answered, looks = dict[str, float](), [time.monotonic()]
        thread = threading.Thread(target=_remove_until_it_is_gone, args=(node, life, answered))
        thread.start()
        try:
            wait_for("commands for more than a second", partial(_lasts, answered, looks), every_s=0.01)
        finally:
            node.kill()
            killed_s = time.monotonic()
            thread.join()
        found = checked(node.places.audit_database, [], fingerprint=keys.fingerprint, verifies=keys.verifies)
        assert found.found == OK, found
        must |= {name for name, at_s in answered.items() if at_s < killed_s - 1.0 - _late_s(looks)}
        assert must <= _asked_for(node)
    assert len(must) >= 20
    with closing(sqlite3.connect(node.places.audit_database)) as database:
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def _remove_until_it_is_gone(node: NodeProcess, life: int, answered: dict[str, float]) -> None:
    """Command what is answered at once: there is no such peer."""
    for number in range(100_000):
        name = f"life-{life}-{number}"
        try:
            node.api.delete(f"/peers/{name}")
        except NotFound:
            answered[name] = time.monotonic()
        except (MinerCtrlError, OSError):
            return


def _lasts(answered: dict[str, float], looks: list[float]) -> bool:
    looks.append(time.monotonic())
    times = list(answered.values())
    return len(times) > 10 and times[-1] - times[0] > 1.3 + _late_s(looks)


def _late_s(looks: list[float]) -> float:
    """Return what a busy machine may add to a second: every entry needs four turns, and this thread, which wanted one
    every 10 ms, was left without for so long at most."""
    return 4 * max((after - before for before, after in pairwise(looks)), default=0.0)


def _asked_for(node: NodeProcess) -> set[str]:
    with closing(sqlite3.connect(node.places.audit_database)) as database:
        rows = database.execute("SELECT target FROM entry WHERE kind = 'asked'")
        return {json.loads(target).get("peer", "") for (target,) in rows}


# --- a disk that is full --------------------------------------------------------------------------------


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to mount a small disk")
def test_on_a_full_disk_the_node_keeps_controlling_says_so_and_resumes(make_node: MakeNode) -> None:
    desk, rig = make_node("desk"), make_node("rig")
    with small_disk(desk.home / "data") as filler:
        desk.done("node", "init", "--name", "desk", "--role", "controller")
        desk.serve()
        rig.join(desk, "rig-alpha")
        rig.serve()
        desk.wait_until_connected("rig-alpha")
        start_a_miner(desk)
        fill(filler)
        wait_for("the log to be stuck", lambda: _commanded(desk) and desk.api.get("/audit/status").data["problem"])
        status = desk.api.get("/audit/status").data
        assert "full" in status["problem"]
        assert status["waiting"] > 0
        assert desk.api.post("/remote/rig-alpha/resume").data["miners"] == ["simulated-1"]
        filler.unlink()
        wait_for("it to be written again", lambda: not desk.api.get("/audit/status").data["problem"])
        assert desk.api.post("/audit/verify").data["ok"]
        assert [entry for entry in shown(desk) if entry["action"] == "resume_miner"]
        assert desk.log().count("The audit log cannot be written") == 1
        desk.end()


def _commanded(desk: NodeProcess) -> bool:
    """Pause and go on: the rig does it, whatever the desk's disk says."""
    for what in ("pause", "resume"):
        assert desk.api.post(f"/remote/rig-alpha/{what}").status == 200
    return True
