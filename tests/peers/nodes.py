"""Keys, clocks and files for the tests of this room."""

from __future__ import annotations

import hashlib
from pathlib import Path

from miner_ctrl.identity.introductions import Introduction
from miner_ctrl.identity.keys import NodeKeys, PublicKeys
from miner_ctrl.peers import Invites, Registry

START_MS = 1_790_000_000_000


def keys(number: int) -> PublicKeys:
    """Return the public keys of a node that exists nowhere else; the same for the same number."""
    return NodeKeys.from_secret(hashlib.sha256(f"node {number}".encode()).digest()).public


def introduction(number: int, name: str = "rig", invite_id: bytes | None = None) -> Introduction:
    return Introduction(keys(number), name, invite_id)


class Clock:
    """Unix time in ms that passes when told to."""

    def __init__(self) -> None:
        self.ms = START_MS

    def __call__(self) -> int:
        return self.ms

    def forward(self, seconds: float) -> None:
        self.ms += round(seconds * 1000)


class Random:
    """Bytes that repeat from run to run, and never within one."""

    def __init__(self) -> None:
        self._calls = 0

    def __call__(self, count: int) -> bytes:
        self._calls += 1
        return hashlib.shake_128(f"random {self._calls}".encode()).digest(count)


def open_registry(path: Path, clock: Clock | None = None) -> Registry:
    return Registry.open(path, now_ms=clock or Clock())


def invites_of(registry: Registry, clock: Clock) -> Invites:
    return Invites(registry, now_ms=clock, random_bytes=Random())
