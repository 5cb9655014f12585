"""Whose program listens on a local port: another user's could answer in a miner's place, with numbers of its own."""

from __future__ import annotations

import os
import sys
from pathlib import Path

_TABLES = (Path("/proc/net/tcp"), Path("/proc/net/tcp6"))
_MAX_BYTES = 16 * 2**20
_LISTENS = "0A"
_LOOPBACK = frozenset({"0100007F", "0000000000000000FFFF00000100007F"})
_EVERYWHERE = frozenset({"00000000", "0" * 32})


def answers_for_another(port: int) -> bool:
    """Return whether another user's program is who answers at a port of 127.0.0.1. Blocks for a moment; where the
    system does not tell, no."""
    if sys.platform != "linux":
        return False
    users = set()
    for table in _TABLES:
        try:
            with table.open("rb") as file:
                users.add(listeners(file.read(_MAX_BYTES).decode("ascii", "replace"), port))
        except OSError:
            continue
    precise, wide = (frozenset().union(*each) for each in zip(*users, strict=True)) if users else ((), ())
    return any(user != os.geteuid() for user in precise or wide)


def listeners(table: str, port: int) -> tuple[frozenset[int], frozenset[int]]:
    """Return the users whose programs listen at a port: on the loopback address, and on all addresses."""
    found: tuple[set[int], set[int]] = (set(), set())
    for line in table.splitlines()[1:]:
        fields = line.split()
        address, _, at = fields[1].partition(":")
        if fields[3] == _LISTENS and int(at, 16) == port:
            for places, users in zip((_LOOPBACK, _EVERYWHERE), found, strict=True):
                if address in places:
                    users.add(int(fields[7]))
    return frozenset(found[0]), frozenset(found[1])
