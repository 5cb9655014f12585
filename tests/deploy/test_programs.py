"""Programs on a rig, what has come of a bundle, who may have signed it, and the bundles of a controller."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from miner_ctrl.deploy import Incoming, ProgramStore
from miner_ctrl.deploy.bundles import BundleStore, put_incoming
from miner_ctrl.deploy.incoming import IDLE_AFTER_S, PARTIALS_AT_MOST, STALE_AFTER_S
from miner_ctrl.deploy.offers import canonical_bytes, check_signature, is_signed, sign_offer
from miner_ctrl.errors import BadInput, Conflict, NotFound, OperationFailed, RateLimited, Refused, StateDamaged
from miner_ctrl.model.rig import BundleOffer
from tests.deploy.archives import ROOT_FOLDER, offer_of, speaking, tar_of, tree

KEY = Ed25519PrivateKey.from_private_bytes(b"\1" * 32)
OTHER = Ed25519PrivateKey.from_private_bytes(b"\2" * 32)


def public(key: Ed25519PrivateKey) -> bytes:
    return key.public_key().public_bytes_raw()


def bundle(tmp_path: Path, version: str) -> tuple[BundleOffer, Path]:
    data = tar_of({f"{ROOT_FOLDER}/xmrig": speaking(version)})
    path = tmp_path / f"{version}.tar"
    path.write_bytes(data)
    return offer_of(data, "tar", version=version), path


def runs(_: str, program: Path) -> None:
    assert os.access(program, os.X_OK)


def does_not_run(_: str, __: Path) -> None:
    raise OperationFailed("It does not run here.", suggestion="Another.", code="PROGRAM_DOES_NOT_RUN")


@pytest.fixture
def store(tmp_path: Path) -> ProgramStore:
    return ProgramStore(tmp_path / "programs")


def install(store: ProgramStore, offer: BundleOffer, path: Path) -> None:
    store.install(offer, path, try_program=runs, now_ms=1)


# --- programs -------------------------------------------------------------------------------------------


def test_the_newest_is_current_one_is_kept_and_older_ones_go(tmp_path: Path, store: ProgramStore) -> None:
    assert (store.program("xmrig"), store.version("xmrig"), store.previous("xmrig")) == (None, "", "")
    offers = [bundle(tmp_path, version) for version in ("1.0", "2.0", "3.0")]
    for offer, path in offers:
        install(store, offer, path)
        assert store.is_current(offer)
    program = store.program("xmrig")
    assert program is not None
    assert program.read_bytes() == speaking("3.0")
    assert (store.version("xmrig"), store.previous("xmrig")) == ("3.0", "2.0")
    folders = {path.name for path in (tmp_path / "programs" / "xmrig").iterdir()}
    assert folders == {"current.json", offers[2][0].sha256[:32], offers[1][0].sha256[:32]}
    again = ProgramStore(tmp_path / "programs")
    again.open()
    assert (again.program("xmrig"), again.previous("xmrig")) == (program, "2.0")
    assert again.problems() == ()


def test_back_and_forth(tmp_path: Path, store: ProgramStore) -> None:
    one, two = bundle(tmp_path, "1.0"), bundle(tmp_path, "2.0")
    install(store, *one)
    with pytest.raises(NotFound, match="no earlier version"):
        store.rollback("xmrig", try_program=runs)
    install(store, *two)
    assert store.is_previous(one[0])
    assert store.rollback("xmrig", try_program=runs) == "1.0"
    assert store.rollback("xmrig", try_program=runs) == "2.0"
    with pytest.raises(NotFound):
        store.rollback("t-rex", try_program=runs)


def test_what_does_not_run_is_not_switched_to(tmp_path: Path, store: ProgramStore) -> None:
    install(store, *bundle(tmp_path, "1.0"))
    offer, path = bundle(tmp_path, "2.0")
    before = tree(tmp_path)
    with pytest.raises(OperationFailed, match="does not run"):
        store.install(offer, path, try_program=does_not_run, now_ms=1)
    assert tree(tmp_path) == before
    install(store, offer, path)
    with pytest.raises(OperationFailed, match="does not run"):
        store.rollback("xmrig", try_program=does_not_run)
    assert store.version("xmrig") == "2.0"


def test_what_a_killed_agent_left_is_removed(tmp_path: Path, store: ProgramStore) -> None:
    install(store, *bundle(tmp_path, "1.0"))
    before = tree(tmp_path)
    left = tmp_path / "programs" / "xmrig" / ".new-abc" / "x"
    left.mkdir(parents=True)
    ProgramStore(tmp_path / "programs").open()
    assert tree(tmp_path) == before


@pytest.mark.parametrize("damage", [b"", b"{}", b"\xff", "program"])
def test_a_damaged_pointer_stops_the_start_and_stays(tmp_path: Path, store: ProgramStore, damage: bytes | str) -> None:
    install(store, *bundle(tmp_path, "1.0"))
    pointer = tmp_path / "programs" / "xmrig" / "current.json"
    if isinstance(damage, str):
        damage = pointer.read_bytes().replace(f"{ROOT_FOLDER}/xmrig".encode(), b"../../../bin/sh")
    pointer.write_bytes(damage)
    with pytest.raises(StateDamaged, match=r"current\.json"):
        ProgramStore(tmp_path / "programs").open()
    assert pointer.read_bytes() == damage


def test_a_program_that_is_gone_is_said_and_can_be_installed_again(tmp_path: Path, store: ProgramStore) -> None:
    offer, path = bundle(tmp_path, "1.0")
    install(store, offer, path)
    program = store.program("xmrig")
    assert program is not None
    program.unlink()
    assert store.program("xmrig") is None
    assert not store.is_current(offer)
    assert "xmrig (1.0) is gone" in store.problems()[0]
    install(store, offer, path)
    assert store.problems() == ()
    assert (store.program("xmrig"), store.previous("xmrig")) == (program, "")


# --- incoming -------------------------------------------------------------------------------------------


def test_what_has_come_is_there_after_a_restart(tmp_path: Path) -> None:
    offer, path = bundle(tmp_path, "1.0")
    data = path.read_bytes()
    first = Incoming(tmp_path / "incoming").begin(offer.sha256, len(data))
    first.write(0, data[:3000])
    partial = Incoming(tmp_path / "incoming").begin(offer.sha256, len(data))
    assert (partial.expected, partial.whole) == (3000, False)
    partial.write(3000, data[3000:])
    assert (partial.whole, partial.sha256()) == (True, offer.sha256)


def test_a_part_that_cannot_be_written_is_asked_for_again(tmp_path: Path) -> None:
    partial = Incoming(tmp_path / "incoming").begin("ab" * 32, 100)
    partial.expected = 50
    with pytest.raises(OSError, match="missing"):
        partial.write(20, b"x" * 30)
    assert (partial.expected, partial.written) == (0, 0)


def test_a_partial_file_that_is_too_long_begins_anew(tmp_path: Path) -> None:
    (tmp_path / "incoming").mkdir(mode=0o700)
    (tmp_path / "incoming" / f"{'ab' * 32}.part").write_bytes(b"x" * 200)
    assert Incoming(tmp_path / "incoming").begin("ab" * 32, 100).expected == 0


def test_partial_files_are_few_and_old_ones_go(tmp_path: Path) -> None:
    now = [os.times().elapsed]
    incoming = Incoming(tmp_path / "incoming", now_s=lambda: now[0])

    def begun(number: int) -> Path:
        path = incoming.begin(f"{number:064x}", 100).path
        os.utime(path, (now[0], now[0]))
        now[0] += 1
        return path

    paths = [begun(number) for number in range(PARTIALS_AT_MOST)]
    with pytest.raises(RateLimited, match="on their way"):
        begun(100)
    now[0] += IDLE_AFTER_S
    begun(101)
    assert [path.exists() for path in paths] == [False, True, True, True]
    assert incoming.get(f"{0:064x}") is None
    now[0] += STALE_AFTER_S
    incoming.remove_stale()
    assert not (tmp_path / "incoming").exists()


def test_a_short_disk_is_said_in_a_sentence(tmp_path: Path) -> None:
    incoming = Incoming(tmp_path / "not yet" / "incoming", free_bytes=lambda _: 300_000_000)
    incoming.check_room(40_000_000, 256_000_000)
    with pytest.raises(OperationFailed, match="300 MB are free, this bundle needs 45 MB, and 256 MB have to") as short:
        incoming.check_room(45_000_000, 256_000_000)
    assert short.value.code == "DISK_SHORT"


# --- signatures -----------------------------------------------------------------------------------------

OFFER = offer_of(b"x", "tar")


def signed(key: Ed25519PrivateKey = KEY) -> BundleOffer:
    return sign_offer(OFFER, key=public(key), sign=key.sign)


def test_a_signature_covers_every_field() -> None:
    assert canonical_bytes(OFFER).startswith(b'miner-ctrl/1 bundle\0{"architecture":')
    assert is_signed(signed())
    changes = {"version": "2", "miner_type": "t-rex", "system": "windows", "architecture": "aarch64", "archive": "zip",
               "sha256": "0" * 64, "size_bytes": 2, "unpacked_bytes": 3, "files": 4, "program": "sh",
               "signing_key": public(OTHER)}  # fmt: skip
    assert changes.keys() | {"signature"} == set(BundleOffer.__struct_fields__)
    for field, value in changes.items():
        assert not is_signed(msgspec.structs.replace(signed(), **{field: value})), field
    assert not is_signed(OFFER)


def test_who_may_sign() -> None:
    check_signature(signed(), peer=public(KEY), operators=(), operators_only=False)
    check_signature(signed(OTHER), peer=public(KEY), operators=(public(OTHER),), operators_only=True)
    for offer, operators, only in (
        (signed(OTHER), (), False),
        (signed(), (), True),
        (signed(), (public(OTHER),), True),
        (msgspec.structs.replace(signed(OTHER), signing_key=public(KEY)), (), False),
    ):
        with pytest.raises(Refused):
            check_signature(offer, peer=public(KEY), operators=operators, operators_only=only)


# --- bundles --------------------------------------------------------------------------------------------


@pytest.fixture
def bundles(tmp_path: Path) -> BundleStore:
    times = iter(range(1, 1000))
    return BundleStore(tmp_path / "bundles", now_ms=lambda: next(times))


def test_bundles_are_added_listed_chosen_and_removed(tmp_path: Path, bundles: BundleStore) -> None:
    assert bundles.all() == []
    for version in ("1.0", "2.0"):
        _, path = bundle(tmp_path, version)
        bundles.add(put_incoming(path, tmp_path / "bundles"), miner_type="xmrig", version=version)
    assert [one.offer.version for one in bundles.all()] == ["2.0", "1.0"]
    assert bundles.of_type("xmrig", None)[0].offer.version == "2.0"
    [old] = bundles.of_type("xmrig", "1.0")
    assert bundles.archive(old).read_bytes() == (tmp_path / "1.0.tar").read_bytes()
    assert not old.by_operator
    assert list((tmp_path / "bundles" / "incoming").iterdir()) == []
    assert bundles.remove(old.offer.sha256[:8]).offer.version == "1.0"
    for missing in (lambda: bundles.of_type("xmrig", "1.0"), lambda: bundles.of_type("t-rex", None),
                    lambda: bundles.find("00"), lambda: bundles.find("")):  # fmt: skip
        with pytest.raises(NotFound):
            missing()


def test_a_beginning_of_several_is_not_taken_for_one(tmp_path: Path, bundles: BundleStore) -> None:
    added = []
    for number in range(17):
        _, path = bundle(tmp_path, f"1.{number}")
        added.append(bundles.add(put_incoming(path, tmp_path / "bundles"), miner_type="xmrig", version=f"1.{number}"))
    firsts = [one.offer.sha256[0] for one in added]
    shared = next(first for first in firsts if firsts.count(first) > 1)
    with pytest.raises(Conflict):
        bundles.find(shared)


def test_an_operators_offer_is_kept_as_it_is_signed(tmp_path: Path, bundles: BundleStore) -> None:
    _, path = bundle(tmp_path, "1.0")
    plain = bundles.add(put_incoming(path, tmp_path / "bundles"), miner_type="xmrig", version="1.0").offer
    offer = sign_offer(plain, key=public(KEY), sign=KEY.sign)
    assert bundles.add(put_incoming(path, tmp_path / "bundles"), offer=offer).by_operator
    [kept] = bundles.all()
    assert kept.offer == offer
    wrong = (
        msgspec.structs.replace(offer, signature=bytes(63) + b"\1"),
        sign_offer(msgspec.structs.replace(plain, sha256="0" * 64), key=public(KEY), sign=KEY.sign),
        sign_offer(msgspec.structs.replace(plain, unpacked_bytes=1), key=public(KEY), sign=KEY.sign),
    )
    before = tree(tmp_path)
    for bad in wrong:
        with pytest.raises(BadInput):
            bundles.add(put_incoming(path, tmp_path / "bundles"), offer=bad)
    assert tree(tmp_path) == before


@pytest.mark.parametrize("name", ["../secret", "secret", "", "/etc/passwd", "a.b", "x\n", "link"])
def test_only_plain_files_of_the_incoming_folder_are_taken(tmp_path: Path, bundles: BundleStore, name: str) -> None:
    secret = tmp_path / "bundles" / "secret"
    (secret.parent / "incoming").mkdir(parents=True)
    secret.write_bytes(tar_of({"xmrig": speaking("1")}))
    (secret.parent / "incoming" / "link").symlink_to(secret)
    with pytest.raises(NotFound, match="incoming"):
        bundles.add(name, miner_type="xmrig", version="1")
    assert secret.exists()


def test_a_damaged_description_is_named(tmp_path: Path, bundles: BundleStore) -> None:
    _, path = bundle(tmp_path, "1.0")
    added = bundles.add(put_incoming(path, tmp_path / "bundles"), miner_type="xmrig", version="1.0")
    (tmp_path / "bundles" / added.offer.sha256 / "offer.json").write_bytes(b"{")
    with pytest.raises(StateDamaged, match=added.offer.sha256):
        bundles.all()
