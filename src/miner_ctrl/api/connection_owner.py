"""Whose process is at the other end of a loopback connection: the kernel's answer (Linux, ``sock_diag(7)``).

One question and one answer of netlink for a connection, about the peer's own socket. It must still be held by a
process: one that was closed has no owner any more, and the kernel says 0 for it, which is not root.
"""

from __future__ import annotations

import errno
import ipaddress
import os
import socket
import struct
import sys
from typing import NamedTuple

NETLINK_SOCK_DIAG = 4
_SOCK_DIAG_BY_FAMILY = 20
_NLM_F_REQUEST = 1
_NLMSG_ERROR = 2
_SHORTAGES = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM, errno.EAGAIN})
_ALL_STATES = 0xFFFF_FFFF
_NO_COOKIE = struct.pack("=II", 0xFFFF_FFFF, 0xFFFF_FFFF)
_ANSWER_WITHIN_S = 0.25
_HEAD = struct.Struct("=IHHII")
_FACTS_AT = _HEAD.size + 4 + 48
"""After the header come four bytes of state and the 48 of the socket's addresses."""
_FACTS = struct.Struct("=IIIII")


class Ends(NamedTuple):
    """The two ends of a connection, as this process sees it."""

    peer: tuple[str, int]
    here: tuple[str, int]


class CannotTell(Exception):
    """This system does not say whose a connection is; ``now``: at this moment, for want of files or memory."""

    def __init__(self, *, now: bool = False) -> None:
        super().__init__()
        self.now = now


def owner_of(ends: Ends) -> int | None:
    """Return the user ID of whoever holds the other end of a loopback connection, ``None`` if nobody does (any more).

    Raises:
        CannotTell: not on this system, or not from in here.
    """
    if sys.platform != "linux":
        raise CannotTell
    try:
        question = _question(ends)
        with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, NETLINK_SOCK_DIAG) as kernel:
            kernel.settimeout(_ANSWER_WITHIN_S)
            kernel.sendto(question, (0, 0))
            answer = kernel.recv(4096)
    except OSError as error:
        raise CannotTell(now=isinstance(error, TimeoutError) or error.errno in _SHORTAGES) from None
    except ValueError:
        raise CannotTell from None
    return _read(answer)


def _question(ends: Ends) -> bytes:
    """The peer's socket is named from its own side: its port is the source."""
    peer, here = (
        ipaddress.ip_address(ends.peer[0].partition("%")[0]),
        ipaddress.ip_address(ends.here[0].partition("%")[0]),
    )
    family = socket.AF_INET if peer.version == 4 else socket.AF_INET6
    body = struct.pack("=BBBBI", family, socket.IPPROTO_TCP, 0, 0, _ALL_STATES)
    body += struct.pack("!HH", ends.peer[1], ends.here[1])
    body += peer.packed.ljust(16, b"\0") + here.packed.ljust(16, b"\0") + struct.pack("=I", 0) + _NO_COOKIE
    return _HEAD.pack(_HEAD.size + len(body), _SOCK_DIAG_BY_FAMILY, _NLM_F_REQUEST, 1, 0) + body


def _read(answer: bytes) -> int | None:
    """Raises ``CannotTell`` if the kernel does not know the question."""
    if len(answer) < _HEAD.size + 4:
        raise CannotTell
    kind = _HEAD.unpack_from(answer)[1]
    if kind == _NLMSG_ERROR:
        error = -struct.unpack_from("=i", answer, _HEAD.size)[0]
        if error == 2:  # ENOENT: there is no such socket
            return None
        raise CannotTell
    if kind != _SOCK_DIAG_BY_FAMILY or len(answer) < _FACTS_AT + _FACTS.size:
        raise CannotTell
    _expires, _received, _unsent, uid, inode = _FACTS.unpack_from(answer, _FACTS_AT)
    return int(uid) if inode else None


def can_tell() -> bool:
    """Return whether this system says whose a connection is, tried on one of our own.

    A connection whose owner is not found is nobody's only where this has worked: some kernels say "not found" for
    everything. Where it cannot be tried, for want of a port or of files, the system is taken for one that says it:
    another user who uses them up before the first connection is not taken for this one.
    """
    if sys.platform != "linux":
        return False
    try:
        with (
            socket.create_server(("127.0.0.1", 0)) as listener,
            socket.create_connection(listener.getsockname()) as ours,
        ):
            return owner_of(Ends(ours.getsockname(), listener.getsockname())) == os.geteuid()
    except OSError:
        return True
    except CannotTell as error:
        return error.now
