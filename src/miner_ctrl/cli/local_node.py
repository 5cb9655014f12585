"""The node a command talks to: the one that runs, else one started for this command alone."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from miner_ctrl.cli.local_api import LocalApi
from miner_ctrl.errors import HomeInUse

if TYPE_CHECKING:
    from miner_ctrl.config import Home

WAIT_FOR_HOME_S = 5.0
_POLL_S = 0.05


@contextmanager
def local_node(home: Home) -> Iterator[LocalApi]:
    """Yield the API of the node of ``home``.

    If none runs, a node is started in this process for as long as the block takes, under the home's lock: no
    listener, no miners. While another process holds the lock without answering (it starts or stops just now), wait
    for at most ``WAIT_FOR_HOME_S``.

    Raises:
        HomeInUse: the other process neither answers nor ends.
        StateDamaged: a file of the home is not what a node wrote.
    """
    api = LocalApi(home.socket)
    if api.answers():
        yield api
        return
    from miner_ctrl.run import brief_node  # noqa: PLC0415 - the whole node: only when none runs

    deadline = time.monotonic() + WAIT_FOR_HOME_S
    with ExitStack() as stack:
        while True:
            try:
                api = LocalApi(stack.enter_context(brief_node(home)), momentary=True)
                break
            except HomeInUse:
                if time.monotonic() > deadline:
                    raise
                time.sleep(_POLL_S)
            if api.answers():
                break
        yield api
