"""``miner-ctrl audit``: what it says of a log, and with which exit code."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from miner_ctrl.audit.exported import json_lines
from tests.audit.keeping import FINGERPRINT, write
from tests.audit.test_exported import header
from tests.cli.fake_node import FakeNode, run


def entry(seq: int, kind: str, **fields: Any) -> dict[str, Any]:
    base = {
        "seq": seq, "atMs": 1_700_000_000_000, "kind": kind, "of": 0, "door": "", "role": "", "caller": "",
        "callerId": "", "address": "", "action": "", "target": "{}", "body": "{}", "code": "", "prev": "", "hash": "",
        "signature": "",
    }  # fmt: skip
    return base | fields


def found(**fields: Any) -> dict[str, Any]:
    base = {
        "ok": True, "found": "ok", "seq": 0, "text": "", "entries": 9, "first": 1, "lastAtMs": 1_700_000_000_000,
        "hash": "aGFzaA==", "tailChecked": False, "peers": [],
    }  # fmt: skip
    return base | fields


def peer(**fields: Any) -> dict[str, Any]:
    return {"peer": "a1", "peerName": "control", "heads": 2, "newest": 9, "error": ""} | fields


def test_each_command_is_one_line_with_its_end(node: FakeNode, home: Path) -> None:
    rows = [
        entry(6, "lost", action="entries_lost", body='{"entries":7,"firstMs":1,"lastMs":2}'),
        entry(5, "noted", door="peer", caller="desk", address="10.0.0.2", action="stop_miner", code="REFUSED"),
        entry(4, "ended", of=3, code="PEER_NOT_FOUND"),
        entry(3, "asked", door="token", caller="script\x1b[31m", action="remove_peer", target='{"peer":"rig"}'),
        entry(2, "ended", of=1),
        entry(1, "asked", door="owner", action="invite"),
    ]
    node.on("GET", "/audit", rows)
    done = run(home, "audit", "show", "--since", "1h", "--peer", "rig", "--search", "x")
    assert done.code == 0, done
    lines = done.out.splitlines()
    assert [line.split()[0] for line in lines[1:]] == ["1", "3", "5", "6"]
    assert "owner" in lines[1]
    assert lines[1].endswith("done")
    assert "rig" in lines[2]
    assert lines[2].endswith("PEER_NOT_FOUND")
    assert lines[3].endswith("REFUSED")
    assert "7 entries" in lines[4]
    assert "\x1b" not in done.out
    assert {key: node.asked[0].query[key] for key in ("peer", "q", "limit")} == {"peer": "rig", "q": "x", "limit": "50"}


def test_the_end_of_what_was_asked_before_the_last_entries_is_left_out(node: FakeNode, home: Path) -> None:
    rows = [
        entry(9, "ended", of=8), entry(8, "asked", door="owner", action="invite"), entry(7, "ended", of=6, code="X"),
    ]  # fmt: skip
    node.on("GET", "/audit", rows)
    lines = run(home, "audit", "show", "--limit", "3").out.splitlines()
    assert [line.split()[0] for line in lines[1:]] == ["8"]
    assert len(run(home, "audit", "show", "--limit", "3", "--search", "X").out.splitlines()) == 3
    assert len(run(home, "audit", "show", "--limit", "4").out.splitlines()) == 3


def test_what_was_not_ended_is_not_known(node: FakeNode, home: Path) -> None:
    node.on("GET", "/audit", [entry(1, "asked", door="owner", action="deploy")])
    assert run(home, "audit", "show").out.splitlines()[1].endswith("not known")


@pytest.mark.parametrize(
    ("answer", "code", "out", "err"),
    [
        (found(peers=[peer()], tailChecked=True), 0, "Sound: 9 entries, 1 to 9", "1 peer holds heads of it, up to"),
        (found(peers=[peer(heads=0, newest=0)]), 0, "Sound", "no peer holds a head of it (1 peer asked)"),
        (found(peers=[peer(error="It is away.")]), 0, "Sound", "control could not be asked: It is away."),
        (found(entries=0, first=0), 0, "The audit log has no entries.", ""),
        (
            found(ok=False, found="changed", seq=4, text="Entry 4 was changed."), 1,
            "The audit log is not as it was written. Entry 4 was changed.\nFirst bad entry: 4 (changed).", "",
        ),
        (
            found(ok=False, found="cut", seq=8, text="The end is missing."),
            1, "The end is missing.\nFirst bad entry: 8 (cut).", "",
        ),
    ],
)  # fmt: skip
def test_verify(node: FakeNode, home: Path, answer: dict[str, Any], code: int, out: str, err: str) -> None:
    node.on("POST", "/audit/verify", answer)
    done = run(home, "audit", "verify")
    assert (done.code, out in done.out, err in done.err) == (code, True, True), done
    as_json = run(home, "audit", "verify", "--json")
    assert (as_json.code, json.loads(as_json.out)) == (code, answer)


def test_a_file_is_checked_without_a_node(home: Path, tmp_path: Path) -> None:
    asyncio.run(write(tmp_path / "audit.db"))
    file = tmp_path / "audit.jsonl"
    lines = b"".join(json_lines(tmp_path / "audit.db", header())).splitlines(keepends=True)
    key = FINGERPRINT.hex()
    _write(file, lines)
    sound = run(home, "audit", "verify", str(file), "--key", key.upper())
    assert (sound.code, "Sound: 8 entries, 1 to 8" in sound.out) == (0, True), sound
    assert "Whether entries are missing at its end" in sound.err
    _write(file, [*lines[:3], *lines[4:]])
    bad = run(home, "audit", "verify", str(file), "--key", key)
    assert (bad.code, "First bad entry: 3 (missing)." in bad.out) == (1, True), bad
    other = run(home, "audit", "verify", str(file), "--key", "ab" * 32)
    assert (other.code, "is not of the node with this fingerprint" in other.err) == (2, True), other
    for words in ((str(file),), (str(file), "--key", "abc"), ("--key", key)):
        assert run(home, "audit", "verify", *words).code == 2
    assert not home.exists()


def _write(file: Path, lines: list[bytes]) -> None:
    file.write_bytes(b"".join(lines))
