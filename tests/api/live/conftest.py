"""A door with the feed behind it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from miner_ctrl.api.application import build_app
from miner_ctrl.api.local_door import LocalDoor
from miner_ctrl.api.serving import HttpServing
from miner_ctrl.model.callers import OWNER
from tests.api.in_memory import World


@pytest.fixture
async def door(world: World, socket_path: Path) -> AsyncIterator[LocalDoor]:
    door = LocalDoor(lambda: HttpServing(build_app(world.faces), caller=OWNER), socket_path)
    await door.open()
    yield door
    await door.close()
