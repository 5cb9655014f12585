"""Heads of peers' logs: kept, spread over the time, and evidence when they contradict each other."""

from __future__ import annotations

import asyncio
import itertools
import logging
from pathlib import Path

import pytest

from miner_ctrl.audit.checking import is_head_of
from miner_ctrl.audit.entries import head_bytes
from miner_ctrl.audit.heads import CONFLICTS_KEPT, KEPT, HeadBook
from miner_ctrl.errors import StateDamaged
from miner_ctrl.model.audit import MAX_HEADS_TOLD, AuditHead
from tests.audit.keeping import FINGERPRINT, KEYS, OTHERS, START_MS

RIG, OTHER = b"r" * 32, b"o" * 32


def head(seq: int, hash_: bytes = b"") -> AuditHead:
    hash_ = hash_ or seq.to_bytes(32, "big")
    return AuditHead(seq, START_MS + seq, hash_, KEYS.sign(head_bytes(FINGERPRINT, seq, START_MS + seq, hash_)))


class Book(HeadBook):
    def __init__(self, path: Path) -> None:
        self.now_ms = START_MS
        super().__init__(path, now_ms=self._time)

    def _time(self) -> int:
        self.now_ms += 60_000
        return self.now_ms


@pytest.fixture
def book(tmp_path: Path) -> Book:
    return Book(tmp_path / "heads.db")


async def test_who_told_nothing_has_nothing(book: Book) -> None:
    assert await book.take(RIG, None) == ()
    assert await book.kept() == []
    assert not book._path.exists()


async def test_the_newest_is_answered_and_all_are_told_to_who_asks(book: Book) -> None:
    assert await book.take(RIG, head(3)) == (head(3),)
    assert await book.take(RIG, head(7)) == (head(7),)
    assert await book.take(RIG, head(7)) == (head(7),)
    assert await book.take(OTHER, head(1)) == (head(1),)
    assert await Book(book._path).take(RIG, None) == (head(7), head(3))


@pytest.mark.parametrize(
    "told", [head(5), head(7, b"x" * 32), head(3)], ids=["back", "fork", "back to one told before"]
)
async def test_a_head_that_contradicts_is_evidence_beside_the_newest(
    book: Book, told: AuditHead, caplog: pytest.LogCaptureFixture
) -> None:
    await book.take(RIG, head(3))
    await book.take(RIG, head(7))
    assert await book.take(RIG, told) == (told, head(7))
    assert await book.take(RIG, told) == (told, head(7))
    assert caplog.text.count("was cut or replaced") == 1
    assert await book.take(RIG, head(8)) == (told, head(8))
    kept = await book.kept()
    assert [(each.head, each.conflict) for each in kept] == [(told, True), (head(8), False)]


async def test_evidence_has_an_end(book: Book, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    await book.take(RIG, head(10_000))
    for seq in range(1, 100):
        await book.take(RIG, head(seq))
    told = await book.take(RIG, None)
    assert len(told) == CONFLICTS_KEPT + 1
    assert told[0] == head(CONFLICTS_KEPT)
    assert head(1) in told
    assert len(caplog.records) == CONFLICTS_KEPT


async def test_of_many_heads_some_of_every_time_are_kept(book: Book) -> None:
    await asyncio.gather(*(book.take(RIG, head(seq)) for seq in range(1, 301)))
    for seq in range(301, 401):
        await book.take(RIG, head(seq))
    seqs = sorted(each.seq for each in await book.take(RIG, None))
    assert len(seqs) == KEPT <= MAX_HEADS_TOLD
    assert (seqs[0], seqs[-1]) == (1, 400)
    assert max(later - earlier for earlier, later in itertools.pairwise(seqs)) < 300


async def test_a_damaged_file_is_said(book: Book) -> None:
    book._path.write_bytes(b"no database" * 500)
    with pytest.raises(StateDamaged):
        await book.take(RIG, head(1))
    with pytest.raises(StateDamaged):
        await book.take(RIG, None)


def test_only_its_own_node_signs_a_head() -> None:
    signed = head(4)
    verifies = KEYS.public.verifies
    assert is_head_of(signed, FINGERPRINT, verifies)
    assert not is_head_of(signed, OTHERS.public.fingerprint, verifies)
    assert not is_head_of(signed, FINGERPRINT, OTHERS.public.verifies)
    for wrong in (
        AuditHead(5, signed.at_ms, signed.hash, signed.signature),
        AuditHead(4, signed.at_ms + 1, signed.hash, signed.signature),
        AuditHead(4, signed.at_ms, b"x" * 32, signed.signature),
        AuditHead(4, signed.at_ms, signed.hash, bytes(64)),
    ):
        assert not is_head_of(wrong, FINGERPRINT, verifies)
