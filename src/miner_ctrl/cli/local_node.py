"""The node a command talks to: the one that runs, else one started for this command alone."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from miner_ctrl.cli.local_api import LocalApi
from miner_ctrl.errors import HomeInUse, OperationFailed

if TYPE_CHECKING:
    from miner_ctrl.config import Home

WAIT_FOR_HOME_S = 10.0
POLL_S = 0.05


class _MomentaryNode:
    """Starts the node of ``home`` in this process when none answers; ``stack`` ends it."""

    def __init__(self, home: Home, stack: ExitStack) -> None:
        self._home = home
        self._stack = stack
        self._starting = threading.Lock()
        self.ours = False

    def start(self) -> None:
        """Return once a node answers: another process's that has just started, or else our own.

        Raises:
            HomeInUse: the process that holds the home neither answers nor ends within ``WAIT_FOR_HOME_S``.
        """
        from miner_ctrl.run import brief_node  # noqa: PLC0415 - the whole node: only when none runs

        deadline = time.monotonic() + WAIT_FOR_HOME_S
        with self._starting:
            while not LocalApi(self._home.socket).answers():
                try:
                    self._stack.enter_context(brief_node(self._home))
                    self.ours = True
                except HomeInUse:
                    if time.monotonic() > deadline:
                        raise
                    time.sleep(POLL_S)


@contextmanager
def local_node(home: Home) -> Iterator[LocalApi]:
    """Yield the API of the node of ``home``.

    If none runs, a node is started in this process for as long as the block takes, under the home's lock: no
    listener, and no miners unless the command asks for them. While another process holds the lock without answering
    (it starts or stops just now), wait for at most ``WAIT_FOR_HOME_S``.

    Raises:
        HomeInUse: the other process neither answers nor ends.
        StateDamaged: a file of the home is not what a node wrote.
    """
    with ExitStack() as stack:
        momentary = _MomentaryNode(home, stack)
        api = LocalApi(home.socket, start_node=momentary.start)
        if not api.answers():
            momentary.start()
            api.momentary = momentary.ours
        yield api


def is_served(home: Home) -> bool:
    """Return whether a node of ``home`` runs, and peers can reach it."""
    try:
        return bool(LocalApi(home.socket).get("/node/info").data.get("serving"))
    except OperationFailed:
        return False
