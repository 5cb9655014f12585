"""The simulated miner: repeatable, plausible, honest about what it is, and small."""

from __future__ import annotations

import ast
import asyncio
import http.client
import json
import re
import statistics
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from miner_ctrl.miners import simulated_program
from miner_ctrl.miners.contract import MinerApi
from miner_ctrl.miners.simulated import PROGRAM, SimulatedAdapter
from miner_ctrl.miners.simulated_program import Chance, Config, Simulation, read_config
from miner_ctrl.model.profiles import MinerConfig
from tests.components.monerod import free_ports

TOKEN = "the-token"


def settings(**changes: Any) -> dict[str, Any]:
    http_settings = {"port": free_ports(1)[0], "access-token": TOKEN}
    base = {"http": http_settings, "pool": "pool.example:3333", "algo": "rx/0", "threads": 2, "seed": 7}
    return {**base, **changes}


def config(folder: Path, **changes: Any) -> Config:
    path = folder / "config.json"
    path.write_text(json.dumps(settings(**changes)))
    return read_config(str(path))


class Program:
    """A running one."""

    def __init__(self, folder: Path) -> None:
        said = settings()
        self.port = said["http"]["port"]
        (folder / "config.json").write_text(json.dumps(said))
        command = [sys.executable, "-I", "-S", "-E", str(PROGRAM), f"--config={folder / 'config.json'}"]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, bufsize=0)  # readline must not read ahead
        assert self.process.stdout is not None
        self.first_line = self.process.stdout.readline().decode()

    def ask(self, method: str, path: str, body: str | None = None, **headers: str) -> tuple[int, Any]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            connection.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read())
        finally:
            connection.close()

    def end(self) -> list[str]:
        """End it; the lines it wrote after the first, without colours."""
        self.process.terminate()
        rest, _ = self.process.communicate(timeout=30)
        assert self.process.returncode == 0
        return re.sub(r"\x1b\[[0-9;]*m", "", rest.decode()).splitlines()


@pytest.fixture
def program(tmp_path: Path) -> Iterator[Program]:
    running = Program(tmp_path)
    yield running
    if running.process.poll() is None:
        running.process.kill()
    running.process.communicate(timeout=30)


def lived(config: Config, seconds: int) -> Simulation:
    """A simulation that has lived that long, in steps of one second."""
    simulation = Simulation(config, 1000.0)
    for second in range(seconds + 1):
        simulation.advance(1000.0 + second)
    return simulation


