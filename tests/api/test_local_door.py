"""The Unix socket: only this user's, one node a socket, nothing left behind."""
# ruff: noqa: ASYNC240 - files of the test's own, in a loop that does nothing else

from __future__ import annotations

import asyncio
import os
import signal
import socket
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
import uvloop

from miner_ctrl.api.application import build_app
from miner_ctrl.api.local_door import LocalDoor
from miner_ctrl.api.serving import HttpServing
from miner_ctrl.errors import BadInput, Conflict, HomeInUse, StateDamaged
from miner_ctrl.model.callers import OWNER
from tests.api.in_memory import Client, World


def door_at(path: Path) -> LocalDoor:
    return LocalDoor(lambda: HttpServing(build_app(World().faces), caller=OWNER), path)


def dead_socket(path: Path) -> None:
    path.parent.mkdir(mode=0o700)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()


async def test_socket_and_directory_are_for_this_user_alone(client: Client, socket_path: Path) -> None:
    assert stat.S_IMODE(socket_path.lstat().st_mode) == 0o600
    assert stat.S_IMODE(socket_path.parent.lstat().st_mode) == 0o700
    umask = os.umask(0o022)
    os.umask(umask)
    assert umask != 0o177


async def test_close_takes_the_socket_away_and_it_opens_again(socket_path: Path) -> None:
    door = door_at(socket_path)
    for _ in range(2):
        await door.open()
        reader = await Client(socket_path).events("/events")
        assert (await reader.next() or ("",))[0] == "snapshot"
        await door.close()
        assert not socket_path.exists()
    await door.close()


async def test_the_socket_of_a_dead_node_is_replaced(socket_path: Path) -> None:
    dead_socket(socket_path)
    door = door_at(socket_path)
    await door.open()
    assert (await Client(socket_path)("GET", "/health")).status == 200
    await door.close()


async def test_the_socket_of_a_living_node_is_not(client: Client, socket_path: Path) -> None:
    second = door_at(socket_path)
    with pytest.raises(HomeInUse):
        await second.open()
    await second.close()
    assert (await client("GET", "/health")).status == 200


async def test_close_leaves_the_socket_of_a_successor(socket_path: Path) -> None:
    first, second = door_at(socket_path), door_at(socket_path)
    await first.open()
    socket_path.unlink()
    await second.open()
    await first.close()
    assert (await Client(socket_path)("GET", "/health")).status == 200
    await second.close()


async def test_a_file_in_the_way_is_not_touched(socket_path: Path) -> None:
    socket_path.parent.mkdir(mode=0o700)
    socket_path.write_text("mine")
    with pytest.raises(Conflict):
        await door_at(socket_path).open()
    assert socket_path.read_text() == "mine"


@pytest.mark.parametrize("mode", [0o755, 0o710, 0o702])
async def test_a_directory_that_others_can_enter_is_refused(socket_path: Path, mode: int) -> None:
    socket_path.parent.mkdir()
    socket_path.parent.chmod(mode)
    with pytest.raises(StateDamaged, match="open to other users") as refused:
        await door_at(socket_path).open()
    assert "chmod 700" in refused.value.suggestion


async def test_a_link_as_the_directory_is_refused(socket_path: Path, tmp_path: Path) -> None:
    (tmp_path / "real").mkdir(mode=0o700)
    socket_path.parent.symlink_to(tmp_path / "real")
    with pytest.raises(StateDamaged):
        await door_at(socket_path).open()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make a directory somebody else's")
async def test_a_directory_of_somebody_elses_is_refused(socket_path: Path) -> None:
    socket_path.parent.mkdir(mode=0o700)
    os.chown(socket_path.parent, 65534, 65534)
    with pytest.raises(StateDamaged):
        await door_at(socket_path).open()


async def test_a_path_that_is_too_long_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput) as refused:
        await door_at(tmp_path / "run" / ("a" * 108)).open()
    assert refused.value.code == "SOCKET_PATH_TOO_LONG"


_AS_ANOTHER_USER = """
import os, socket, sys
connection = socket.socket(socket.AF_UNIX)
os.setgid(65534); os.setuid(int(sys.argv[2]))
connection.settimeout(20)
try:
    connection.connect(sys.argv[1])
    connection.sendall(b"GET /api/v1/mining/health HTTP/1.1\\r\\nHost: x\\r\\nConnection: close\\r\\n\\r\\n")
    answer = connection.recv(12)
except ConnectionError:
    answer = b""
sys.exit(0 if answer.startswith(b"HTTP/1.1 200") else 3)
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
@pytest.mark.parametrize(("uid", "status"), [(0, 0), (65534, 3)])
async def test_another_user_is_refused_even_where_the_modes_let_it_in(
    client: Client, socket_path: Path, uid: int, status: int
) -> None:
    for directory in socket_path.parents:
        if directory.stat().st_uid == os.geteuid() and directory.is_relative_to(tempfile.gettempdir()):
            directory.chmod(directory.stat().st_mode | 0o055)
    socket_path.chmod(0o777)
    ended = await asyncio.to_thread(
        subprocess.run, [sys.executable, "-c", _AS_ANOTHER_USER, str(socket_path), str(uid)], timeout=60, check=False
    )
    assert ended.returncode == status
    assert (await client("GET", "/health")).status == 200


def test_it_serves_under_uvloop_and_leaves_signals_alone(socket_path: Path) -> None:
    async def serve() -> int:
        before = signal.getsignal(signal.SIGTERM)
        door = door_at(socket_path)
        await door.open()
        reader = await Client(socket_path).events("/events")
        await reader.next()
        assert signal.getsignal(signal.SIGTERM) is before
        await door.close()
        assert (await reader.next() or ("",))[0] == "end"
        return reader.status

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        assert runner.run(serve()) == 200
