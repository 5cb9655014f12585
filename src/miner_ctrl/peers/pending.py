"""Strangers that wait for a person's approval: bounded, in memory (docs/protocol.md, "Pairing")."""

from __future__ import annotations

import ipaddress
import re
from collections import Counter
from collections.abc import Callable

import msgspec

from miner_ctrl.errors import BadInput, Conflict, NotFound
from miner_ctrl.identity.introductions import Introduction
from miner_ctrl.identity.keys import PublicKeys
from miner_ctrl.model.text import one_line

TOTAL = 64
PER_ADDRESS = 4
FOR_S = 24 * 3600
DENIED_TOTAL = 1024
_WHOLE = re.compile(r"[0-9a-f]{16}|[0-9a-f]{64}")
_IPV6_PREFIX = 64


class PendingEntry(msgspec.Struct, frozen=True, kw_only=True):
    """A node that waits: authenticated keys, the name it claims, the address it came from. Times are Unix, ms."""

    keys: PublicKeys
    name: str
    host: str
    since_ms: int
    expires_ms: int


class Pending:
    """At most 64 in all and 4 from one address (IPv6: one /64), for 24 h each; ``now_ms`` is Unix time.

    When it is full, the oldest entry of the address that has most of them goes. One that was denied is not listed
    again for 24 h.
    """

    def __init__(self, *, now_ms: Callable[[], int]) -> None:
        self._now_ms = now_ms
        self._entries: dict[bytes, PendingEntry] = {}
        self._denied: dict[bytes, int] = {}
        self.changed: Callable[[], None] = lambda: None
        """Called when somebody came to wait, or waits no more."""

    def note(self, introduction: Introduction, host: str) -> bool:
        """Let a node wait; false if it was denied. One that waits already keeps its place and time."""
        self._expire()
        fingerprint = introduction.keys.fingerprint
        if fingerprint in self._denied:
            return False
        held = self._entries.get(fingerprint)
        if held is not None and address_block(held.host) == address_block(host):
            return True
        self._entries.pop(fingerprint, None)
        now_ms = self._now_ms()
        self._entries[fingerprint] = PendingEntry(
            keys=introduction.keys, name=introduction.name, host=host, since_ms=now_ms, expires_ms=now_ms + FOR_S * 1000
        )
        self._evict()
        self.changed()
        return True

    def waits(self, fingerprint: bytes) -> bool:
        """Whether a node waits already."""
        return fingerprint in self._entries

    def list(self) -> list[PendingEntry]:
        """Return who waits, the longest first."""
        self._expire()
        return list(self._entries.values())

    def get(self, query: str) -> PendingEntry:
        """Return the entry with this full Node ID or full fingerprint (hex): never by prefix or by name.

        Raises:
            BadInput: the query is neither.
            NotFound, Conflict: no such node waits, or two with this ID.
        """
        self._expire()
        wanted = re.sub(r"[\s:]", "", query).lower()
        if not _WHOLE.fullmatch(wanted):
            raise BadInput(
                f"{one_line(query, 80)!r} is neither a whole node ID nor a whole fingerprint.",
                suggestion="Compare the words, then copy the whole ID from miner-ctrl peer pending.",
                code="BAD_NODE_ID",
            )
        found = [
            entry
            for entry in self._entries.values()
            if wanted in (str(entry.keys.node_id), entry.keys.fingerprint.hex())
        ]
        if not found:
            raise NotFound(
                "No such node waits for approval.",
                suggestion="See miner-ctrl peer pending; a node that waits shows up when it dials again.",
                code="PENDING_NOT_FOUND",
            )
        if len(found) > 1:
            raise Conflict(
                "Several waiting nodes have this ID, with different keys.",
                suggestion="Give the whole fingerprint of the one you mean.",
                code="AMBIGUOUS_PENDING",
            )
        return found[0]

    def take(self, query: str) -> PendingEntry:
        """Return an entry, as ``get`` does, and take it out."""
        entry = self.get(query)
        self.forget(entry.keys.fingerprint)
        return entry

    def deny(self, query: str) -> PendingEntry:
        """Take an entry out and refuse these keys for 24 h, or until this node starts anew."""
        entry = self.take(query)
        while len(self._denied) >= DENIED_TOTAL:
            del self._denied[next(iter(self._denied))]
        self._denied[entry.keys.fingerprint] = self._now_ms() + FOR_S * 1000
        return entry

    def forget(self, fingerprint: bytes) -> None:
        """Take out whoever waits no longer, because it was let in another way."""
        if self._entries.pop(fingerprint, None) is not None:
            self.changed()

    def _expire(self) -> None:
        now_ms = self._now_ms()
        for fingerprint in [key for key, entry in self._entries.items() if entry.expires_ms <= now_ms]:
            self.forget(fingerprint)
        for fingerprint in [key for key, until_ms in self._denied.items() if until_ms <= now_ms]:
            del self._denied[fingerprint]

    def _evict(self) -> None:
        counts = Counter(address_block(entry.host) for entry in self._entries.values())
        [(fullest, count)] = counts.most_common(1)
        if count <= PER_ADDRESS and len(self._entries) <= TOTAL:
            return
        oldest = next(key for key, entry in self._entries.items() if address_block(entry.host) == fullest)
        del self._entries[oldest]


def address_block(host: str) -> str:
    """Return what counts as one address: an IPv4 address (also a mapped one), an IPv6 /64, or the text itself."""
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return host
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return str(address.ipv4_mapped)
        return str(ipaddress.ip_network((address, _IPV6_PREFIX), strict=False))
    return str(address)