@pytest.fixture(autouse=True)
def lines(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What a simulation in this process would have written."""
    written: list[str] = []
    monkeypatch.setattr(simulated_program, "say", lambda _tag, words: written.append(words))
    return written


def test_the_same_seed_shows_the_same(tmp_path: Path) -> None:
    one, same = (lived(config(tmp_path), 600) for _ in range(2))
    other = lived(config(tmp_path, seed=8), 600)
    assert one.rates() == same.rates() != other.rates()
    assert (one.accepted, one.rejected, one.difficulty) == (same.accepted, same.rejected, same.difficulty)


def test_rigs_and_instances_show_different_numbers_and_keep_them(tmp_path: Path) -> None:
    def seed(rig_name: str, instance: str, given: int | None = None) -> int:
        plan = SimulatedAdapter().plan(
            MinerConfig(pool="a.example:1", seed=given),
            folder=tmp_path / instance,
            rig_name=rig_name,
            api=MinerApi(port=1, token=TOKEN),
        )
        return int(json.loads(plan.files["config.json"])["seed"])

    assert seed("a", "1") == seed("a", "1")
    assert len({seed("a", "1"), seed("b", "1"), seed("a", "2")}) == 3
    assert [seed("a", "1", given=given) for given in (0, 99)] == [0, 99]


def test_numbers_are_plausible(tmp_path: Path, lines: list[str]) -> None:
    simulation = Simulation(config(tmp_path), 0.0)
    totals = []
    for second in range(3601):
        simulation.advance(float(second))
        if second > 10:
            totals.append(sum(rate or 0.0 for rate in simulation.rates()[0]))
    assert 600 < statistics.mean(totals) < 2000
    assert 0 < statistics.pstdev(totals) / statistics.mean(totals) < 0.05
    shares = simulation.accepted + simulation.rejected
    assert 1000 < shares < 1400, "one in three seconds"
    assert 0 < simulation.rejected < shares * 0.05
    assert sum("accepted" in line for line in lines) == simulation.accepted
    assert 200 <= sum("speed" in line for line in lines) <= 241


def test_windows_are_zero_before_hashing_then_unknown_then_full(tmp_path: Path) -> None:
    made = config(tmp_path)
    assert lived(made, 0).rates() == [[0.0, 0.0]] * 3
    assert lived(made, 2).rates() == [[None, None]] * 3
    ten, minute, quarter = lived(made, 5).rates()
    assert None not in ten
    assert minute == quarter == [None, None]
    assert all(None not in window for window in lived(made, 1000).rates())


def test_a_long_standstill_does_not_end_in_a_flood(tmp_path: Path, lines: list[str]) -> None:
    simulation = lived(config(tmp_path), 10)
    del lines[:]
    simulation.advance(1000.0 + 10**6)
    assert len(lines) < 100


def test_while_paused_nothing_is_found(tmp_path: Path) -> None:
    simulation = lived(config(tmp_path), 60)
    simulation.pause(True)
    before = simulation.accepted
    simulation.advance(1600.0)
    assert simulation.accepted == before
    assert simulation.rates() == [[0.0, 0.0]] * 3
    simulation.pause(False)
    simulation.advance(1601.0)
    assert simulation.accepted <= before + 5, "no shares for the time in between"
    simulation.advance(1640.0)
    assert simulation.accepted > before


def test_chance_is_even() -> None:
    chance = Chance(1)
    drawn = [chance.uniform() for _ in range(10_000)]
    assert 0 < min(drawn) < max(drawn) <= 1
    assert statistics.mean(drawn) == pytest.approx(0.5, abs=0.02)
    assert statistics.mean(chance.interval(3.0) for _ in range(10_000)) == pytest.approx(3.0, rel=0.05)


def test_the_local_api(program: Program) -> None:
    token = f"Bearer {TOKEN}"
    assert program.ask("GET", "/2/summary")[0] == 401
    assert program.ask("GET", "/2/summary", Authorization="Bearer another")[0] == 403
    for path in ("/", "/2/summary/", "/2/summary?x=1", "/2/config"):
        assert program.ask("GET", path, Authorization=token)[0] == 404
    assert program.ask("POST", "/2/summary", Authorization=token)[0] == 404

    status, summary = program.ask("GET", "/2/summary", Authorization=token)
    assert status == 200
    assert "threads" not in summary["hashrate"]
    assert len(program.ask("GET", "/1/summary", Authorization=token)[1]["hashrate"]["threads"]) == 2
    assert len(program.ask("GET", "/2/backends", Authorization=token)[1][0]["threads"]) == 2

    def rpc(body: str, kind: str = "application/json") -> tuple[int, Any]:
        return program.ask("POST", "/json_rpc", body, Authorization=token, Content_Type=kind)

    for method, paused in (("pause", True), ("pause", True), ("resume", False), ("stop", True), ("resume", False)):
        assert rpc(json.dumps({"method": method, "id": 5})) == (
            200, {"result": {"status": "OK"}, "jsonrpc": "2.0", "id": 5},
        )  # fmt: skip
        assert program.ask("GET", "/2/summary", Authorization=token)[1]["paused"] is paused
    assert rpc('{"method":"start"}')[1]["error"]["code"] == -32601
    assert rpc('{"method":"pause"}', "application/json; charset=utf-8")[0] == 415
    for broken in ("", "[]", "{}", "1", "[" * 5000):
        assert rpc(broken)[0] == 400
    assert "SIGTERM received" in program.end()[-1]


def test_another_configuration_is_taken_over_whole_or_not_at_all(program: Program) -> None:
    key = {"Authorization": f"Bearer {TOKEN}"}
    here = {"port": program.port, "access-token": TOKEN}
    good = settings(http=here, pool="other.example:1", threads=3, algo="rx/wow")
    for bad in (
        "{", "[]", "{}", json.dumps({**good, "threads": 0}), json.dumps({**good, "pool": "nowhere"}),
        json.dumps({**good, "http": {**here, "port": program.port - 1}}),
        json.dumps({**good, "http": {**here, "access-token": "another"}}),
    ):  # fmt: skip
        assert program.ask("PUT", "/2/config", bad, **key)[0] == 400
    assert program.ask("GET", "/1/summary", **key)[1]["connection"]["pool"] == "pool.example:3333"
    assert program.ask("PUT", "/2/config", json.dumps(good), Authorization="Bearer x")[0] == 403
    assert program.ask("PUT", "/2/config", json.dumps(good), **key)[0] == 200
    _, said = program.ask("GET", "/1/summary", **key)
    assert (said["connection"]["pool"], said["algo"], len(said["hashrate"]["threads"])) == (
        "other.example:1", "rx/wow", 3,
    )  # fmt: skip


def test_it_says_what_it_is(program: Program) -> None:
    assert "simulated: it mines nothing" in program.first_line
    _, summary = program.ask("GET", "/2/summary", Authorization=f"Bearer {TOKEN}")
    assert summary["version"] == summary["id"] == summary["worker_id"] == "simulated"
    assert "simulated" in summary["ua"]
    assert "xmrig" not in json.dumps(summary).lower()
    assert "(simulated)" in program.end()[0]


async def test_strange_clients_do_not_stop_it(program: Program) -> None:
    for sent in (
        b"",
        b"\x00" * 100,
        b"GET\r\n\r\n",
        b"A" * 100_000,
        b"GET / HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        b"GET / HTTP/1.1\r\nContent-Length: x\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: 999999\r\n\r\n",
    ):
        _, writer = await asyncio.open_connection("127.0.0.1", program.port)
        writer.write(sent)
        writer.close()
    status, _ = await asyncio.to_thread(program.ask, "GET", "/2/summary", Authorization=f"Bearer {TOKEN}")
    assert status == 200


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"pool": "no-port"}, "HOST:PORT"),
        ({"pool": "host:0"}, "HOST:PORT"),
        ({"threads": 0}, "threads must be"),
        ({"threads": True}, "threads must be"),
        ({"seed": -1}, "seed must be"),
        ({"http": {"port": 70_000, "access-token": "t"}}, "http.port must be"),
        ({"http": {}}, "lacks a field"),
        ({"http": None}, "lacks a field"),
    ],
)
def test_a_bad_config_ends_it_with_2(tmp_path: Path, changes: dict[str, Any], words: str) -> None:
    path = tmp_path / "config.json"
    path.write_text(json.dumps(settings(**changes)))
    run = subprocess.run(
        [sys.executable, "-I", "-S", "-E", str(PROGRAM), f"--config={path}"],
        capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip
    assert run.returncode == 2
    assert words in run.stdout
    assert run.stderr == ""


def test_it_is_small(program: Program) -> None:
    if not Path("/proc/self/status").exists():
        pytest.skip("needs /proc")
    program.ask("GET", "/2/summary", Authorization=f"Bearer {TOKEN}")
    status = Path(f"/proc/{program.process.pid}/status").read_text()
    resident_kib = int(re.search(r"VmRSS:\s+(\d+)", status)[1])  # type: ignore[index]
    assert resident_kib < 20 * 1024


def test_it_wakes_at_most_about_once_a_second(tmp_path: Path) -> None:
    simulation = Simulation(config(tmp_path), 0.0)
    now, wakes = 0.0, 0
    while now < 3600:
        now = simulation.next_event
        simulation.advance(now)
        wakes += 1
    assert wakes < 3600


def test_it_imports_nothing_of_ours() -> None:
    tree = ast.parse(PROGRAM.read_text())
    names = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    names |= {str(node.module) for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert {name.split(".")[0] for name in names} <= sys.stdlib_module_names
