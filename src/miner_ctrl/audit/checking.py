"""Whether a log is what its node wrote: the chain, its signatures, and the heads that others hold. Pure.

The signature of the last entry covers all before it, so a sound log costs one hash an entry and one signature. Only
where that fails is each signature looked at, to name the first entry that is not the node's.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from miner_ctrl.audit.entries import Entry, first_link, hash_of, head_bytes, link
from miner_ctrl.model.audit import AskedPeerView, AuditCheckView, AuditHead

OK, CHANGED, MISSING, REORDERED = "ok", "changed", "missing", "reordered"
BAD_SIGNATURE, DAMAGED, CUT, REPLACED = "bad_signature", "damaged", "cut", "replaced"
_MOVED_AT_MOST = 512
"""How far from its place an entry is looked for, to say that it was moved and not changed."""

Verifies = Callable[[bytes, bytes], bool]
"""``(signature, data)``: whether the node whose log it is signed these data."""


class Check(NamedTuple):
    """What was found: ``OK``, or the first bad entry, what is wrong with it, and a sentence."""

    found: str = OK
    seq: int = 0
    text: str = ""
    first: int = 0
    last: Entry | None = None


def check_chain(
    entries: Callable[[], Iterable[Entry]], *, fingerprint: bytes, verifies: Verifies, whole: bool = True
) -> Check:
    """Check a log from its first entry to its last; without ``whole`` it may begin later.

    ``entries`` is called once for a sound log, and once more to find whose signature is wrong.
    """
    before: Entry | None = None
    first = 0
    for entry in entries():
        wrong = _wrong_with(entry, before, fingerprint, whole=whole)
        if wrong is not None:
            found = wrong if wrong.found != BAD_SIGNATURE else _first_unsigned(entries, fingerprint, verifies, wrong)
            return found._replace(first=first)
        first, before = first or entry.seq, entry
    if before is None or _is_signed(before, fingerprint, verifies):
        return Check(first=first, last=before)
    wrong = _unsigned(before)
    return _first_unsigned(entries, fingerprint, verifies, wrong)._replace(first=first)


def check_heads(held: Iterable[AuditHead], hashes: Callable[[int], bytes | None], last: int, who: str) -> Check | None:
    """Return what the heads that ``who`` holds say against a log that ends at ``last``; ``None``: nothing.

    ``hashes`` returns the hash of the entry of a number. The heads' signatures were checked.
    """
    heads = sorted(held, key=lambda each: each.seq)
    for head in heads:
        if head.seq <= last and hashes(head.seq) != head.hash:
            return Check(REPLACED, head.seq, f"Entry {head.seq} was replaced: {who} holds another one.")
    if not heads or (newest := heads[-1].seq) <= last:
        return None
    return Check(CUT, last + 1, f"The end is missing: {who} holds entry {newest}, and the log ends at {last}.")


def view_of_check(check: Check, peers: tuple[AskedPeerView, ...] = ()) -> AuditCheckView:
    """Return what was found as it is shown; ``peers`` are those that were asked for heads."""
    last = check.last
    return AuditCheckView(
        ok=check.found == OK,
        found=check.found,
        seq=check.seq,
        text=check.text,
        entries=last.seq - check.first + 1 if last else 0,
        first=check.first,
        last_at_ms=last.at_ms if last else 0,
        hash=base64.b64encode(last.hash).decode() if last else "",
        tail_checked=any(peer.heads for peer in peers),
        peers=peers,
    )


def is_head_of(head: AuditHead, fingerprint: bytes, verifies: Verifies) -> bool:
    """Whether the node with this fingerprint signed ``head``."""
    return verifies(head.signature, head_bytes(fingerprint, head.seq, head.at_ms, head.hash))


def _wrong_with(entry: Entry, before: Entry | None, fingerprint: bytes, *, whole: bool) -> Check | None:
    """Return what is wrong with ``entry`` at its place; whether its signature is good is not looked at yet."""
    expected = before.seq + 1 if before else 1 if whole else entry.seq
    if entry.seq < expected:
        return Check(
            REORDERED, entry.seq, f"Entry {entry.seq} stands after entry {expected - 1}: the order was changed."
        )
    try:
        sound = hash_of(entry) == entry.hash
    except ValueError:
        sound = False
    if entry.seq > expected:
        missing = f"Entry {expected} is" if entry.seq == expected + 1 else f"Entries {expected} to {entry.seq - 1} are"
        return Check(MISSING, expected, f"{missing} missing.")
    if not sound:
        return _moved(entry) or Check(CHANGED, entry.seq, f"Entry {entry.seq} was changed.")
    linked = link(before.hash, before.signature) if before else first_link(fingerprint) if expected == 1 else entry.prev
    if entry.prev == linked:
        return None
    if before is None:
        return Check(CHANGED, entry.seq, "The first entry is not the beginning of this node's log.")
    return Check(BAD_SIGNATURE, entry.seq, f"Entry {entry.seq} does not follow entry {before.seq}: one was replaced.")


def _moved(entry: Entry) -> Check | None:
    for distance in range(1, _MOVED_AT_MOST):
        for seq in (entry.seq - distance, entry.seq + distance):
            try:
                if seq > 0 and hash_of(entry, seq=seq) == entry.hash:
                    return Check(
                        REORDERED, entry.seq, f"What stands as entry {entry.seq} is entry {seq}: the order was changed."
                    )
            except ValueError:
                return None
    return None


def _first_unsigned(
    entries: Callable[[], Iterable[Entry]], fingerprint: bytes, verifies: Verifies, otherwise: Check
) -> Check:
    """Return the first entry up to the one of ``otherwise`` that the node did not sign; that one if it signed all."""
    for entry in _until(entries(), otherwise.seq):
        if not _is_signed(entry, fingerprint, verifies):
            return _unsigned(entry)
    return otherwise if otherwise.found != BAD_SIGNATURE else otherwise._replace(found=REPLACED)


def _until(entries: Iterable[Entry], seq: int) -> Iterator[Entry]:
    for entry in entries:
        yield entry
        if entry.seq >= seq:
            return


def _is_signed(entry: Entry, fingerprint: bytes, verifies: Verifies) -> bool:
    return verifies(entry.signature, head_bytes(fingerprint, entry.seq, entry.at_ms, entry.hash))


def _unsigned(entry: Entry) -> Check:
    return Check(BAD_SIGNATURE, entry.seq, f"The signature of entry {entry.seq} is not this node's.")
