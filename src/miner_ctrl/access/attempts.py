"""Who has failed to say who it is, and how long it waits. Pure but for the clock; bounded.

A name waits apart from an address: guessing one password from everywhere is slowed, and so is guessing many from one
place. The guesses at its own password of somebody who has logged in count for that session too, wherever it is used
from: one that is stolen gives no more of them. The wait doubles and is capped, and an address from which somebody has
logged in as a name before is counted for itself there: a stranger who fails without end never keeps the owner out.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from typing import NamedTuple

from miner_ctrl.errors import RateLimited

FREE_BY_NAME = 5
FREE_BY_ADDRESS = 10
FIRST_WAIT_S = 1.0
LONGEST_WAIT_S = 60.0
FORGOTTEN_AFTER_S = 3600.0
MAX_KEPT = 4096
MAX_KNOWN = 1024
_IPV6_PREFIX = 64

_Key = tuple[str, str, str]


class _Failures(NamedTuple):
    times: int
    last_s: float
    until_s: float


class Attempts:
    """The failures of the last hour, the oldest forgotten when there are too many. ``clock`` is in seconds and only
    moves forward."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._failures: dict[_Key, _Failures] = {}
        self._known: dict[tuple[str, str], None] = {}

    def check(self, address: str, name: str | None = None, session: str = "") -> None:
        """See that somebody may try: from ``address``, and to be ``name``, as who came with ``session``.

        Raises:
            RateLimited: it has to wait; ``details`` has for how long.
        """
        now_s = self._clock()
        wait_s = max(self._wait_s(key, now_s) for key, _ in self._keys(address, name, session))
        if wait_s > 0:
            seconds = int(wait_s) + 1
            raise RateLimited(
                "There were too many wrong passwords or tokens.",
                suggestion=f"Try again in {seconds} s.",
                code="TOO_MANY_FAILURES",
                details={"retryAfterS": seconds},
            )

    def failed(self, address: str, name: str | None = None, session: str = "") -> None:
        """Note a failure."""
        now_s = self._clock()
        for key, free in self._keys(address, name, session):
            held = self._failures.pop(key, None)
            times = held.times + 1 if held is not None and now_s - held.last_s < FORGOTTEN_AFTER_S else 1
            wait_s = min(FIRST_WAIT_S * 2 ** min(times - free, 16), LONGEST_WAIT_S) if times >= free else 0.0
            self._failures[key] = _Failures(times, now_s, now_s + wait_s)
            while len(self._failures) > MAX_KEPT:
                del self._failures[next(iter(self._failures))]

    def succeeded(self, address: str, name: str, session: str = "") -> None:
        """Note that somebody logged in as ``name``: what failed from there is forgotten."""
        self.note_known(address, name)
        for key, _ in self._keys(address, name, session):
            self._failures.pop(key, None)

    def note_known(self, address: str, name: str) -> None:
        """Note that who has logged in as ``name`` is at ``address``."""
        known = (name.lower(), address_block(address))
        self._known.pop(known, None)
        self._known[known] = None
        if len(self._known) > MAX_KNOWN:
            del self._known[next(iter(self._known))]

    def _wait_s(self, key: _Key, now_s: float) -> float:
        held = self._failures.get(key)
        return held.until_s - now_s if held is not None else 0.0

    def _keys(self, address: str, name: str | None, session: str) -> list[tuple[_Key, int]]:
        block = address_block(address)
        keys: list[tuple[_Key, int]] = [(("address", block, ""), FREE_BY_ADDRESS)]
        if name is not None:
            name = name.lower()
            keys.append((("name", name, block if (name, block) in self._known else ""), FREE_BY_NAME))
        if session:
            keys.append((("session", session, ""), FREE_BY_NAME))
        return keys


def address_block(address: str) -> str:
    """Return what counts as one address: an IPv6 /64 is one customer's."""
    host = address.partition("%")[0]
    try:
        parsed = ipaddress.ip_address(host)
    except ValueError:
        return host
    if parsed.version == 4:
        return host
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.ip_network((parsed, _IPV6_PREFIX), strict=False).network_address)
