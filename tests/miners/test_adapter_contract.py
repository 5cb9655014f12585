"""What every adapter promises, proven on each: with its real program where it can be had, else with a stand-in process
that answers what the real one has answered, or documents. ``miners.contract``."""

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

from miner_ctrl.errors import BadInput, OperationFailed, RequestTimedOut, Unreachable
from miner_ctrl.miners.adapters import default_adapters
from miner_ctrl.miners.contract import Adapter, LaunchPlan, MinerApi, Reading
from miner_ctrl.miners.log_file import LogFile
from miner_ctrl.miners.simulated import SimulatedAdapter
from miner_ctrl.miners.xmrig import XmrigAdapter
from miner_ctrl.model.miners import MinerState
from miner_ctrl.model.profiles import MinerConfig, PoolConfig
from tests.components.monerod import WALLET, Chain, free_ports
from tests.miners.rig import Rig, hashing, profile, sampled
from tests.miners.stand_ins import shipped_types, stand_in

TOKEN = "token-f3a9c1d2"
PASSWORD = "password-77ab"
PATIENCE_S = 60.0
REAL = ("simulated", "xmrig")
STAND_INS = ("tt-miner", *shipped_types(), "log-only")
EVERY = (*REAL, *STAND_INS)


class Case:
    """An adapter, a config it can run, and processes started from its plans in ``folder``."""

    def __init__(self, adapter: Adapter, config: MinerConfig, folder: Path) -> None:
        self.adapter = adapter
        self.config = config
        self.folder = folder
        self.api = MinerApi(port=free_ports(1)[0], token=TOKEN)
        self.log = LogFile(folder)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def real(self) -> bool:
        return self.adapter.type in REAL

    @property
    def asks(self) -> bool:
        """Whether it is asked over its local API, and not read from its log."""
        return self.adapter.type != "log-only"

    def plan(self) -> LaunchPlan:
        return self.adapter.plan(self.config, folder=self.folder, rig_name="rig-7", api=self.api)

    def write(self, plan: LaunchPlan) -> None:
        for name, content in plan.files.items():
            (self.folder / name).write_bytes(content)
            (self.folder / name).chmod(0o600)

    def start(self) -> subprocess.Popen[bytes]:
        plan = self.plan()
        self.write(plan)
        with (self.folder / "log-0000000000000000").open("wb") as log:
            self._process = subprocess.Popen(
                plan.argv,
                cwd=self.folder,
                env={"PATH": os.environ["PATH"], **plan.env},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        return self._process

    async def read(self) -> Reading:
        return await self.adapter.read(self.api, log=self.log)

    async def until(self, holds: Callable[[Reading], bool]) -> Reading:
        """Ask until ``holds``; the reading for which it did."""
        async with asyncio.timeout(PATIENCE_S):
            while True:
                try:
                    reading = await self.read()
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


@pytest.fixture(params=EVERY)
def case(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Case]:
    """Every adapter, not started; the pool is a port where nobody listens."""
    folder = tmp_path / "instance-1"
    folder.mkdir()
    real = MinerConfig(
        pool="127.0.0.1:9", wallet=WALLET, password=PASSWORD, threads=1, huge_pages=False, randomx_mode="light",
        donate_level=0,
    )  # fmt: skip
    adapter: Adapter
    if request.param == "simulated":
        adapter, config = SimulatedAdapter(), msgspec.structs.replace(real, seed=4)
    elif request.param == "xmrig":
        program: Path = request.getfixturevalue("xmrig_program")
        adapter, config = XmrigAdapter(environ={"MINER_CTRL_XMRIG": str(program)}), real
    else:
        adapter = stand_in(request.param, tmp_path)
        config = MinerConfig(pool="127.0.0.1:9", wallet=WALLET, algo="etchash" if "algo" in adapter.fields else "")
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


def mines(reading: Reading) -> bool:
    return reading.state is MinerState.MINING and (reading.hashrates_hps.s10 or 0) > 0


def test_the_types_are_what_profiles_say() -> None:
    adapters = default_adapters()
    assert [adapter.type for adapter in adapters] == ["xmrig", "simulated", "tt-miner", *shipped_types()]
    assert {"lolminer", "t-rex", "srbminer-multi", "gminer", "rigel", "bzminer", "teamredminer", "cpuminer-opt"} == set(
        shipped_types()
    )
    assert all(adapter.description.isprintable() and adapter.description for adapter in adapters)


def test_it_is_located_with_what_it_can_do(case: Case) -> None:
    found = case.adapter.locate()
    assert (found.type, found.installed) == (case.adapter.type, True)
    assert found.version
    assert Path(found.path).is_file()
    assert found.simulated == (found.type == "simulated") == (found.version == "simulated")
    assert found.description == case.adapter.description
    assert found.capabilities == case.adapter.capabilities.names
    assert found.fields == tuple(sorted(case.adapter.fields))
    assert found.source == ("package" if found.simulated else "named")


def test_its_fields_are_fields_of_profiles(case: Case) -> None:
    assert {"pool", "wallet"} <= case.adapter.fields <= set(MinerConfig.__struct_encode_fields__)


OTHER_VALUES: dict[str, object] = {
    "tls": True, "tls_fingerprint": "ab" * 32, "daemon": True, "nicehash": True, "keepalive": False, "rig_id": "r",
    "coin": "monero", "proxy": "127.0.0.1:9050", "cpu": False, "threads": 3, "cpu_affinity": (0, 1), "cpu_priority": 2,
    "max_threads_hint": 50, "huge_pages": False, "gb_pages": True, "randomx_mode": "light", "donate_level": 2,
    "opencl": True, "cuda": True, "devices": (0, 2), "intensity": 20.5, "pause_on_battery": True,
    "pause_on_activity": 30, "extra_args": ("--no-such",), "seed": 5,
    "failover": (PoolConfig(pool="127.0.0.1:10", wallet=WALLET),),
    "gpu_pool": PoolConfig(pool="127.0.0.1:10", wallet=WALLET),
}  # fmt: skip
_JSON_NAMES = dict(zip(MinerConfig.__struct_fields__, MinerConfig.__struct_encode_fields__, strict=True))


def test_what_it_does_not_heed_is_refused_by_name(case: Case) -> None:
    config = MinerConfig(pool="127.0.0.1:9", wallet=WALLET, algo=case.config.algo)
    for attribute, value in OTHER_VALUES.items():
        field = _JSON_NAMES[attribute]
        if field in case.adapter.fields:
            continue
        case.config = msgspec.structs.replace(config, **{attribute: value})
        with pytest.raises(BadInput) as caught:
            case.plan()
        assert (caught.value.code, caught.value.details["field"]) == ("FIELD_NOT_HEEDED", field)
        assert field in caught.value.message
        assert case.adapter.type in caught.value.message
    assert list(case.folder.iterdir()) == []


def test_what_it_heeds_changes_the_plan(case: Case) -> None:
    if case.adapter.type == "simulated":
        return  # stands in for all of them, and shows only some
    plain = msgspec.structs.replace(case.config, threads=None, huge_pages=True, randomx_mode="auto", donate_level=1)
    case.config = plain
    before = case.plan()
    for attribute, value in OTHER_VALUES.items():
        field = _JSON_NAMES[attribute]
        if field not in case.adapter.fields or field in ("extraArgs", "gpuPool"):
            continue
        together = {"opencl": True} if field in ("cpu", "devices") and case.real else {}
        case.config = msgspec.structs.replace(plain, **{**together, attribute: value})
        assert case.plan() != before, f"{field} is heeded in silence"


@pytest.mark.parametrize(
    "argument",
    ["--no-such", "--config=/tmp/x", "-o", "--url", "--url=evil.example:1", "-u", "--user", "--pool", "x", ""],
)
def test_extra_arguments_that_are_not_allowed_are_refused_by_name(case: Case, argument: str) -> None:
    if case.adapter.type == "simulated":
        return  # it takes none of them anywhere
    case.config = msgspec.structs.replace(case.config, extra_args=(argument,))
    with pytest.raises(BadInput) as caught:
        case.plan()
    assert caught.value.details["field"] == "extraArgs"


def test_a_plan_changes_nothing_and_keeps_secrets_off_the_command_line(case: Case) -> None:
    plan = case.plan()
    assert list(case.folder.iterdir()) == []
    shown = " ".join([*plan.argv, *plan.env, *plan.env.values(), repr(plan.api)])
    for secret in (TOKEN, PASSWORD, *((WALLET,) if case.real or case.adapter.type == "cpuminer-opt" else ())):
        assert secret not in shown
    assert Path(plan.argv[0]).is_absolute()
    assert all(Path(name).name == name for name in plan.files)
    assert plan == case.plan()


def test_a_secret_password_is_in_a_file_or_refused(case: Case) -> None:
    case.config = msgspec.structs.replace(case.config, password=PASSWORD)
    if case.adapter.type in ("xmrig", "cpuminer-opt"):
        assert any(PASSWORD.encode() in content for content in case.plan().files.values())
    elif not case.real:
        with pytest.raises(BadInput, match="every user of the machine can read") as caught:
            case.plan()
        assert caught.value.details["field"] == "password"
        assert PASSWORD not in caught.value.message + caught.value.suggestion
        case.config = msgspec.structs.replace(case.config, password="c=BTC,d=64")
        assert "c=BTC,d=64" in " ".join(case.plan().argv)


def test_the_api_is_bound_to_this_machine(case: Case) -> None:
    plan = case.plan()
    said = " ".join(plan.argv) + "".join(content.decode() for content in plan.files.values())
    assert "0.0.0.0" not in said
    if case.asks:
        assert str(case.api.port) in said
        everywhere = "listens on every interface" in case.adapter.description
        assert everywhere == (case.adapter.type in ("gminer", "srbminer-multi"))
        assert everywhere or case.adapter.type == "simulated" or "127.0.0.1" in said


def test_the_token_is_in_a_file(case: Case) -> None:
    if case.real:
        assert any(TOKEN.encode() in content for content in case.plan().files.values())


async def test_a_good_config_passes_the_check_and_nothing_stays(case: Case) -> None:
    plan = case.plan()
    case.write(plan)
    await case.adapter.check(plan, case.folder)
    assert {path.name: path.read_bytes() for path in case.folder.iterdir()} == dict(plan.files)
    assert all(stat.S_IMODE(path.stat().st_mode) == 0o600 for path in case.folder.iterdir())


@pytest.mark.parametrize("case", REAL, indirect=True)
async def test_a_config_the_miner_dislikes_is_refused_in_its_own_words(case: Case) -> None:
    case.config = msgspec.structs.replace(case.config, pool="http://:0")
    plan = case.plan()
    case.write(plan)
    with pytest.raises(OperationFailed) as caught:
        await case.adapter.check(plan, case.folder)
    own_words = {"simulated": "pool must be HOST:PORT", "xmrig": "no valid configuration found"}
    assert own_words[case.adapter.type] in caught.value.message
    assert caught.value.code == "MINER_CONFIG_REFUSED"


@pytest.mark.parametrize("case", REAL, indirect=True)
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
    if not case.asks:
        return  # a log tells nothing of the process
    with pytest.raises(Unreachable):
        await case.read()
    if case.adapter.capabilities.pause:
        for ask in (case.adapter.pause, case.adapter.resume):
            with pytest.raises(Unreachable):
                await ask(case.api)


async def test_it_starts_mines_and_ends(mining_case: Case) -> None:
    case = mining_case
    process = case.start()
    first = await case.until(lambda _: True)
    assert first.state is MinerState.STARTING

    mining = await case.until(mines)
    assert not mining.version or case.adapter.locate().version[:1].isdigit() or case.adapter.type == "simulated"
    told = case.adapter.capabilities
    assert bool(mining.difficulty) == told.difficulty
    assert bool(mining.devices) == (told.per_device and case.adapter.type != "xmrig")
    assert bool((await case.until(mines)).threads_hps) == told.per_thread
    assert mining.reason == ""

    process.send_signal(signal.SIGTERM)
    assert await asyncio.to_thread(process.wait, 30) in ENDS
    if case.asks:
        with pytest.raises(Unreachable):
            await case.read()


@pytest.mark.parametrize("case", REAL, indirect=True)
async def test_it_counts_pauses_and_resumes(mining_case: Case) -> None:
    case = mining_case
    process = case.start()
    mining = await case.until(mines)
    assert mining.version == case.adapter.locate().version
    assert (mining.pool, mining.algorithm, mining.reason) == (case.config.pool, "rx/0", "")
    await case.until(lambda reading: reading.accepted > mining.accepted)
    assert len((await case.until(lambda reading: bool(reading.threads_hps))).threads_hps) == 1

    await case.adapter.pause(case.api)
    paused = await case.until(lambda reading: reading.state is MinerState.PAUSED)
    await case.adapter.pause(case.api)
    assert process.poll() is None
    await case.adapter.resume(case.api)
    await case.until(lambda now: now.state is MinerState.MINING and now.accepted > paused.accepted)


@pytest.mark.parametrize("case", STAND_INS, indirect=True)
async def test_what_cannot_be_paused_says_so(case: Case) -> None:
    assert not case.adapter.capabilities.pause
    for ask in (case.adapter.pause, case.adapter.resume):
        with pytest.raises(OperationFailed, match=f"{case.adapter.type} cannot be paused") as caught:
            await ask(case.api)
        assert caught.value.code == "CANNOT_PAUSE"


async def test_what_cannot_reload_says_so(case: Case) -> None:
    if not case.adapter.capabilities.reload:
        assert await case.adapter.reload(case.plan()) is False


@pytest.mark.parametrize("case", REAL, indirect=True)
async def test_it_goes_on_with_another_configuration(mining_case: Case) -> None:
    case = mining_case
    process = case.start()
    await case.until(mines)
    before = await case.until(lambda reading: reading.accepted > 0)
    case.config = msgspec.structs.replace(case.config, threads=2)
    assert await case.adapter.reload(case.plan()) is True
    after = await case.until(lambda reading: len(reading.threads_hps) == 2)
    assert process.poll() is None
    assert after.accepted >= before.accepted
    assert after.uptime_s >= before.uptime_s
    await case.until(lambda reading: reading.accepted > after.accepted)


@pytest.mark.parametrize("case", REAL, indirect=True)
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
    assert (await case.read()).state is not MinerState.PAUSED


async def test_it_ends_in_good_order_at_any_moment(case: Case) -> None:
    process = case.start()
    await case.until(lambda reading: case.asks or bool(reading.version or reading.pool))
    process.send_signal(signal.SIGINT)
    assert await asyncio.to_thread(process.wait, 30) in ENDS


@pytest.mark.parametrize("case", [each for each in EVERY if each != "xmrig"], indirect=True)
async def test_it_runs_with_a_keeper(case: Case, rig: Rig) -> None:
    miners = await rig.agent(case.adapter)
    [name] = await miners.launch(profile(miner_type=case.adapter.type), case.config)
    stats = await sampled(miners, name, hashing)
    assert stats.type == case.adapter.type
    assert stats.pid
    await miners.stop(name)
    assert miners.names() == ()


# --- answers that no miner gives ------------------------------------------------------------------------

NONSENSE = {
    "nothing": b"",
    "binary": bytes(range(256)) * 8 + b"\0",
    "text": b"hello there\n\0",
    "empty object": b"{}\n\0",
    "a list": b"[1,2,3]\n\0",
    "deep": b"[" * 100_000 + b"]" * 100_000 + b"\n\0",
    "wrong types": b'{"id":0,"result":[1,2,3],"hashrate":"fast","devices":5,"Algorithms":{"0":7}}\n\0',
    "huge numbers": b'{"hashrate":1e999,"uptime":-1,"accepted_count":"x"}\n\0',
    "too large": b'{"a":"' + b"x" * 1_200_000 + b'"}\n\0',
    "pairs of nonsense": b"=;=;===|||;\0",
}


@pytest.mark.parametrize("framing", ["http", "raw"])
@pytest.mark.parametrize("name", NONSENSE)
async def test_nonsense_is_one_clean_error(case: Case, name: str, framing: str) -> None:
    if not case.asks:
        return
    body = NONSENSE[name]
    head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n\r\n".encode() if framing == "http" else b""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(head + body)
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", case.api.port)
    async with server:
        with pytest.raises((OperationFailed, Unreachable)) as caught:
            await case.read()
    assert caught.value.message.isprintable()
    assert len(caught.value.message) < 300
    assert caught.value.suggestion


async def test_silence_is_bounded(case: Case) -> None:
    if not case.asks:
        return

    async def say_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"H")
        await reader.read()
        writer.close()

    server = await asyncio.start_server(say_nothing, "127.0.0.1", case.api.port)
    async with server:
        with pytest.raises(RequestTimedOut):
            await case.read()
