"""Whose a loopback connection is: the kernel knows, and other users of this machine are strangers."""

from __future__ import annotations

import asyncio
import errno
import os
import resource
import socket
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from miner_ctrl.api import connection_owner
from miner_ctrl.api.connection_owner import CannotTell, Ends, can_tell, owner_of
from miner_ctrl.api.port_connection import Crowd
from tests.api.in_memory import BASE
from tests.api.open_port import opened

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the kernel's answer is Linux's")

NOBODY = 65534
AS_NOBODY = f"""
import os, socket, sys, encodings.idna
os.setgroups([]); os.setgid({NOBODY}); os.setuid({NOBODY})
with socket.create_connection(("127.0.0.1", int(sys.argv[1]))) as connection:
    connection.sendall(sys.argv[2].encode())
    if len(sys.argv) > 3:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\\1\\0\\0\\0\\0\\0\\0\\0")
        sys.exit()
    print(connection.recv(4096).decode("latin-1"))
"""
as_root = pytest.mark.skipif(sys.platform == "win32" or os.geteuid() != 0, reason="takes root to be somebody else")
HOSTS = ["127.0.0.1", *(["::1"] if socket.has_ipv6 else [])]


@pytest.mark.parametrize("host", HOSTS)
def test_the_owner_of_a_connection_is_known_while_it_is_held(host: str) -> None:
    if not can_tell():
        pytest.skip("this kernel does not say")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.create_server((host, 0), family=family) as listener:
        client = socket.create_connection(listener.getsockname()[:2])
        accepted, peer = listener.accept()
        ends = Ends(peer[:2], accepted.getsockname()[:2])
        assert owner_of(ends) == os.geteuid()
        client.close()
        assert owner_of(ends) is None, "root is who the kernel names when nobody is left"
        accepted.close()
        assert owner_of(ends) is None


@pytest.mark.parametrize("answer", [b"", b"\0" * 16, b"\xff" * 20, b"\0" * 200, bytes(range(200))])
def test_an_answer_that_is_none_tells_nothing(answer: bytes) -> None:
    with pytest.raises(CannotTell):
        connection_owner._read(answer)


def test_where_nobody_says_the_connection_is_this_users(monkeypatch: pytest.MonkeyPatch) -> None:
    ends = Ends(("127.0.0.1", 1), ("127.0.0.1", 2))
    assert Crowd(can_tell=False)._is_own(ends)
    assert not Crowd(can_tell=False)._is_own(Ends(("192.168.1.9", 1), ("192.168.1.5", 2)))

    def cannot(ends: Ends) -> int | None:
        raise CannotTell

    monkeypatch.setattr("miner_ctrl.api.port_connection.owner_of", cannot)
    assert not Crowd(can_tell=True)._is_own(ends), "it could a moment ago: no files left, say"


def test_who_uses_up_ports_or_files_first_is_not_taken_for_this_user(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether the kernel says it is tried once, at the first connection: whoever has that fail must gain nothing."""

    def none_left(*_: object, **__: object) -> socket.socket:
        raise OSError(errno.EADDRINUSE, "every port is in use")

    with monkeypatch.context() as ports:
        ports.setattr(socket, "create_server", none_left)
        assert can_tell()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    held = [socket.socket() for _ in range(64)]
    here = max(one.fileno() for one in held) + 1
    for one in held:
        one.close()
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(here, soft), hard))
    taken: list[socket.socket] = []
    try:
        with suppress(OSError):
            while True:
                taken.append(socket.socket())
        for left in range(4):  # none for the listener, then for each of the sockets after it
            assert can_tell(), f"with {left} files left"
            taken.pop().close()
    finally:
        for one in taken:
            one.close()
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@as_root
async def test_another_user_of_this_machine_needs_credentials(tmp_path: Path) -> None:
    if not can_tell():
        pytest.skip("this kernel does not say")
    async with opened(tmp_path) as port:
        assert (await port("GET", "/session")).data["door"] == "loopback"
        request = f"GET {BASE}/session HTTP/1.1\r\nHost: localhost\r\n\r\n"
        said = await _as_nobody(port.number, request)
        assert " 401 " in said.splitlines()[0]
        revoke = f"DELETE {BASE}/peers/rig-alpha HTTP/1.1\r\nHost: localhost\r\n\r\n"
        assert " 401 " in (await _as_nobody(port.number, revoke)).splitlines()[0]
        await _as_nobody(port.number, revoke, "and be gone before it is looked at")
        assert (await port("GET", "/peers/rig-alpha")).status == 200


async def _as_nobody(port: int, request: str, *more: str) -> str:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", AS_NOBODY, str(port), request, *more, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    out, err = await process.communicate()
    assert process.returncode == 0, err
    return out.decode("latin-1")
