"""What every adapter promises, proven on each with its real program: ``miners.contract``."""

from __future__ import annotations

import asyncio
import os
import signal
import stat
import subprocess
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import msgspec
import pytest

from miner_ctrl.errors import OperationFailed, Unreachable
from miner_ctrl.miners.adapters import default_adapters
from miner_ctrl.miners.contract import Adapter, LaunchPlan, MinerApi, Reading
from miner_ctrl.miners.simulated import SimulatedAdapter
from miner_ctrl.miners.xmrig import PROGRAM_VARIABLE, XmrigAdapter
from miner_ctrl.model.miners import MinerState
from miner_ctrl.model.profiles import MinerConfig
from tests.components.monerod import WALLET, Chain, free_ports

TOKEN = "token-f3a9c1d2"
PASSWORD = "password-77ab"
PATIENCE_S = 60.0


class Case:
    """An adapter, a config it can run, and processes started from its plans in ``folder``."""

    def __init__(self, adapter: Adapter, config: MinerConfig, folder: Path) -> None:
        self.adapter = adapter
        self.config = config
        self.folder = folder
        self.api = MinerApi(port=free_ports(1)[0], token=TOKEN)
        self._process: subprocess.Popen[bytes] | None = None

    def plan(self) -> LaunchPlan:
        return self.adapter.plan(self.config, folder=self.folder, rig_name="rig-7", api=self.api)

    def write(self, plan: LaunchPlan) -> None:
        for name, content in plan.files.items():
            (self.folder / name).write_bytes(content)
            (self.folder / name).chmod(0o600)

    def start(self) -> subprocess.Popen[bytes]:
        plan = self.plan()
        self.write(plan)
        self._process = subprocess.Popen(
            plan.argv,
            cwd=self.folder,
            env={"PATH": os.environ["PATH"], **plan.env},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        return self._process

    async def until(self, holds: Callable[[Reading], bool]) -> Reading:
        """Ask until ``holds``; the reading for which it did."""
        async with asyncio.timeout(PATIENCE_S):
            while True:
                try:
                    reading = await self.adapter.read(self.api)
                except Unreachable:
                    assert self._process is not None
                    assert self._process.poll() is None, "the miner ended"
                else:
                    if holds(reading):
                        return reading
                await asyncio.sleep(0.05)

    def kill(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.wait(30)


@pytest.fixture(params=["simulated", "xmrig"])
def case(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Case]:
    """Both adapters, not started; the pool is a port where nobody listens."""
    folder = tmp_path / "instance-1"
    folder.mkdir()
    config = MinerConfig(
        pool="127.0.0.1:9", wallet=WALLET, password=PASSWORD, threads=1, huge_pages=False, randomx_mode="light",
        donate_level=0, seed=4,
    )  # fmt: skip
    adapter: Adapter = SimulatedAdapter()
    if request.param == "xmrig":
        program: Path = request.getfixturevalue("xmrig_program")
        adapter = XmrigAdapter(environ={PROGRAM_VARIABLE: str(program)})
    case = Case(adapter, config, folder)
    yield case
    case.kill()


@pytest.fixture
def mining_case(case: Case, request: pytest.FixtureRequest) -> Case:
    """The same with something to mine: XMRig gets a real chain."""
    if case.adapter.type == "xmrig":
        chain: Chain = request.getfixturevalue("chain")
        case.config = msgspec.structs.replace(case.config, pool=chain.address, daemon=True, coin="monero")
    return case


def hashing(reading: Reading) -> bool:
    return reading.state is MinerState.MINING and (reading.hashrates_hps.s10 or 0) > 0


def test_the_types_are_what_profiles_say(tmp_path: Path) -> None:
    adapters = default_adapters(deployed=lambda _: None)
    assert [adapter.type for adapter in adapters] == ["xmrig", "simulated"]
    assert all(adapter.description and adapter.capabilities.pause for adapter in adapters)


def test_it_is_located(case: Case) -> None:
    found = case.adapter.locate()
    assert (found.type, found.installed) == (case.adapter.type, True)
    assert found.version
    assert Path(found.path).is_file()
    assert found.simulated == (found.type == "simulated") == (found.version == "simulated")


def test_a_plan_changes_nothing_and_keeps_secrets_off_the_command_line(case: Case) -> None:
    plan = case.plan()
    assert list(case.folder.iterdir()) == []
    shown = " ".join([*plan.argv, *plan.env, *plan.env.values(), repr(plan.api)])
    for secret in (TOKEN, PASSWORD, WALLET):
        assert secret not in shown
    assert Path(plan.argv[0]).is_absolute()
    assert all(Path(name).name == name for name in plan.files)
    assert plan == case.plan()


def test_the_token_is_in_a_file(case: Case) -> None:
    assert any(TOKEN.encode() in content for content in case.plan().files.values())


async def test_a_good_config_passes_the_check_and_nothing_stays(case: Case) -> None:
    plan = case.plan()
    case.write(plan)
    await case.adapter.check(plan, case.folder)
    assert {path.name: path.read_bytes() for path in case.folder.iterdir()} == dict(plan.files)
    assert all(stat.S_IMODE(path.stat().st_mode) == 0o600 for path in case.folder.iterdir())


async def test_a_config_the_miner_dislikes_is_refused_in_its_own_words(case: Case) -> None:
    case.config = msgspec.structs.replace(case.config, pool="http://:0")
    plan = case.plan()
    case.write(plan)
    with pytest.raises(OperationFailed) as caught:
        await case.adapter.check(plan, case.folder)
    own_words = {"simulated": "pool must be HOST:PORT", "xmrig": "no valid configuration found"}
    assert own_words[case.adapter.type] in caught.value.message
    assert caught.value.code == "MINER_CONFIG_REFUSED"


async def test_a_broken_file_is_refused_without_its_secrets(case: Case) -> None:
    plan = case.plan()
    broken = {name: content[:-2] + TOKEN.encode() for name, content in plan.files.items()}
    plan = msgspec.structs.replace(plan, files=broken)
    case.write(plan)
    with pytest.raises(OperationFailed) as caught:
        await case.adapter.check(plan, case.folder)
    assert caught.value.message.isprintable()
    assert "config.json" in caught.value.message
    for secret in (TOKEN, PASSWORD, WALLET):
        assert secret not in caught.value.message


ENDS = (0, -signal.SIGABRT)
"""XMRig 6.22.2 was once seen to abort on its way out, after it had said that it exits."""


async def test_nobody_running_is_unreachable(case: Case) -> None:
    for ask in (case.adapter.read, case.adapter.pause, case.adapter.resume):
        with pytest.raises(Unreachable):
            await ask(case.api)


async def test_it_starts_mines_pauses_resumes_and_ends(mining_case: Case) -> None:
    case = mining_case
    process = case.start()
    first = await case.until(lambda _: True)
    assert first.state is MinerState.STARTING

    mining = await case.until(hashing)
    assert mining.version == case.adapter.locate().version
    assert (mining.pool, mining.algorithm, mining.reason) == (case.config.pool, "rx/0", "")
    assert mining.difficulty
    await case.until(lambda reading: reading.accepted > mining.accepted)
    assert len((await case.until(lambda reading: bool(reading.threads_hps))).threads_hps) == 1

    await case.adapter.pause(case.api)
    paused = await case.until(lambda reading: reading.state is MinerState.PAUSED)
    await case.adapter.pause(case.api)
    assert process.poll() is None
    await case.adapter.resume(case.api)
    await case.until(lambda now: now.state is MinerState.MINING and now.accepted > paused.accepted)

    process.send_signal(signal.SIGTERM)
    assert await asyncio.to_thread(process.wait, 30) in ENDS
    with pytest.raises(Unreachable):
        await case.adapter.read(case.api)


async def test_another_token_is_refused(case: Case) -> None:
    case.start()
    await case.until(lambda _: True)
    stranger = MinerApi(port=case.api.port, token="another-token")
    asks: list[Callable[[MinerApi], Awaitable[object]]] = [
        case.adapter.read, case.adapter.pause, case.adapter.resume
    ]  # fmt: skip
    for ask in asks:
        with pytest.raises(OperationFailed, match="token"):
            await ask(stranger)
    assert (await case.adapter.read(case.api)).state is not MinerState.PAUSED


async def test_it_ends_in_good_order_at_any_moment(case: Case) -> None:
    process = case.start()
    await case.until(lambda _: True)
    process.send_signal(signal.SIGINT)
    assert await asyncio.to_thread(process.wait, 30) in ENDS
