"""The local door of this platform: a Unix socket, or a proven loopback port where there are none."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from miner_ctrl.model.callers import OWNER

if sys.platform == "win32":
    from miner_ctrl.api.loopback_door import LoopbackDoor as Door
else:
    from miner_ctrl.api.local_door import LocalDoor as Door

if TYPE_CHECKING:
    from miner_ctrl.api.faces import Faces
    from miner_ctrl.api.serving import HttpServing


def local_door(faces: Callable[[], Faces], socket: Path) -> Door:
    """Return the door that serves ``faces`` to this user's commands; ``socket`` names it."""

    def http() -> HttpServing:
        from miner_ctrl.api.application import build_app  # noqa: PLC0415 - 9 MB that most rigs never need
        from miner_ctrl.api.serving import HttpServing  # noqa: PLC0415

        metrics = faces().metrics
        return HttpServing(build_app(faces), caller=OWNER, counts=metrics.requests if metrics else None)

    return Door(http, socket.with_suffix(".token") if sys.platform == "win32" else socket)
