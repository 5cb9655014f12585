"""A part of a rig's journal, and whether it can be what comes next. Pure; what a rig says is hostile."""

from __future__ import annotations

import re

import msgspec

from miner_ctrl.errors import OperationFailed
from miner_ctrl.model.history import JournalEntry, OwnEvent, RigEvent, Sample

MAX_TIME_MS = 2**53
NEAR_ENOUGH_MS = 2_000
"""Clocks this near to each other count as one: less is the time an answer travels."""

_JOURNAL = re.compile(r"[0-9A-Za-z_-]{16,64}")


class Nonsense(OperationFailed):
    """A rig's journal that cannot be: it is not asked again for a while."""

    default_code = "BAD_HISTORY"


class Place(msgspec.Struct, frozen=True):
    """How far a rig's history is known: the entry ``after`` of ``journal``; empty and 0 at the beginning."""

    journal: str = ""
    after: int = 0


class HistoryPart(msgspec.Struct, frozen=True, kw_only=True):
    """What a rig answered, with ``offset_ms``: this node's clock minus the rig's when it came."""

    journal: str
    entries: tuple[JournalEntry, ...]
    first: int
    last: int
    more: bool
    offset_ms: int = 0


def offset_of(at_ms: int, now_ms: int) -> int:
    """Return how far the rig's clock ``at_ms`` is behind ``now_ms``; 0 where it is near enough or not known.

    Raises:
        Nonsense: it is no time.
    """
    if not at_ms:
        return 0
    if not 0 < at_ms < MAX_TIME_MS:
        raise Nonsense("The rig's clock says a time that cannot be.")
    offset_ms = now_ms - at_ms
    return 0 if abs(offset_ms) <= NEAR_ENOUGH_MS else offset_ms


def new_entries(part: HistoryPart, known: int) -> tuple[JournalEntry, ...]:
    """Return the entries of ``part`` above ``known``, which follow each other without a hole.

    Raises:
        Nonsense: no journal in order says this.
    """
    if not _JOURNAL.fullmatch(part.journal):
        raise Nonsense("The rig's journal has an ID that cannot be one.")
    numbers = [entry.seq for entry in part.entries]
    if numbers and numbers != list(range(numbers[0], numbers[0] + len(numbers))):
        raise Nonsense("The rig's journal has entries that do not follow each other.")
    if part.first > part.last or part.last < known:
        raise Nonsense("The rig's journal goes backwards: it has fewer entries than it has told already.")
    if numbers and not 0 < part.first <= numbers[0] <= numbers[-1] <= part.last:
        raise Nonsense("The rig's journal has entries that it says it does not have.")
    if part.more and not (numbers and numbers[-1] > known):
        raise Nonsense("The rig says that there is more of its journal, and does not send it.")
    fresh = part.entries[max(0, known + 1 - numbers[0]) :] if numbers else ()
    if fresh and fresh[0].seq > known + 1 and fresh[0].seq != part.first:
        raise Nonsense("The rig leaves out entries that it says it has.")
    for entry in fresh:
        _check(entry)
    return fresh


def _check(entry: JournalEntry) -> None:
    what = entry.what
    if not 0 <= what.at_ms < MAX_TIME_MS:
        raise Nonsense("The rig's journal has an entry at a time that cannot be.")
    if isinstance(what, Sample) and len({miner.name for miner in what.miners}) != len(what.miners):
        raise Nonsense("The rig's journal has one miner twice in one sample.")
    if isinstance(what, Sample) and any("\0" in miner.name for miner in what.miners):
        raise Nonsense("The rig's journal has a miner with a name that cannot be one.")


def kept_text(text: str) -> str:
    """Return ``text`` as every database takes it: PostgreSQL has no NUL."""
    return text.replace("\0", "\ufffd") if "\0" in text else text


def texts_of(event: RigEvent | OwnEvent) -> tuple[str, str, str, str]:
    """Return kind, miner, who and text of an event, as they are kept."""
    return kept_text(event.kind), kept_text(event.miner), kept_text(event.by), kept_text(event.text)


def cost_of(entries: tuple[JournalEntry, ...]) -> tuple[int, int]:
    """Return about how many bytes entries take here, and how many of them events."""
    samples = events = 0
    for entry in entries:
        what = entry.what
        if isinstance(what, Sample):
            samples += 32 + sum(64 + len(miner.name) + len(miner.algorithm) for miner in what.miners)
        else:
            events += 64 + 4 * (len(what.kind) + len(what.miner) + len(what.by) + len(what.text))
    return samples + events, events
