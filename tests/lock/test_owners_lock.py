"""The lock's file: what it means, what becomes of it, and who may change it."""

from __future__ import annotations

import base64
import json
import os
from pathlib import Path

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from miner_ctrl.errors import BadInput, Conflict, MinerCtrlError, Refused, StateDamaged
from miner_ctrl.lock import Change, OwnersLock, SignedChange, read_change, sign_change
from miner_ctrl.lock.changes import SIGNED_TEXT, document_of
from miner_ctrl.model.profiles import MinerConfig
from miner_ctrl.model.rig import Lock

RIG = "ab" * 32
OURS = MinerConfig(pool="pool.example:3333", wallet="our-wallet")
THEIRS = MinerConfig(pool="pool.example:3333", wallet="their-wallet")
KEY = Ed25519PrivateKey.from_private_bytes(b"\7" * 32)
OTHER_KEY = Ed25519PrivateKey.from_private_bytes(b"\10" * 32)
PUBLIC = KEY.public_key().public_bytes_raw()
LOCK = Lock(wallets=("our-wallet",), pools=("pool.example",), keys=(PUBLIC,))


class Files:
    """A rig's files; ``lock`` is what the next start makes of them."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "lock.json"
        self.mark = folder / "lock.mark"

    def lock(self) -> OwnersLock:
        lock = OwnersLock(self.path, self.mark, rig=RIG)
        lock.open()
        return lock


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path)


def signed(
    serial: int = 2, *, rig: str = RIG, key: Ed25519PrivateKey = KEY, wallet: str = "new-wallet"
) -> SignedChange:
    lock = Lock(wallets=(wallet,), pools=("pool.example",), keys=(PUBLIC,), serial=serial)
    return sign_change(Change(rig=rig, lock=lock), key.private_bytes_raw())


def change(lock: OwnersLock, what: SignedChange) -> Lock:
    return lock.change(what.document.encode(), what.signature)


def is_allowed(lock: OwnersLock, config: MinerConfig) -> bool:
    try:
        lock.allow(config)
    except Refused:
        return False
    return True


def test_without_a_file_there_is_no_lock(files: Files) -> None:
    lock = files.lock()
    lock.allow(THEIRS)
    assert (lock.locked, lock.problem, lock.current, lock.operator_keys(), lock.operator_only()) == (
        False, "", None, (), False,
    )  # fmt: skip
    assert not files.mark.exists()


def test_a_lock_holds_at_once_and_after_a_restart(files: Files) -> None:
    lock = files.lock()
    assert lock.set(LOCK).serial == 1
    for held in (lock, files.lock()):
        held.allow(OURS)
        assert not is_allowed(held, THEIRS)
        assert (held.locked, held.operator_only(), held.operator_keys()) == (True, True, (PUBLIC,))
    assert files.path.stat().st_mode & 0o777 == 0o600
    assert json.loads(files.path.read_bytes())["keys"] == [base64.b64encode(PUBLIC).decode()]


def test_a_lock_written_by_hand_holds_from_the_next_start_of_a_miner(files: Files) -> None:
    lock = files.lock()
    lock.allow(THEIRS)
    files.path.write_text('{"wallets": ["our-wallet"], "pools": ["POOL.example."]}')
    files.path.chmod(0o600)
    assert not is_allowed(lock, THEIRS)
    lock.allow(OURS)


def test_a_lock_that_vanishes_allows_nothing_until_the_owner_says_so(files: Files) -> None:
    lock = files.lock()
    lock.set(LOCK)
    files.path.unlink()
    for held in (lock, files.lock()):
        assert held.locked
        assert str(files.path) in held.problem
        assert not is_allowed(held, OURS)
        assert not is_allowed(held, THEIRS)
        with pytest.raises(StateDamaged):
            _ = held.current
        with pytest.raises(Refused):
            change(held, signed(9))
    lock.clear()
    for held in (lock, files.lock()):
        held.allow(THEIRS)
        assert held.problem == ""
        assert not held.locked


def test_a_vanished_lock_is_set_anew_on_the_rig(files: Files) -> None:
    lock = files.lock()
    lock.set(LOCK)
    files.path.unlink()
    assert files.lock().set(LOCK).serial == 2
    lock.allow(OURS)
    assert not is_allowed(lock, THEIRS)


def test_one_written_by_hand_that_vanishes_is_missed_too(files: Files) -> None:
    files.path.write_text('{"wallets": ["our-wallet"], "pools": ["pool.example"]}')
    files.path.chmod(0o600)
    files.lock()
    files.path.unlink()
    assert not is_allowed(files.lock(), OURS)


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{",
        "[]",
        '{"wallets": "w"}',
        '{"wallet": ["w"]}',
        '{"pools": ["*"]}',
        '{"wallets": [""]}',
        "\0" * 9,
        "[" * 9999,
    ],
)
def test_a_damaged_file_stops_the_start_and_locks_what_runs(files: Files, content: str) -> None:
    lock = files.lock()
    lock.set(LOCK)
    files.path.write_text(content)
    assert not is_allowed(lock, OURS)
    with pytest.raises(StateDamaged) as damaged:
        files.lock()
    assert str(files.path) in damaged.value.message
    assert damaged.value.suggestion
    assert files.path.read_text() == content


def test_a_damaged_mark_stops_the_start(files: Files) -> None:
    files.lock().set(LOCK)
    files.mark.write_text("?")
    with pytest.raises(StateDamaged, match=r"lock\.mark"):
        files.lock()


@pytest.mark.skipif(os.name == "nt", reason="POSIX modes")
def test_a_file_that_others_may_write_is_refused_with_the_remedy(files: Files) -> None:
    files.lock().set(LOCK)
    files.path.chmod(0o622)
    with pytest.raises(StateDamaged) as exposed:
        files.lock()
    assert "chmod 600" in exposed.value.suggestion


def test_what_cannot_be_written_leaves_the_old_lock(files: Files, tmp_path: Path) -> None:
    lock = files.lock()
    lock.set(LOCK)
    with pytest.raises(BadInput):
        lock.set(Lock(wallets=("w",), pools=("*",)))
    assert files.lock().current == msgspec.structs.replace(LOCK, serial=1)


# --- from afar -------------------------------------------------------------------------------------------


def test_a_signed_change_takes_effect_and_is_durable(files: Files) -> None:
    lock = files.lock()
    lock.set(LOCK)
    change(lock, read_change(msgspec.json.encode(signed(5))))
    for held in (lock, files.lock()):
        held.allow(msgspec.structs.replace(OURS, wallet="new-wallet"))
        assert not is_allowed(held, OURS)
        assert held.current is not None
        assert held.current.serial == 5


def test_a_change_counts_once_and_never_backwards(files: Files) -> None:
    lock = files.lock()
    lock.set(LOCK)
    change(lock, signed(5))
    for serial in (5, 4, 1):
        with pytest.raises(Conflict) as old:
            change(lock, signed(serial))
        assert old.value.code == "LOCK_SERIAL_OLD"
    lock.set(LOCK)
    with pytest.raises(Conflict):
        change(lock, signed(6))
    change(lock, signed(7))


def test_an_old_change_cannot_be_said_again_after_the_lock_was_cleared_and_set(files: Files) -> None:
    lock = files.lock()
    lock.set(LOCK)
    change(lock, signed(5))
    lock.clear()
    assert files.lock().set(LOCK).serial == 6
    with pytest.raises(Conflict):
        change(files.lock(), signed(5))


def test_an_old_change_cannot_be_said_again_after_an_old_file_was_put_back(files: Files) -> None:
    lock = files.lock()
    lock.set(LOCK)
    old = files.path.read_bytes()
    change(lock, signed(5))
    files.path.write_bytes(old)
    with pytest.raises(Conflict):
        change(files.lock(), signed(5))


def _with(change: SignedChange, **changes: object) -> SignedChange:
    return msgspec.structs.replace(change, **changes)


def _signed_text(text: bytes) -> SignedChange:
    return SignedChange(document=text.decode(), signature=KEY.sign(SIGNED_TEXT + text))


CANONICAL = signed().document
REFUSED = {
    "an unknown key": (signed(key=OTHER_KEY), Refused),
    "another rig's": (signed(rig="cd" * 32), Refused),
    "a changed wallet": (_with(signed(), document=CANONICAL.replace("new-wallet", "bad-wallet")), Refused),
    "a changed serial": (_with(signed(), document=CANONICAL.replace('"serial":2', '"serial":3')), Refused),
    "no signature": (_with(signed(), signature=bytes(64)), Refused),
    "another signed text's": (_with(signed(), signature=KEY.sign(CANONICAL.encode())), Refused),
    "a space in it": (_signed_text(CANONICAL.replace(":", ": ", 1).encode()), BadInput),
    "a field twice": (_signed_text(CANONICAL.replace('"rig"', '"rig":"' + "cd" * 32 + '","rig"').encode()), BadInput),
    "an unknown field": (_signed_text(CANONICAL.replace('"rig"', '"any":1,"rig"').encode()), BadInput),
    "no JSON": (_signed_text(b"yes"), BadInput),
    "a list": (_signed_text(b"[" * 9999), BadInput),
    "any pool": (
        _signed_text(document_of(Change(rig=RIG, lock=Lock(wallets=("w",), pools=("*",), serial=9)))), BadInput,
    ),
}  # fmt: skip


@pytest.mark.parametrize(("what", "error"), REFUSED.values(), ids=REFUSED)
def test_a_change_that_is_not_the_owners_changes_nothing(
    files: Files, what: SignedChange, error: type[MinerCtrlError]
) -> None:
    lock = files.lock()
    before = lock.set(LOCK)
    with pytest.raises(error) as told:
        change(lock, what)
    assert told.value.message.endswith(".")
    assert told.value.suggestion
    assert "our-wallet" not in told.value.message
    assert files.lock().current == before


def test_a_rig_without_a_lock_gets_none_from_afar(files: Files) -> None:
    with pytest.raises(Refused, match="no lock"):
        change(files.lock(), signed())
    assert not files.path.exists()


def test_the_key_of_the_old_lock_counts_for_nothing_in_the_new(files: Files) -> None:
    lock = files.lock()
    lock.set(LOCK)
    new = Lock(wallets=("w",), pools=("pool.example",), keys=(OTHER_KEY.public_key().public_bytes_raw(),), serial=2)
    change(lock, sign_change(Change(rig=RIG, lock=new), KEY.private_bytes_raw()))
    with pytest.raises(Refused):
        change(lock, signed(3))
    change(lock, signed(3, key=OTHER_KEY))


@pytest.mark.parametrize("data", [b"", b"{}", b"\xff", b'{"document": "", "signature": "AA=="}', b"[" * 9999])
def test_a_file_that_is_no_change_is_told_so(data: bytes) -> None:
    with pytest.raises(BadInput) as bad:
        read_change(data)
    assert "lock sign" in bad.value.suggestion
