"""All peers in memory, found by fingerprint, key, ID, name and prefix of the ID."""

from __future__ import annotations

import re
from bisect import bisect_left, insort
from collections.abc import Iterator

from miner_ctrl.identity.keys import PublicKeys
from miner_ctrl.model.nodes import NAME_MAX_CHARS
from miner_ctrl.peers.records import PeerRecord

_ID_PREFIX = re.compile(r"[0-9a-f]{1,16}")
_FINGERPRINT = re.compile(r"[0-9a-f]{64}")


class PeerIndex:
    """The entries of a registry. Names are told apart without regard to case."""

    def __init__(self) -> None:
        self._peers: dict[bytes, PeerRecord] = {}
        self._ids: dict[str, bytes] = {}
        self._sorted_ids: list[str] = []
        self._names: dict[str, bytes] = {}
        self._keys: dict[bytes, bytes] = {}
        self._next_suffix: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self._peers)

    def __iter__(self) -> Iterator[PeerRecord]:
        return iter(self._peers.values())

    def get(self, fingerprint: bytes) -> PeerRecord | None:
        """Return the peer with this fingerprint (32 bytes)."""
        return self._peers.get(fingerprint)

    def holder_of(self, keys: PublicKeys) -> PeerRecord | None:
        """Return the peer that has one of these keys, or their ID."""
        fingerprint = self._keys.get(keys.x) or self._keys.get(keys.e) or self._ids.get(keys.node_id)
        return None if fingerprint is None else self._peers[fingerprint]

    def matches(self, query: str) -> list[PeerRecord]:
        """Return every peer that ``query`` may mean: a fingerprint in hex, a name, an ID or a prefix of one."""
        lowered = query.lower()
        if _FINGERPRINT.fullmatch(lowered):
            record = self._peers.get(bytes.fromhex(lowered))
            return [] if record is None else [record]
        found: dict[bytes, PeerRecord] = {}
        if lowered in self._names:
            fingerprint = self._names[lowered]
            found[fingerprint] = self._peers[fingerprint]
        if _ID_PREFIX.fullmatch(lowered):
            for place in range(bisect_left(self._sorted_ids, lowered), len(self._sorted_ids)):
                if not self._sorted_ids[place].startswith(lowered):
                    break
                fingerprint = self._ids[self._sorted_ids[place]]
                found[fingerprint] = self._peers[fingerprint]
        return list(found.values())

    def free_name(self, name: str) -> str:
        """Return ``name``, with the first free suffix ``-2``, ``-3`` … if it is taken."""
        base = name.lower()
        if base not in self._names:
            return name
        number = self._next_suffix.get(base, 2)
        while (candidate := f"{name[: NAME_MAX_CHARS - len(str(number)) - 1]}-{number}").lower() in self._names:
            number += 1
        self._next_suffix[base] = number
        return candidate

    def put(self, record: PeerRecord) -> None:
        """Enter a peer, or replace the entry with the same keys."""
        fingerprint = record.keys.fingerprint
        held = self._peers.get(fingerprint)
        if held is None:
            insort(self._sorted_ids, record.keys.node_id)
            self._ids[record.keys.node_id] = fingerprint
            self._keys[record.keys.x] = self._keys[record.keys.e] = fingerprint
        else:
            del self._names[held.name.lower()]
        self._names[record.name.lower()] = fingerprint
        self._peers[fingerprint] = record

    def touch(self, record: PeerRecord) -> None:
        """Replace the entry with the same keys and name: the short way of contact data."""
        self._peers[record.keys.fingerprint] = record

    def remove(self, record: PeerRecord) -> None:
        """Take a peer out."""
        del self._peers[record.keys.fingerprint]
        del self._names[record.name.lower()]
        del self._ids[record.keys.node_id]
        del self._keys[record.keys.x], self._keys[record.keys.e]
        self._sorted_ids.pop(bisect_left(self._sorted_ids, record.keys.node_id))
