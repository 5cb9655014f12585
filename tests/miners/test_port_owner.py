"""What another user's program answers at a miner's port is not believed."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from miner_ctrl.miners import MinerApi, Reading
from miner_ctrl.miners.log_file import LogFile
from miner_ctrl.miners.port_owner import answers_for_another, listeners
from miner_ctrl.model.miners import MinerState
from tests.components.monerod import free_ports
from tests.miners.rig import Rig, ScriptedAdapter, config, profile, start_of, stats_of

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")

NOBODY = 65534
SUMMARY = Path(__file__).parents[1] / "recorded" / "xmrig-6.26.0" / "mining-with-threads.json"
FOR_EVER = "import time\nprint('up')\nwhile True: time.sleep(60)"
INVENTS = """
import http.server, json, os, sys
SAID = json.dumps(json.load(open(sys.argv[1]))["body"]).encode()
class Answers(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200); self.send_header("Content-Length", str(len(SAID))); self.end_headers()
        self.wfile.write(SAID)
    def log_message(self, *_): pass
"".encode("idna")  # as another user it cannot load that any more
os.setuid(65534)
server = http.server.HTTPServer(("127.0.0.1", 0), Answers)
print(server.server_port, flush=True)
server.serve_forever()
"""

HEAD = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode"


@pytest.mark.parametrize(
    ("address", "state", "found"),
    [
        ("0100007F:1F90", "0A", ({7}, set())),
        ("00000000:1F90", "0A", (set(), {7})),
        ("00000000000000000000000000000000:1F90", "0A", (set(), {7})),
        ("0000000000000000FFFF00000100007F:1F90", "0A", ({7}, set())),
        ("0100007F:1F91", "0A", (set(), set())),
        ("0100007F:1F90", "01", (set(), set())),
        ("0200007F:1F90", "0A", (set(), set())),
    ],
)
def test_who_listens_is_read_from_the_systems_table(address: str, state: str, found: tuple[set[int], set[int]]) -> None:
    line = f"   0: {address} 00000000:0000 {state} 00000000:00000000 00:00000000 00000000     7        0 99 1 0"
    assert tuple(map(set, listeners(f"{HEAD}\n{line}\n", 0x1F90))) == found


async def test_ones_own_port_is_ones_own(monkeypatch: pytest.MonkeyPatch) -> None:
    async with await asyncio.start_server(lambda _reader, _writer: None, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        assert not answers_for_another(port)
        assert not answers_for_another(free_ports(1)[0])
        monkeypatch.setattr(os, "geteuid", lambda: NOBODY)
        assert answers_for_another(port)


@pytest.fixture
def squatter() -> Iterator[int]:
    """Another user's program that invents numbers; its port."""
    with subprocess.Popen([sys.executable, "-I", "-c", INVENTS, str(SUMMARY)], stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            yield int(process.stdout.readline())
        finally:
            process.kill()


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to be another user")
@pytest.mark.parametrize("free", [True, False])
async def test_numbers_of_another_users_program_are_not_believed(
    rig: Rig, monkeypatch: pytest.MonkeyPatch, squatter: int, free: bool
) -> None:
    apis = [MinerApi(port=squatter, token="t"), MinerApi(port=free_ports(1)[0] if free else squatter, token="t")]
    monkeypatch.setattr("miner_ctrl.miners.launching.new_api", lambda: apis.pop(0) if len(apis) > 1 else apis[0])
    miners = await rig.agent(Asked())
    [name] = await miners.launch(profile(miner_type="scripted"), config())
    stats = stats_of(miners, name)
    assert stats.hashrate_hps is None
    assert start_of(stats.pid or 0)
    if free:
        assert stats.state is MinerState.STARTING, "it was started again at a port that nobody has"
    else:
        assert stats.state is MinerState.UNRESPONSIVE
        assert stats.reason == f"A program of another user answers on its API's port {squatter}."


class Asked(ScriptedAdapter):
    """A miner that is asked where it was told to answer, and never does."""

    def __init__(self) -> None:
        super().__init__(FOR_EVER)

    async def read(self, api: MinerApi, *, log: LogFile | None = None) -> Reading:
        self.port = api.port
        return await super().read(api)
