"""Miners from start to end, with real keepers and real processes."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import threading
from pathlib import Path

import pytest

from miner_ctrl.errors import Conflict, NotFound, OperationFailed
from miner_ctrl.miners.log_file import LogFile
from miner_ctrl.miners.xmrig import XmrigAdapter
from miner_ctrl.model.miners import MinerState
from tests.components.monerod import WALLET, Chain
from tests.miners.rig import Rig, ScriptedAdapter, config, hashing, profile, sampled, start_of, stats_of, until

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")

FOR_EVER = "import time\nprint('up')\nwhile True: time.sleep(60)"
DEAF = "import signal, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\nprint('up')\nwhile True: time.sleep(60)"


# --- start, pause, restart, stop ------------------------------------------------------------------------


async def test_a_miner_is_started_watched_paused_resumed_and_stopped(rig: Rig) -> None:
    miners = await rig.agent()
    [name] = await miners.launch(profile(), config(threads=3))
    assert name == "simulated-1"
    assert miners.names() == (name,)

    stats = await sampled(miners, name, hashing)
    assert (stats.type, stats.version, stats.pool) == ("simulated", "simulated", "127.0.0.1:9")
    assert (stats.profile_name, stats.profile_hash) == ("some", profile().content_hash)
    assert stats.pid == rig.state(name)["pid"]
    assert len(stats.threads_hps) == 3
    assert stats == stats_of(miners, name)

    await miners.pause(name)
    assert (await sampled(miners, name, lambda stats: stats.state is MinerState.PAUSED)).pid == stats.pid
    await miners.resume(name)
    await sampled(miners, name, hashing)

    await miners.stop(name)
    assert miners.names() == ()
    assert start_of(stats.pid or 0) == 0
    assert rig.state(name)["asked"] is True
    assert any("SIGTERM received" in line for line in (await miners.tail(name, 100))[0]), "its log stays"
    with pytest.raises(NotFound, match=r"simulated-1.* on this rig"):
        await miners.stop(name)


async def test_names_are_not_used_again(rig: Rig) -> None:
    miners = await rig.agent()
    [first] = await miners.launch(profile(), config())
    await miners.stop(first)
    again = await rig.agent()
    assert await again.launch(profile(), config()) == ("simulated-2",)
    assert again.names() == ("simulated-2",)


async def test_a_restart_keeps_name_and_log_and_brings_a_new_process(rig: Rig) -> None:
    miners = await rig.agent()
    [name] = await miners.launch(profile(), config())
    before = (await sampled(miners, name, hashing)).pid
    _, cursor = await miners.tail(name, 1)
    await miners.restart(name, config())
    stats = await sampled(miners, name, hashing)
    assert stats.name == name
    assert stats.pid != before
    assert stats.reason == ""
    async for part in miners.follow(name, lines=0, cursor=cursor):
        assert part.skipped == 0
        assert any("SIGTERM received" in line for line in part.lines), "the log goes on where it was"
        break


async def test_a_restart_that_waited_for_a_stop_starts_nothing(rig: Rig) -> None:
    """It would run on, in no list, and no agent would ever look after it."""
    miners = await rig.agent(ScriptedAdapter(DEAF))
    [name] = await miners.launch(profile(miner_type="scripted"), config())
    await until(lambda: rig.lines_of(name) == ["up"], "the handler")
    stopped, restarted, again = await asyncio.gather(
        miners.stop(name, grace_s=0.2), miners.restart(name, config()), miners.stop(name), return_exceptions=True
    )
    assert (stopped, again) == (None, None)
    assert isinstance(restarted, NotFound)
    assert rig.state(name)["signal"] == int(signal.SIGKILL)
    assert rig.keepers() == []


async def test_a_rig_has_no_more_miners_than_can_be_told(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("miner_ctrl.miners.supervision.MAX_MINERS", 2)
    miners = await rig.agent(ScriptedAdapter(FOR_EVER))
    launched = [miners.launch(profile(miner_type="scripted"), config()) for _ in range(4)]
    results = await asyncio.gather(*launched, return_exceptions=True)
    assert [type(result) for result in results] == [tuple, tuple, Conflict, Conflict]
    await miners.stop("scripted-1")
    await miners.launch(profile(miner_type="scripted"), config())


async def test_a_restart_that_fails_leaves_it_listed_with_the_reason(rig: Rig) -> None:
    adapter = ScriptedAdapter(FOR_EVER)
    miners = await rig.agent(adapter)
    [name] = await miners.launch(profile(miner_type="scripted"), config())
    adapter.script = "print('no such pool')\nraise SystemExit(2)"
    with pytest.raises(OperationFailed, match="no such pool"):
        await miners.restart(name, config())
    stats = stats_of(miners, name)
    assert (stats.state, stats.exit_code) == (MinerState.CRASHED, 2)
    adapter.script = FOR_EVER
    await miners.restart(name, config())
    assert (await sampled(miners, name, lambda stats: stats.state is MinerState.MINING)).reason == ""


async def test_who_ignores_sigterm_is_killed_after_the_grace(rig: Rig) -> None:
    miners = await rig.agent(ScriptedAdapter(DEAF))
    [name] = await miners.launch(profile(miner_type="scripted"), config())
    await until(lambda: rig.lines_of(name) == ["up"], "the handler")
    await miners.stop(name, grace_s=0.2)
    assert rig.state(name)["signal"] == int(signal.SIGKILL)
    assert miners.names() == ()


async def test_what_ends_at_once_was_not_started(rig: Rig) -> None:
    miners = await rig.agent(ScriptedAdapter("print('\\x1b[31mbad \\x1b[0mwallet')\nraise SystemExit(2)"))
    with pytest.raises(OperationFailed, match=r"ended at once.*exit code 2.*bad wallet"):
        await miners.launch(profile(miner_type="scripted"), config())
    assert miners.names() == ()
    assert list(rig.run.iterdir()) == []


async def test_a_launch_that_is_given_up_leaves_nothing_running(rig: Rig) -> None:
    miners = await rig.agent(ScriptedAdapter(FOR_EVER))
    for wait_s in (0.0, 0.02, 0.05, 0.1, 0.3):
        launch = asyncio.create_task(miners.launch(profile(miner_type="scripted"), config()), name="launch")
        await asyncio.sleep(wait_s)
        launch.cancel()
        with pytest.raises(asyncio.CancelledError):
            await launch
        assert rig.keepers() == []
    assert miners.names() == ()


async def test_several_start_at_once_with_names_of_their_own(rig: Rig) -> None:
    miners = await rig.agent(ScriptedAdapter(FOR_EVER))
    launches = (miners.launch(profile(miner_type="scripted"), config()) for _ in range(3))
    names = [name for launched in await asyncio.gather(*launches) for name in launched]
    assert len(set(names)) == 3
    assert set(miners.names()) == set(names)


async def test_secrets_are_in_files_for_the_owner_alone(rig: Rig) -> None:
    miners = await rig.agent()
    [name] = await miners.launch(profile({"pool": "127.0.0.1:9", "password": "secret-9d"}), config())
    folder = rig.data / name
    assert folder.stat().st_mode & 0o777 == 0o700
    assert all(path.stat().st_mode & 0o077 == 0 for path in folder.iterdir())
    facts = rig.state(name)
    for pid in (facts["pid"], facts["keeperPid"]):
        command_line = (Path("/proc") / str(pid) / "cmdline").read_bytes()
        assert b"secret-9d" not in command_line
        assert b"wallet-77ab" not in command_line


# --- what goes wrong by itself --------------------------------------------------------------------------


async def test_a_crash_is_noticed_without_asking_and_stays_with_its_reason(rig: Rig) -> None:
    adapter = ScriptedAdapter("print('last \\x1b[1mwords\\x1b[0m')\nimport time\ntime.sleep(600)")
    miners = await rig.agent(adapter)
    [name] = await miners.launch(profile(miner_type="scripted"), config())
    await until(lambda: rig.lines_of(name), "its words")
    changes: list[MinerState] = []
    miners.on_change = lambda: changes.extend(stats.state for stats in miners.latest())
    os.kill(rig.state(name)["pid"], signal.SIGKILL)
    await until(lambda: MinerState.CRASHED in changes, "the crash")
    stats = stats_of(miners, name)
    assert "signal 9" in stats.reason
    assert "last words" in stats.reason
    assert (stats.pid, stats.hashrate_hps) == (None, None)
    assert stats_of(await rig.agent(adapter), name).reason == stats.reason, "the next agent knows it too"
    await miners.stop(name)
    assert miners.names() == ()
    assert (await rig.agent(adapter)).names() == ()


async def test_a_killed_keeper_takes_its_miner_along_and_is_named(rig: Rig) -> None:
    deaf_to_hang_ups = FOR_EVER.replace("print", "import signal; signal.signal(1, signal.SIG_IGN)\nprint")
    miners = await rig.agent(ScriptedAdapter(deaf_to_hang_ups))
    [name] = await miners.launch(profile(miner_type="scripted"), config())
    await until(lambda: rig.lines_of(name) == ["up"], "the handler")
    facts = rig.state(name)
    os.kill(facts["keeperPid"], signal.SIGKILL)
    await until(lambda: stats_of(miners, name).state is MinerState.CRASHED, "the crash")
    assert "keeper" in stats_of(miners, name).reason
    await until(lambda: start_of(facts["pid"]) == 0, "the miner's end")


async def test_who_does_not_answer_is_unresponsive_until_it_does(rig: Rig) -> None:
    miners = await rig.agent()
    [name] = await miners.launch(profile(), config())
    pid = (await sampled(miners, name, hashing)).pid or 0
    os.kill(pid, signal.SIGSTOP)
    try:
        stats = await sampled(miners, name, lambda stats: stats.state is MinerState.UNRESPONSIVE)
        assert stats.reason
        assert stats.hashrate_hps is None, "an old number is not shown as if it were true"
    finally:
        os.kill(pid, signal.SIGCONT)
    await sampled(miners, name, hashing)


async def test_miners_of_no_use_do_not_keep_each_other_waiting(rig: Rig) -> None:
    mute = await asyncio.start_server(lambda _reader, _writer: None, "127.0.0.1", 0)
    async with mute:
        adapter = ScriptedAdapter(FOR_EVER)
        miners = await rig.agent(adapter)
        await asyncio.gather(*(miners.launch(profile(miner_type="scripted"), config()) for _ in range(4)))
        adapter.port = mute.sockets[0].getsockname()[1]
        async with asyncio.timeout(10):  # one after the other it would be 12 s
            stats = await miners.sample()
    assert len(stats) == 4


HOSTILE = [
    b"",
    b"\xff" * 100,
    b"HTTP/1.1 200 OK\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n{}",
    b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n{}",
    b"HTTP/1.1 200 OK\r\n\r\n" + b"[" * 500_000,
    b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 10_000_000,
    b"HTTP/1.1 200 OK\r\nX: " + b"y" * 10_000_000,
    b"HTTP/1.1 200 OK\r\n\r\nnull",
    b'HTTP/1.1 200 OK\r\n\r\n{"kind": "miner", "version": 7}',
    b'HTTP/1.1 200 OK\r\n\r\n{"kind":"miner","version":"v","hashrate":{"total":[NaN,1,2]},"connection":{}}',
    b'HTTP/1.1 200 OK\r\n\r\n{"kind":"miner","version":"v","hashrate":{"total":[1e999,1,2]},"connection":{}}',
    b'HTTP/1.1 200 OK\r\n\r\n{"kind":"miner","version":"v","hashrate":{"total":[1'
    + b"0" * 5000 + b',1,2]},"connection":{}}',
    b'HTTP/1.1 200 OK\r\n\r\n{"kind":"miner","version":"\\ud800","hashrate":{"total":[1,1,2]},"connection":{}}',
    b"HTTP/1.1 999 \r\n\r\n",
]  # fmt: skip


async def test_nothing_an_api_says_comes_out_of_a_sample(rig: Rig) -> None:
    answers = list(HOSTILE)

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(answers[0])
            await writer.drain()
        except ConnectionError:
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        miners = await rig.agent(ScriptedAdapter(FOR_EVER, port=server.sockets[0].getsockname()[1]))
        [name] = await miners.launch(profile(miner_type="scripted"), config())
        while answers:
            await miners.sample()
            stats = stats_of(miners, name)
            assert stats.state in (MinerState.STARTING, MinerState.UNRESPONSIVE), answers[0][:100]
            answers.pop(0)


# --- logs -----------------------------------------------------------------------------------------------


async def test_two_who_follow_get_every_line_once_and_an_end(rig: Rig) -> None:
    miners = await rig.agent(
        ScriptedAdapter("import time\ntime.sleep(3)\nfor n in range(30_000): print(n)\nprint('half', end='')")
    )
    [name] = await miners.launch(profile(miner_type="scripted"), config())

    async def read(pause_s: float) -> list[str]:
        lines: list[str] = []
        async for part in miners.follow(name, lines=100, cursor=None):
            assert part.skipped == 0
            lines += part.lines
            await asyncio.sleep(pause_s)
        return lines

    expected = [*map(str, range(30_000)), "half"]
    first, second = await asyncio.gather(read(0.0), read(0.01))
    assert first == expected
    assert second == expected


async def test_who_follows_a_silent_miner_hears_of_its_end(rig: Rig) -> None:
    miners = await rig.agent(ScriptedAdapter(FOR_EVER))
    [name] = await miners.launch(profile(miner_type="scripted"), config())
    parts = miners.follow(name, lines=10, cursor=None)
    lines: list[str] = []
    while lines != ["up"]:
        lines += (await anext(parts)).lines
    waiting = asyncio.ensure_future(anext(parts))
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(asyncio.shield(waiting), 0.3)
    os.kill(rig.state(name)["pid"], signal.SIGKILL)
    with pytest.raises(StopAsyncIteration):
        await asyncio.wait_for(waiting, 30)


async def test_logs_are_read_beside_the_loop(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten thousand lines take long enough for every other peer to be taken for gone."""
    threads: list[int] = []
    read = LogFile._read

    def noted(log: LogFile, start: int, size: int) -> bytes:
        threads.append(threading.get_ident())
        return read(log, start, size)

    miners = await rig.agent(ScriptedAdapter(FOR_EVER))
    [name] = await miners.launch(profile(miner_type="scripted"), config())
    monkeypatch.setattr(LogFile, "_read", noted)
    await miners.tail(name, 10)
    parts = miners.follow(name, lines=10, cursor=None)
    await anext(parts)
    await parts.aclose()
    assert len(threads) >= 2
    assert threading.get_ident() not in threads


