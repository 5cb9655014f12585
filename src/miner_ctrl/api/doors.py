"""The local door of this platform: a Unix socket, or a proven loopback port where there are none."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from miner_ctrl.model.callers import OWNER

if sys.platform == "win32":
    from miner_ctrl.api.loopback_door import LoopbackDoor as Door
else:
    from miner_ctrl.api.local_door import LocalDoor as Door

if TYPE_CHECKING:
    from starlette.types import ASGIApp

    from miner_ctrl.api.faces import Faces
    from miner_ctrl.api.serving import HttpServing
    from miner_ctrl.metrics import RequestCounts


class Application:
    """The one application of a node, made when it is asked first. All doors have the same: what is edited in turn, and
    answered a second time as the first, does not depend on the door."""

    def __init__(self, faces: Callable[[], Faces]) -> None:
        self._faces = faces

    @cached_property
    def asgi(self) -> ASGIApp:
        from miner_ctrl.api.application import build_app  # noqa: PLC0415 - 9 MB that most rigs never need

        return build_app(self._faces)

    @property
    def counts(self) -> RequestCounts | None:
        """Where its requests are counted."""
        metrics = self._faces().metrics
        return metrics.requests if metrics else None


def local_door(application: Application, socket: Path) -> Door:
    """Return the door that serves ``application`` to this user's commands; ``socket`` names it."""

    def http() -> HttpServing:
        from miner_ctrl.api.serving import HttpServing  # noqa: PLC0415 - see Application

        return HttpServing(application.asgi, caller=OWNER, counts=application.counts)

    return Door(http, socket.with_suffix(".token") if sys.platform == "win32" else socket)
