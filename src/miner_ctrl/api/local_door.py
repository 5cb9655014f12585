"""The local door: the application over a Unix socket that only this user can open (protocol.md, "Local control")."""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import socket
import stat
import struct
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from miner_ctrl.errors import BadInput, Conflict, HomeInUse
from miner_ctrl.storage.directories import make_private

if TYPE_CHECKING:
    from miner_ctrl.api.serving import HttpServing

assert sys.platform != "win32"  # noqa: S101 - tells type checkers, too, where this module is for

log = logging.getLogger(__name__)

MAX_SOCKET_PATH_BYTES = 107
_PROBE_WITHIN_S = 2.0
_BACKLOG = 128


class LocalDoor:
    """Answers at ``path``, whose directory is made 0700, or has to be that and ours.

    ``http`` makes what answers, at the first connection or at ``warm``: a rig that nobody asks locally does without.
    """

    def __init__(self, http: Callable[[], HttpServing], path: Path) -> None:
        self.path = path
        self._http = http
        self._serving: HttpServing | None = None
        self._server: asyncio.Server | None = None
        self._inode = 0

    async def open(self) -> None:
        """Start to answer. The socket of a process that is gone is replaced.

        Raises:
            HomeInUse: somebody answers there already.
            StateDamaged: the directory is not ours alone.
            BadInput, Conflict: the path is too long, or something else is at it.
        """
        make_private(self.path.parent)
        if len(os.fsencode(self.path)) > MAX_SOCKET_PATH_BYTES:
            raise BadInput(
                f"{self.path} is longer than the {MAX_SOCKET_PATH_BYTES} bytes a socket's path can have.",
                suggestion="Choose a home with a shorter path.",
                code="SOCKET_PATH_TOO_LONG",
            )
        await asyncio.to_thread(_clear_stale, self.path)
        listener = _bind(self.path)
        try:
            self._inode = self.path.lstat().st_ino
            loop = asyncio.get_running_loop()
            self._server = await loop.create_unix_server(
                lambda: self.warm().protocol(_is_same_user), sock=listener, backlog=_BACKLOG
            )
        except BaseException:
            listener.close()
            self.path.unlink(missing_ok=True)
            raise

    def warm(self) -> HttpServing:
        """Have what answers ready, and return it."""
        if self._serving is None:
            self._serving = self._http()
        return self._serving

    async def close(self) -> None:
        """Stop to answer and take the socket away. Streams end at once; may be called twice."""
        server, self._server = self._server, None
        if server is None:
            return
        server.close()
        with suppress(FileNotFoundError):
            if self.path.lstat().st_ino == self._inode:
                self.path.unlink()
        serving, self._serving = self._serving, None
        if serving is not None:
            await serving.close()
        await server.wait_closed()


def _clear_stale(path: Path) -> None:
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(mode):
        raise Conflict(
            f"{path} is in the way: it is not a socket.", suggestion="Move it away.", code="SOCKET_IN_THE_WAY"
        )
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(_PROBE_WITHIN_S)
        try:
            probe.connect(str(path))
        except ConnectionRefusedError:
            path.unlink(missing_ok=True)
            return
        except FileNotFoundError:
            return
        except OSError as error:
            if not isinstance(error, TimeoutError) and error.errno != errno.EAGAIN:
                raise
    raise HomeInUse(
        f"Another node answers at {path}.",
        suggestion="Stop it first, or choose another home with --home.",
    )


def _bind(path: Path) -> socket.socket:
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    old_umask = os.umask(0o177)
    try:
        listener.bind(str(path))
    except OSError as error:
        listener.close()
        if error.errno == errno.EADDRINUSE:
            raise HomeInUse(f"Another node has just opened {path}.", suggestion="Use that one.") from None
        raise
    finally:
        os.umask(old_umask)
    return listener


def _is_same_user(transport: asyncio.BaseTransport) -> bool:
    """Return whether the process that connected runs as this user. Elsewhere than on Linux the directory decides."""
    if sys.platform != "linux":
        return True
    connection = transport.get_extra_info("socket")
    credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    _, uid, _ = struct.unpack("3i", credentials)
    if uid == os.geteuid():
        return True
    log.warning("refused a local connection of another user (uid %d)", uid)
    return False
