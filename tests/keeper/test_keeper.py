"""The keeper by itself: a terminal for the miner, its log, its end on disk, and a life of its own."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from pathlib import Path

import msgspec
import psutil
import pytest

from miner_ctrl.errors import OperationFailed, Unreachable
from miner_ctrl.miners.contract import LaunchPlan, MinerApi
from miner_ctrl.miners.keeper_link import KeeperFacts, KeeperLink, start_keeper
from miner_ctrl.miners.log_file import LogFile

PATIENCE_S = 30.0


class Kept:
    """A miner made of a Python script, in its keeper."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.socket = folder / "k.sock"
        self.heard: list[KeeperFacts] = []
        self.log = LogFile(folder)
        self.link = KeeperLink(self.socket, on_facts=self.heard.append, on_gone=lambda: None)

    async def start(self, script: str, **env: str) -> None:
        plan = LaunchPlan(argv=(sys.executable, "-u", "-c", script), env=env, files={}, api=MinerApi(port=1, token="t"))
        await start_keeper(plan, self.folder, self.socket)
        with suppress(Unreachable):  # one that ended at once
            await self.link.open()

    def state(self) -> KeeperFacts:
        return msgspec.json.decode((self.folder / "state.json").read_bytes(), type=KeeperFacts)

    def ended(self) -> bool:
        return self.state().ended_ms is not None


def gone(pid: int) -> bool:
    """Whether a process has ended; its parent may be slow to take note."""
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


async def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.02)


def run(*command: str) -> None:
    subprocess.run(command, check=True)


@pytest.fixture
async def kept(tmp_path: Path) -> AsyncIterator[Kept]:
    kept = Kept(tmp_path)
    yield kept
    await kept.link.close()
    if (tmp_path / "state.json").exists():
        facts = kept.state()
        for pid in (facts.pid, facts.keeper_pid):
            if facts.ended_ms is None and psutil.pid_exists(pid):
                os.kill(pid, signal.SIGKILL)
        await until(lambda: gone(facts.keeper_pid))


HELLO = "import sys, os; print('\\x1b[32mhello\\x1b[0m', sys.stdout.isatty(), os.environ.get('COLOUR'), os.getcwd())"


async def test_the_miner_has_a_terminal_its_environment_and_its_folder(kept: Kept) -> None:
    await kept.start(HELLO, COLOUR="blue")
    await until(kept.ended)
    assert kept.log.tail(10, ended=True).lines == [f"\x1b[32mhello\x1b[0m True blue {kept.folder}"]
    facts = kept.state()
    assert (facts.exit_code, facts.signal, facts.asked) == (0, None, False)
    await until(lambda: not kept.socket.exists())


async def test_a_long_line_is_not_wrapped_and_none_is_lost_at_the_end(kept: Kept) -> None:
    await kept.start("print('x' * 3000)\nfor i in range(5000): print('line', i)")
    await until(kept.ended)
    lines = kept.log.tail(10_000, ended=True).lines
    assert lines == ["x" * 3000, *(f"line {number}" for number in range(5000))]


async def test_a_program_that_cannot_be_started_is_said_to_be_and_leaves_no_process(tmp_path: Path) -> None:
    plan = LaunchPlan(argv=("/no/such/program",), env={}, files={}, api=MinerApi(port=1, token="t"))
    with pytest.raises(OperationFailed, match="/no/such/program: No such file"):
        await start_keeper(plan, tmp_path, tmp_path / "k.sock")
    assert not (tmp_path / "k.sock").exists()
    assert not (tmp_path / "state.json").exists()


WAITS = "import signal, time\nprint('up')\nwhile True: time.sleep(60)"


def said(kept: Kept) -> bool:
    return bool(kept.log.tail(1, ended=False).lines)


