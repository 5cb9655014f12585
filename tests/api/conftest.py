"""A node's local door, open for one test."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from argon2 import PasswordHasher

from miner_ctrl.access import passwords
from miner_ctrl.api import guard
from miner_ctrl.api.application import build_app
from miner_ctrl.api.local_door import LocalDoor
from miner_ctrl.api.serving import HttpServing
from miner_ctrl.model.callers import OWNER
from tests.api.in_memory import Client, World


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    world = World(folder=tmp_path)
    yield world
    if world.jobs is not None:
        await world.jobs.close()


@pytest.fixture(autouse=True)
def cheap_passwords(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a new password be hashed, and checked, for next to nothing. What it costs is ``tests/access``'s."""
    monkeypatch.setattr(passwords, "_HASHER", PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))


@pytest.fixture
def answered_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let who asks too often hear so without a wait."""
    monkeypatch.setattr(guard, "HELD_BACK_S", 0.0)


@pytest.fixture
def socket_path(tmp_path: Path) -> Path:
    return tmp_path / "run" / "node.sock"


@pytest.fixture
async def client(world: World, socket_path: Path) -> AsyncIterator[Client]:
    door = LocalDoor(
        lambda: HttpServing(build_app(world.faces), caller=OWNER, counts=world.metrics.requests), socket_path
    )
    await door.open()
    yield Client(socket_path)
    await door.close()
