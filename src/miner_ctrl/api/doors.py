"""The local door of this platform: a Unix socket, or a proven loopback port where there are none."""

from __future__ import annotations

import sys
from pathlib import Path

from starlette.types import ASGIApp

from miner_ctrl.api.local_door import LocalDoor
from miner_ctrl.api.loopback_door import LoopbackDoor


def local_door(app: ASGIApp, socket: Path) -> LocalDoor | LoopbackDoor:
    """Return the door that serves ``app`` to this user's commands; ``socket`` names it."""
    if sys.platform == "win32":
        return LoopbackDoor(app, socket.with_suffix(".token"))
    return LocalDoor(app, socket)