async def test_growth_is_told_to_those_who_watch_and_only_while_they_do(kept: Kept) -> None:
    await kept.start("while True: print('you said', input())")
    kept.link.watch(log=True)
    await until(lambda: len(kept.heard) >= 2)
    terminal_writer = psutil.Process(kept.state().pid).terminal()
    assert terminal_writer is not None
    for number in (1, 2):
        await asyncio.to_thread(Path(terminal_writer).write_text, f"line {number}\n")
        await until(lambda: kept.heard[-1].log_end == kept.log.tail(1, ended=False).cursor > 0)
    kept.link.watch(log=False)
    heard = len(kept.heard)
    await until(lambda: len(kept.heard) > heard)
    heard, end = len(kept.heard), kept.heard[-1].log_end
    await asyncio.to_thread(Path(terminal_writer).write_text, "line 3\n")
    await until(lambda: kept.log.tail(1, ended=False).cursor > end)
    assert len(kept.heard) == heard


async def test_hostile_clients_cost_the_miner_nothing(kept: Kept) -> None:
    await kept.start(WAITS)
    bad = [b"not json\n", b"[]\n", b'{"do": "dance"}\n', b"x" * 100_000, b'{"do": "stop", "graceS": "soon"}\n']
    for data in bad:
        reader, writer = await asyncio.open_unix_connection(str(kept.socket))
        writer.write(data)
        async with asyncio.timeout(PATIENCE_S):
            with suppress(ConnectionError):
                assert await reader.read() == b""
        writer.close()
    crowd = [await asyncio.open_unix_connection(str(kept.socket)) for _ in range(40)]
    for _, writer in crowd:
        writer.close()
    heard = len(kept.heard)
    kept.link.watch(log=False)
    await until(lambda: len(kept.heard) > heard)
    assert not kept.ended()


@pytest.mark.skipif(os.geteuid() != 0, reason="a small file system of its own needs root")
async def test_a_full_disk_costs_log_and_not_the_miner(tmp_path: Path) -> None:
    small = tmp_path / "small"
    small.mkdir()
    run("mount", "-t", "tmpfs", "-o", "size=128k", "tmpfs", str(small))
    kept = Kept(small)
    try:
        kept.socket = tmp_path / "k.sock"
        kept.link = KeeperLink(kept.socket, on_facts=kept.heard.append, on_gone=lambda: None)
        await kept.start("import time\nfor i in range(20000): print('line', i)\nprint('done')\ntime.sleep(300)")
        await until(lambda: kept.log.tail(1, ended=False).cursor >= 60_000)
        await until(lambda: shutil.disk_usage(small).free == 0)
        assert psutil.pid_exists(kept.state().pid)
        kept.link.stop(1.0)
        await until(kept.ended)
        assert kept.state().asked
    finally:
        await kept.link.close()
        await until(lambda: gone(kept.state().keeper_pid))
        run("umount", str(small))


async def test_the_keeper_is_small(kept: Kept) -> None:
    await kept.start(WAITS)
    await until(lambda: said(kept))
    memory = psutil.Process(kept.state().keeper_pid).memory_full_info()
    print(f"keeper: RSS {memory.rss / 2**20:.1f} MiB, PSS {memory.pss / 2**20:.1f} MiB")
    assert memory.pss < 12 * 2**20


async def test_a_line_is_typed_at_the_terminal_and_nothing_else_is(kept: Kept) -> None:
    await kept.start("import sys\nfor line in sys.stdin: print('read', ascii(line))")
    await until(lambda: bool(kept.heard))
    assert kept.heard[-1].takes == ("input",)
    kept.link.type("h")
    await until(lambda: any("read 'h" in line for line in kept.log.tail(10, ended=False).lines))
    hung_up = 0
    for wish in (b'{"do":"input"}', b'{"do":"input","text":"\\u0003"}', b'{"do":"input","text":["h"]}',
                 b'{"do":"input","text":"' + b"x" * 257 + b'"}', b'{"do":"input","text":""}'):  # fmt: skip
        reader, writer = await asyncio.open_unix_connection(str(kept.socket))
        writer.write(wish + b"\n")
        hung_up += await asyncio.wait_for(reader.read(), PATIENCE_S) == b""
        writer.close()
    assert hung_up == 5
    assert not kept.ended()
    assert sum("read" in line for line in kept.log.tail(50, ended=False).lines) == 1
