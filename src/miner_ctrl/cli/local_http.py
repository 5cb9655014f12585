"""HTTP over the node's local door. Apart from ``local_api``, because the standard library's HTTP client takes 2 MB that
a node that serves has no use for."""

from __future__ import annotations

import http.client
import socket
from collections.abc import Callable

NotHttp = http.client.HTTPException


class Connection(http.client.HTTPConnection):
    """An HTTP connection over what ``connected`` returns."""

    def __init__(self, connected: Callable[[], socket.socket], timeout_s: float | None) -> None:
        super().__init__("localhost", timeout=timeout_s)
        self._connected = connected

    def connect(self) -> None:
        self.sock = self._connected()
        self.sock.settimeout(self.timeout)
