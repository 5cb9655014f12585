"""Bounds on connections that have not become sessions yet (protocol.md, "Handshake"). Pure: time is passed in.

An address is an IPv4 address or an IPv6 /64. *Good* addresses had a good session within 24 hours; the others are
strangers.
"""

from __future__ import annotations

import ipaddress
from collections import OrderedDict
from collections.abc import Callable

from miner_ctrl.protocol import limits
from miner_ctrl.transport.limits import TokenBucket

FAILURES_PER_S, FAILURES_BURST = 1.0, 30
"""Failed handshakes an address may cause before its connections are turned away."""
_ADDRESSES_REMEMBERED = 4096
_STRANGERS = limits.HALF_OPEN_TOTAL // 2


def address_key(host: str) -> str:
    """Return what ``host`` is counted under: itself, or the /64 of an IPv6 address."""
    if ":" not in host:
        return host
    try:
        address = ipaddress.IPv6Address(host.partition("%")[0])
    except ValueError:
        return host
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(ipaddress.IPv6Network((address, 64), strict=False).network_address)


class Visit:
    """A connection on its way to become a session. ``abort`` cuts it; ``deadline`` is when it has taken too long."""

    __slots__ = ("abort", "address", "deadline", "ended", "host", "stranger")

    def __init__(self, host: str, address: str, *, stranger: bool, deadline: float, abort: Callable[[], None]) -> None:
        self.host = host
        self.address = address
        self.stranger = stranger
        self.deadline = deadline
        self.abort = abort
        self.ended = False


class HalfOpen:
    """At most 512 half-open handshakes: strangers share half of them, at most 32 an address.

    Where there is no room, the oldest goes: of the same address if that has its 32, else of the address that holds
    most. An attacker who fills the table thus pushes out its own.
    """

    def __init__(self, now: float) -> None:
        self._by_address: dict[str, OrderedDict[Visit, None]] = {}
        self._total = 0
        self._strangers = 0
        self._good_until: OrderedDict[str, float] = OrderedDict()
        self._failures: OrderedDict[str, TokenBucket] = OrderedDict()
        self._stranger_handshakes = TokenBucket(limits.STRANGER_HANDSHAKES_PER_S, limits.STRANGER_HANDSHAKES_PER_S, now)

    def __len__(self) -> int:
        return self._total

    def visits(self) -> list[Visit]:
        """Return all of them, oldest first for each address."""
        return [visit for visits in self._by_address.values() for visit in visits]

    def admit(
        self, host: str, now: float, within_s: float, abort: Callable[[], None]
    ) -> tuple[Visit | None, Visit | None]:
        """Return the new visit (``None``: turn it away) and the one that has to go for it, if any.

        The one that has to go is out of the table already; the caller cuts it.
        """
        address = address_key(host)
        failures = self._failures.get(address)
        if failures is not None and not failures.has_token(now):
            return None, None
        stranger = self._good_until.get(address, 0.0) <= now
        evicted = self._make_room(address, stranger=stranger)
        visit = Visit(host, address, stranger=stranger, deadline=now + within_s, abort=abort)
        self._by_address.setdefault(address, OrderedDict())[visit] = None
        self._total += 1
        self._strangers += stranger
        return visit, evicted

    def admits_handshake(self, visit: Visit, now: float) -> bool:
        """Whether the first message may be worked on: strangers share 200 handshakes a second."""
        return not visit.stranger or self._stranger_handshakes.take(now)

    def release(self, visit: Visit) -> None:
        """It became a session, or ended."""
        visits = self._by_address.get(visit.address)
        if visits is None or visit not in visits:
            return
        del visits[visit]
        if not visits:
            del self._by_address[visit.address]
        self._total -= 1
        self._strangers -= visit.stranger

    def note_good(self, host: str, now: float) -> None:
        """A session with a known peer stands from there."""
        address = address_key(host)
        self._good_until[address] = now + limits.GOOD_ADDRESS_FOR_S
        self._good_until.move_to_end(address)
        if len(self._good_until) > _ADDRESSES_REMEMBERED:
            self._good_until.popitem(last=False)

    def note_failure(self, host: str, now: float) -> None:
        """A handshake from there broke the protocol or took too long."""
        address = address_key(host)
        bucket = self._failures.get(address)
        if bucket is None:
            bucket = self._failures[address] = TokenBucket(FAILURES_PER_S, FAILURES_BURST, now)
            if len(self._failures) > _ADDRESSES_REMEMBERED:
                self._failures.popitem(last=False)
        self._failures.move_to_end(address)
        bucket.take(now)

    def _make_room(self, address: str, *, stranger: bool) -> Visit | None:
        if stranger and len(self._by_address.get(address, ())) >= limits.HALF_OPEN_PER_ADDRESS:
            return self._evict(address)
        if (stranger and self._strangers >= _STRANGERS) or self._total >= limits.HALF_OPEN_TOTAL:
            return self._evict(self._fullest(strangers_only=stranger))
        return None

    def _fullest(self, *, strangers_only: bool) -> str:
        def fullness(item: tuple[str, OrderedDict[Visit, None]]) -> int:
            oldest = next(iter(item[1]))
            return len(item[1]) if oldest.stranger or not strangers_only else 0

        return max(self._by_address.items(), key=fullness)[0]

    def _evict(self, address: str) -> Visit:
        visit = next(iter(self._by_address[address]))
        self.release(visit)
        return visit
