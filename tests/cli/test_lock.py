"""``lock`` and ``remote history``: keys and signatures offline, the rest against real homes and a node's API."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from miner_ctrl.config import Home
from miner_ctrl.lock import read_change, verified_change
from tests.cli.fake_node import Ended, FakeNode, run

RIG = "ab" * 32
HOSTILE = "\x1b]0;owned\x07evil\x1b[2J\u202egnp"
ALLOWED = ("--wallet", "ours", "--pool", "pool.example:3333")


def done(home: Path, *arguments: str) -> str:
    ended = run(home, *arguments)
    assert ended.code == 0, ended.err
    return ended.out


def told(ended: Ended, code: int, sentence: str) -> None:
    assert ended.code == code, ended
    assert sentence in ended.err
    assert "Traceback" not in ended.err


def keygen(home: Path, folder: Path) -> Path:
    done(home, "lock", "keygen", str(folder / "owner.pem"))
    return folder / "owner.pem"


def test_a_key_is_made_for_its_owner_alone_and_never_overwritten(home: Path, tmp_path: Path) -> None:
    file = tmp_path / "owner.pem"
    ended = run(home, "lock", "keygen", str(file))
    assert ended.code == 0
    public = base64.b64decode(ended.out.strip())
    key = load_pem_private_key(file.read_bytes(), password=None)
    assert key.public_key().public_bytes_raw() == public  # type: ignore[union-attr]  # Ed25519 is what was asked for
    assert (tmp_path / "owner.pem.pub").read_text() == ended.out
    assert file.stat().st_mode & 0o777 == 0o600
    assert "PRIVATE" not in ended.out + ended.err
    before = file.read_bytes()
    told(run(home, "lock", "keygen", str(file)), 1, "is there already")
    (tmp_path / "owner.pem.pub").unlink()
    told(run(home, "lock", "keygen", str(file)), 1, "is there already")
    assert file.read_bytes() == before
    assert not home.exists(), "it needs no home"


def test_a_change_is_signed_offline_and_verifies(home: Path, tmp_path: Path) -> None:
    key = keygen(home, tmp_path)
    change = tmp_path / "change.json"
    done(home, "lock", "sign", "--key", str(key), "--rig", RIG.upper(), *ALLOWED, "--serial", "7", "-o", str(change))
    signed = read_change(change.read_bytes())
    public = base64.b64decode((tmp_path / "owner.pem.pub").read_text())
    lock = verified_change(signed.document.encode(), signed.signature, keys=[public], rig=RIG, serial=6)
    assert (lock.wallets, lock.pools, lock.keys, lock.serial) == (("ours",), ("pool.example:3333",), (public,), 7)
    assert not home.exists()


WRONG = {
    "no wallet": (("--pool", "p.example", "--serial", "1", "--rig", RIG), "at least one --wallet"),
    "half a fingerprint": ((*ALLOWED, "--serial", "1", "--rig", RIG[:32]), "whole fingerprint"),
    "serial 0": ((*ALLOWED, "--serial", "0", "--rig", RIG), "serial"),
    "any pool": (("--wallet", "w", "--pool", "*", "--serial", "1", "--rig", RIG), "is not a pool"),
    "no such key": ((*ALLOWED, "--keep-key", "nobody", "--serial", "1", "--rig", RIG), "no public key"),
}


@pytest.mark.parametrize(("arguments", "sentence"), WRONG.values(), ids=WRONG)
def test_what_cannot_be_signed_is_told(home: Path, tmp_path: Path, arguments: tuple[str, ...], sentence: str) -> None:
    key, change = keygen(home, tmp_path), tmp_path / "change.json"
    told(run(home, "lock", "sign", "--key", str(key), "-o", str(change), *arguments), 2, sentence)
    assert not change.exists()


def test_a_file_that_holds_no_key_is_told(home: Path, tmp_path: Path) -> None:
    (tmp_path / "any").write_text("hello")
    sign = ("lock", "sign", "--rig", RIG, *ALLOWED, "--serial", "1", "-o", str(tmp_path / "c"), "--key")
    told(run(home, *sign, str(tmp_path / "any")), 2, "holds no Ed25519 key")
    told(run(home, *sign, str(tmp_path / "none")), 1, "There is no file")


def test_a_lock_is_set_shown_and_cleared_without_a_running_node(home: Path, tmp_path: Path) -> None:
    key = keygen(home, tmp_path)
    done(home, "node", "init", "--name", "rig-alpha", "--role", "worker")
    assert "no lock" in done(home, "lock", "show")
    shown = done(home, "lock", "set", *ALLOWED, "--key", f"{key}.pub")
    assert "ours" in shown
    assert shown == done(home, "lock", "show")
    facts = json.loads(done(home, "lock", "show", "--json"))
    assert (facts["locked"], facts["wallets"], facts["serial"]) == (True, ["ours"], 1)
    assert facts["keys"] == [(tmp_path / "owner.pem.pub").read_text().strip()]
    assert json.loads(done(home, "node", "info", "--json"))["identity"]["fingerprint"] == facts["fingerprint"]
    told(run(home, "lock", "set", "--wallet", "w", "--pool", "*.example"), 2, "is not a pool")
    assert shown == done(home, "lock", "show")
    Home.resolve(str(home)).lock_json.unlink()
    told(run(home, "lock", "show"), 1, "is gone")
    done(home, "lock", "clear")
    assert "no lock" in done(home, "lock", "show")


def test_a_controller_has_nothing_to_lock(home: Path) -> None:
    done(home, "node", "init", "--name", "desk", "--role", "controller")
    told(run(home, "lock", "set", *ALLOWED), 1, "runs no miners")
    assert not Home.resolve(str(home)).lock_json.exists()


def test_joining_locks_before_anybody_may_command(node: FakeNode, home: Path) -> None:
    node.on("POST", "/invites/inspect", {"issuerWords": "one two", "grants": ["control"]})
    node.on("GET", "/node/info", {"hasIdentity": True, "identity": {"name": "rig-alpha"}})
    node.on("PUT", "/lock", {"locked": True})
    node.on("POST", "/peers", {"name": "desk", "id": "0" * 16}, 201)
    key = base64.b64encode(b"\5" * 32).decode()
    locks = ("--lock-wallet", "ours", "--lock-wallet", "too", "--lock-pool", "*.pool.example", "--lock-key", key)
    done(home, "node", "join", "token", *locks)
    changes = [(asked.method, asked.path, asked.body) for asked in node.asked if asked.method != "GET"]
    assert changes[1:] == [
        ("PUT", "/lock", {"wallets": ["ours", "too"], "pools": ["*.pool.example"], "keys": [key]}),
        ("POST", "/peers", {"token": "token"}),
    ]


def test_a_join_whose_lock_cannot_be_set_does_not_join(node: FakeNode, home: Path) -> None:
    node.on("POST", "/invites/inspect", {"issuerWords": "one two", "grants": ["control"]})
    node.on("GET", "/node/info", {"hasIdentity": True, "identity": {"name": "rig-alpha"}})
    node.fails("PUT", "/lock", 400, "BAD_LOCK", "'*' is not a pool.")
    told(run(home, "node", "join", "token", "--lock-wallet", "w", "--lock-pool", "*"), 2, "is not a pool")
    told(run(home, "node", "join", "token", "--lock-wallet", "w"), 2, "at least one --wallet and one --pool")
    assert "/peers" not in [asked.path for asked in node.asked]


def test_a_signed_change_is_sent_as_it_is(node: FakeNode, home: Path, tmp_path: Path) -> None:
    key, change = keygen(home, tmp_path), tmp_path / "change.json"
    done(home, "lock", "sign", "--key", str(key), "--rig", RIG, *ALLOWED, "--serial", "2", "-o", str(change))
    node.on("POST", "/remote/rig-alpha/lock", {"status": "locked", "miners": ["xmrig-1"]})
    out = done(home, "remote", "lock", "rig-alpha", "--file", str(change))
    assert "rig-alpha has its new lock." in out
    assert "1 miner stopped that may not mine any more: xmrig-1." in out
    assert node.asked[-1].body == json.loads(change.read_bytes())
    change.write_text("{}")
    told(run(home, "remote", "lock", "rig-alpha", "--file", str(change)), 2, "no signed change")


# --- remote history --------------------------------------------------------------------------------------


def point(**changed: Any) -> dict[str, Any]:
    facts = {"atMs": 1_767_225_600_000, "rigAtMs": 1, "miner": "xmrig-1", "state": "mining", "hashrate": 12_512.3}
    return {**facts, "algorithm": "rx/0", "shares": 7, "rejected": 1, "temperatureC": 61.4, "powerW": None, **changed}


def test_history_shows_samples_as_people_read_them_and_says_what_is_missing(node: FakeNode, home: Path) -> None:
    node.on("GET", "/history/peers/rig-alpha/samples", [point(), point(state=HOSTILE, hashrate=None)])
    node.on("GET", "/history/peers/rig-alpha/gaps", [{"journal": "j", "first": 3, "last": 12, "notedMs": 1}])
    ended = run(home, "remote", "history", "rig-alpha", "--hours", "2", "--limit", "9")
    lines = ended.out.splitlines()
    assert lines[0].split() == ["TIME", "MINER", "STATE", "HASHRATE", "ALGO", "ACC/REJ", "TEMP", "POWER"]
    assert lines[1].split()[2:] == ["xmrig-1", "mining", "12.5", "kH/s", "rx/0", "7/1", "61", "°C", "-"]
    assert "\x1b" not in ended.out
    assert "10 entries of its journal were gone" in ended.err
    assert node.asked[0].query["limit"] == "9"


def test_history_shows_events(node: FakeNode, home: Path) -> None:
    event = {"atMs": 2**60, "rigAtMs": 1, "kind": "refused", "miner": "", "by": "0123456789abcdef", "text": HOSTILE}
    node.on("GET", "/history/peers/rig-alpha/events", [event])
    node.on("GET", "/history/peers/rig-alpha/gaps", [])
    out = done(home, "remote", "history", "rig-alpha", "--events")
    assert "0123456789abcdef" in out
    assert "\x1b" not in out
    assert "\u202e" not in out
    assert json.loads(done(home, "remote", "history", "rig-alpha", "--events", "--json")) == [event]


def test_history_that_is_empty_says_so(node: FakeNode, home: Path) -> None:
    node.on("GET", "/history/peers/rig-alpha/samples", [])
    node.on("GET", "/history/peers/rig-alpha/gaps", [])
    assert "Nothing is known of rig-alpha within 24 h." in done(home, "remote", "history", "rig-alpha")
