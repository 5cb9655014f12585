"""Whatever is done to a log's file shows, and the first bad entry is named."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from miner_ctrl.audit.checking import BAD_SIGNATURE, CHANGED, CUT, DAMAGED, MISSING, OK, REORDERED, REPLACED
from miner_ctrl.audit.entries import Entry, first_link, hash_of, head_bytes, link
from miner_ctrl.audit.reading import Held
from tests.audit.keeping import FINGERPRINT, OTHERS, START_MS, around_the_schema, check, entries, put, write


@pytest.fixture
async def path(tmp_path: Path) -> Path:
    await write(tmp_path / "audit.db")
    return tmp_path / "audit.db"


async def test_a_log_is_sound_also_when_it_is_gone_on_with(path: Path) -> None:
    await write(path, commands=3, first=4)
    found = check(path)
    assert (found.found, found.first, found.last and found.last.seq) == (OK, 1, 14)
    assert [entry.of for entry in entries(path)] == [0, 1, 0, 3, 0, 5, 0, 7, 0, 9, 0, 11, 0, 13]


def test_no_log_is_sound(tmp_path: Path) -> None:
    assert check(tmp_path / "audit.db").found == OK


def test_the_bytes_that_are_hashed_and_signed_are_those_of_the_document() -> None:
    """docs/audit.md: who verifies a log with a program of their own has these to go by."""
    prev = first_link(bytes(32))
    entry = Entry(
        1, START_MS, "asked", 0, "token", "operator", "ü", "0a1b", "192.0.2.7", "stop_miner", '{"peer":"r"}', "{}", "",
        prev, b"", b"",
    )  # fmt: skip
    by_hand = b"miner-ctrl/1 audit entry\0" + prev
    by_hand += (1).to_bytes(8, "big") + START_MS.to_bytes(8, "big") + (0).to_bytes(8, "big")
    for text in ("asked", "token", "operator", "ü", "0a1b", "192.0.2.7", "stop_miner", '{"peer":"r"}', "{}", ""):
        by_hand += len(text.encode()).to_bytes(4, "big") + text.encode()
    assert hash_of(entry) == hashlib.sha256(by_hand).digest()
    assert prev == hashlib.sha256(b"miner-ctrl/1 audit log\0" + bytes(32)).digest()
    assert link(b"h" * 32, b"s" * 64) == hashlib.sha256(b"miner-ctrl/1 audit link\0" + b"h" * 32 + b"s" * 64).digest()
    assert head_bytes(bytes(32), 1, 2, b"h" * 32) == (
        b"miner-ctrl/1 audit head\0" + bytes(32) + (1).to_bytes(8, "big") + (2).to_bytes(8, "big") + b"h" * 32
    )


def test_any_field_of_any_entry_that_is_changed_shows(path: Path) -> None:
    sound = entries(path)
    for index, entry in enumerate(sound):
        for name in Entry._fields[1:]:
            for changed in _changed(getattr(entry, name)):
                forged = [*sound]
                forged[index] = entry._replace(**{name: changed})  # type: ignore[arg-type]  # whatever its kind is
                put(path, forged)
                found = check(path)
                assert (found.found != OK, found.seq) == (True, entry.seq), (found, entry.seq, name, changed)
    put(path, sound)
    assert check(path).found == OK


def _changed(held: int | str | bytes) -> list[int | str | bytes]:
    """Every way to change one character or byte of it, and to make it longer or shorter."""
    if isinstance(held, int):
        return [held + 1, held + 2**40]
    if isinstance(held, bytes):
        return [*(held[:at] + bytes([held[at] ^ 1]) + held[at + 1 :] for at in range(len(held))), held[:-1], b""]
    flipped = [held[:at] + chr(ord(held[at]) ^ 1) + held[at + 1 :] for at in range(len(held))]
    return [*flipped, held + "x", *([held[:-1]] if held else [])]


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_byte_of_the_file_that_changes_what_is_read_shows(path: Path, data: st.DataObject) -> None:
    """The file itself, flipped anywhere: either what is read is the same, or the check says no."""
    sound, raw = entries(path), path.read_bytes()
    at = data.draw(st.integers(0, len(raw) - 1))
    bit = data.draw(st.integers(0, 7))
    other = path.with_name("flipped.db")
    other.write_bytes(raw[:at] + bytes([raw[at] ^ (1 << bit)]) + raw[at + 1 :])
    found = check(other)
    if found.found == OK:
        assert entries(other) == sound


@pytest.mark.parametrize("wrong", ["CAST(code AS BLOB)", "X'FF00'", "4", "CAST(X'FFFE' AS TEXT)"])
@pytest.mark.parametrize("name", ["code", "hash", "signature", "prev", "of", "at_ms"])
def test_a_field_of_another_kind_shows(path: Path, name: str, wrong: str) -> None:
    with around_the_schema(path) as database:
        table = database.execute("SELECT sql FROM sqlite_schema WHERE name = 'entry'").fetchone()[0]
        database.execute("ALTER TABLE entry RENAME TO old")
        database.execute(table.replace("STRICT", "").replace("INTEGER NOT NULL", "").replace("TEXT NOT NULL", ""))
        database.execute("INSERT INTO entry SELECT * FROM old")
        database.execute(f"UPDATE entry SET {name} = {wrong} WHERE seq = 3")
    found = check(path)
    assert found.found != OK
    assert found.seq == 3


@pytest.mark.parametrize("gone", range(1, 8))
def test_a_missing_entry_shows(path: Path, gone: int) -> None:
    put(path, [entry for entry in entries(path) if entry.seq != gone])
    assert check(path)[:2] == (MISSING, gone)


@pytest.mark.parametrize(("one", "other"), [(1, 2), (3, 4), (2, 7), (7, 8)])
def test_entries_that_changed_places_show(path: Path, one: int, other: int) -> None:
    sound = entries(path)
    forged = [*sound]
    forged[one - 1] = sound[other - 1]._replace(seq=one)
    forged[other - 1] = sound[one - 1]._replace(seq=other)
    put(path, forged)
    found = check(path)
    assert found[:2] == (REORDERED, one)
    assert f"is entry {other}" in found.text


@pytest.mark.parametrize("at", [1, 4, 8])
def test_an_entry_changed_and_all_after_it_hashed_anew_shows(path: Path, at: int) -> None:
    sound = entries(path)
    forged = _rehashed([*sound[: at - 1], sound[at - 1]._replace(caller="nobody"), *sound[at:]])
    put(path, forged)
    assert check(path)[:2] == (BAD_SIGNATURE, at)


def test_an_entry_taken_out_and_all_after_it_numbered_anew_shows(path: Path) -> None:
    sound = entries(path)
    put(path, _rehashed([*sound[:3], *sound[4:]]))
    assert check(path)[:2] == (BAD_SIGNATURE, 4)


def test_an_entry_put_in_between_shows(path: Path) -> None:
    sound = entries(path)
    put(path, _rehashed([*sound[:2], sound[5], *sound[2:]]))
    assert check(path)[:2] == (BAD_SIGNATURE, 3)


def test_an_entry_of_another_nodes_shows(path: Path) -> None:
    sound = entries(path)
    forged = _rehashed(sound, sign=OTHERS.sign)
    put(path, forged)
    assert check(path)[:2] == (BAD_SIGNATURE, 1)


def test_a_log_of_another_nodes_shows(path: Path) -> None:
    """All of it, sound, but from a node with another fingerprint."""
    put(path, _rehashed(entries(path), sign=OTHERS.sign, fingerprint=OTHERS.public.fingerprint))
    assert check(path)[:2] == (CHANGED, 1)


@pytest.mark.parametrize("cut", [1, 3, 7])
def test_a_cut_end_shows_by_what_a_peer_holds_and_not_without(path: Path, cut: int) -> None:
    sound = entries(path)
    put(path, sound[:-cut])
    assert check(path).found == OK
    assert check(path, Held("control", ())).found == OK
    held = Held("control", (sound[-1].head, sound[0].head))
    assert check(path, held)[:2] == (CUT, len(sound) - cut + 1)
    assert "control holds entry 8" in check(path, held).text
    assert check(path, Held("control", (sound[-1 - cut].head,))).found == OK


async def test_a_log_cut_and_gone_on_with_by_its_own_key_shows_by_what_a_peer_holds(path: Path) -> None:
    """Who has the node's key can write another end; who was told of the first one still knows it."""
    sound = entries(path)
    put(path, sound[:4])
    await write(path, commands=6, first=50)
    assert check(path).found == OK
    assert check(path, Held("control", (sound[5].head,)))[:2] == (REPLACED, 6)