@pytest.mark.parametrize("name", ["..", "../x", "simulated-9", "", "a" * 300, "simulated-1/../.."])
async def test_a_log_of_no_miner_is_not_found(rig: Rig, name: str) -> None:
    miners = await rig.agent()
    with pytest.raises(NotFound):
        await miners.tail(name, 5)
    with pytest.raises(NotFound):
        await anext(miners.follow(name, lines=5, cursor=None))


# --- the real thing -------------------------------------------------------------------------------------


async def test_a_real_xmrig_mines_on_a_real_chain(rig: Rig, xmrig_program: Path, chain: Chain, tmp_path: Path) -> None:
    adapter = XmrigAdapter(environ={"MINER_CTRL_XMRIG": str(xmrig_program)})
    miners = await rig.agent(adapter)
    before = chain.height()
    [name] = await miners.launch(
        profile(miner_type="xmrig"),
        config(
            pool=chain.address, wallet=WALLET, daemon=True, coin="monero", threads=1, huge_pages=False,
            randomx_mode="light", donate_level=0, seed=None,
        ),
    )  # fmt: skip
    stats = await sampled(miners, name, lambda stats: hashing(stats) and stats.accepted > 0)
    assert (name, stats.type, stats.algorithm, stats.pool) == ("xmrig-1", "xmrig", "rx/0", chain.address)
    assert chain.height() > before
    await miners.close()

    again = await rig.agent(adapter)
    assert (await sampled(again, name, hashing)).pid == stats.pid
    await again.pause(name)
    await sampled(again, name, lambda stats: stats.state is MinerState.PAUSED)
    await again.resume(name)
    await sampled(again, name, hashing)
    await again.stop(name)
    assert rig.state(name)["asked"] is True
    assert start_of(stats.pid or 0) == 0
    lines, _ = await again.tail(name, 1000)
    assert any("accepted" in line and "\x1b[1;32m" in line for line in lines)
    assert not any(WALLET in line for line in lines)
