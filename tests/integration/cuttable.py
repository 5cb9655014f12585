"""A TCP relay between two nodes, as a network that fails when a test wants it to."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress

READ_BYTES = 65536


class Cuttable:
    """Passes connections to its own ``address`` on to ``target`` (both ``HOST:PORT``) until ``close``."""

    def __init__(self, target: str) -> None:
        host, _, port = target.rpartition(":")
        self._target = (host, int(port))
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._listener.getsockname()[1]}"
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self._cut_over = 0
        self.cut = threading.Event()
        """Set when the link was cut as ``cut_after`` asked."""
        threading.Thread(target=self._accept, name="accept", daemon=True).start()

    def cut_after(self, size: int) -> None:
        """Cut every connection once ``target`` has sent ``size`` bytes or more at once, these passed on."""
        self.cut.clear()
        self._cut_over = size

    def cut_now(self) -> None:
        """Cut every connection; new ones are passed on."""
        self._cut()

    def close(self) -> None:
        """Cut every connection and accept no more."""
        self._listener.close()
        self._cut()

    def _cut(self) -> None:
        with self._lock:
            for one in self._open:
                with suppress(OSError):
                    one.shutdown(socket.SHUT_RDWR)
            self._open.clear()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                here, _ = self._listener.accept()
                try:
                    there = socket.create_connection(self._target, 5)
                except OSError:
                    here.close()
                    continue
                with self._lock:
                    self._open |= {here, there}
                for source, sink, watched in ((here, there, False), (there, here, True)):
                    threading.Thread(target=self._pass_on, args=(source, sink, watched), daemon=True).start()

    def _pass_on(self, source: socket.socket, sink: socket.socket, watched: bool) -> None:
        with suppress(OSError):
            while data := source.recv(READ_BYTES):
                sink.sendall(data)
                if watched and 0 < self._cut_over <= len(data):
                    self._cut_over = 0
                    self._cut()
                    self.cut.set()
        with suppress(OSError):
            sink.shutdown(socket.SHUT_RDWR)