def test_a_log_emptied_shows(path: Path) -> None:
    sound = entries(path)
    put(path, [])
    assert check(path, Held("control", (sound[-1].head,)))[:2] == (CUT, 1)
    path.unlink()
    assert check(path, Held("control", (sound[-1].head,)))[:2] == (CUT, 1)


def test_a_file_that_is_no_database_is_damaged(path: Path) -> None:
    path.write_bytes(b"x" * 8192)
    assert check(path).found == DAMAGED


def test_a_file_cut_in_the_middle_is_damaged_or_shows(path: Path, tmp_path: Path) -> None:
    short = tmp_path / "short.db"
    shutil.copy(path, short)
    with short.open("r+b") as file:
        file.truncate(path.stat().st_size // 2)
    assert check(short).found != OK


def _rehashed(forged: list[Entry], sign: object = None, fingerprint: bytes = FINGERPRINT) -> list[Entry]:
    """What somebody can make who knows how it is done and has no key, or another (``sign``)."""
    made: list[Entry] = []
    prev = first_link(fingerprint)
    for seq, changed in enumerate(forged, 1):
        entry = changed._replace(seq=seq, prev=prev, hash=b"")
        entry = entry._replace(hash=hash_of(entry))
        if callable(sign):
            entry = entry._replace(signature=sign(head_bytes(fingerprint, seq, entry.at_ms, entry.hash)))
        made.append(entry)
        prev = link(entry.hash, entry.signature)
    return made
