"""A real Prometheus scrapes a real controller over its port, with a token, by the example configuration."""

from __future__ import annotations

import json
import socket
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from miner_ctrl.metrics.families import BY_NAME
from tests.components.prometheus import Programs
from tests.house.tree import ROOT
from tests.integration.conftest import MakeNode
from tests.integration.nodes import wait_for
from tests.metrics.pages import parse_openmetrics, parse_text, values

EXAMPLES = ROOT / "examples" / "prometheus"
NOT_EVERYWHERE = {
    "miner_ctrl_fleet_power_watts",
    "miner_ctrl_fleet_hottest_celsius",
    "miner_ctrl_rig_power_watts",
    "miner_ctrl_rig_temperature_celsius",
}
"""What this machine may have no sensor for."""


class Prometheus:
    """A running Prometheus, asked over its HTTP API."""

    def __init__(self, address: str) -> None:
        self._address = address

    def query(self, expression: str) -> list[tuple[dict[str, str], float]]:
        """Return labels and value of each series that an instant query finds; none while it does not answer."""
        where = f"http://{self._address}/api/v1/query?{urllib.parse.urlencode({'query': expression})}"
        try:
            with urllib.request.urlopen(where, timeout=10) as answer:
                found = json.load(answer)["data"]["result"]
        except (urllib.error.URLError, ConnectionError):
            return []
        return [(one["metric"], float(one["value"][1])) for one in found]

    def wait_for(self, expression: str) -> list[tuple[dict[str, str], float]]:
        return wait_for(expression, lambda: self.query(expression))


@contextmanager
def prometheus(programs: Programs, folder: Path, target: str, token: str) -> Iterator[Prometheus]:
    """Run Prometheus by the example, but for the target and how often it looks."""
    config: Any = yaml.safe_load((EXAMPLES / "prometheus.yml").read_text("utf-8"))
    config["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s"}
    config["scrape_configs"][0]["static_configs"][0]["targets"] = [target]
    folder.mkdir()
    (folder / "prometheus.yml").write_text(json.dumps(config))
    (folder / "alerts.yml").write_text((EXAMPLES / "alerts.yml").read_text("utf-8"))
    (folder / "miner-ctrl.token").write_text(token)
    with socket.create_server(("127.0.0.1", 0)) as free:
        address = f"127.0.0.1:{free.getsockname()[1]}"
    command = [
        str(programs.prometheus),
        f"--config.file={folder / 'prometheus.yml'}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address={address}",
    ]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, cwd=folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    try:
        yield Prometheus(address)
    finally:
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def page(address: str, token: str, accept: str = "*/*") -> str:
    headers = {"Authorization": f"Bearer {token}", "Accept": accept}
    with urllib.request.urlopen(
        urllib.request.Request(f"http://{address}/metrics", headers=headers), timeout=30
    ) as got:
        return str(got.read().decode())


def test_prometheus_scrapes_a_controller(prometheus_programs: Programs, make_node: MakeNode, tmp_path: Path) -> None:
    desk, rig = make_node("desk"), make_node("rig")
    desk.api_words = ("--api", "127.0.0.1:0", "--api-auth")
    desk.done("node", "init", "--name", "desk", "--role", "controller")
    token = str(desk.answer("token", "create", "prometheus", "--role", "viewer")["token"])
    desk.serve()
    target = str(desk.ask("/node/info")["apiAddresses"][0]).removeprefix("http://")
    rig.join(desk, "rig-alpha")
    rig.serve()
    desk.wait_until_connected("rig-alpha")
    desk.done("profile", "create", "sim", "--miner", "simulated", "--pool", "pool.example:3333", "--wallet", "w")
    desk.done("remote", "start", "rig-alpha", "--profile", "sim")
    wait_for("a hashrate", lambda: "miner_ctrl_rig_hashrate_hps{" in page(target, token))

    text = page(target, token)
    checked = subprocess.run(
        [prometheus_programs.promtool, "check", "metrics"], input=text, capture_output=True, text=True, check=False
    )
    assert (checked.returncode, checked.stdout + checked.stderr) == (0, "")
    found = values(parse_text(text))
    told = {family.name for family in BY_NAME.values() if {family.name, f"{family.name}_count"} & found.keys()}
    assert set(BY_NAME) - told <= NOT_EVERYWHERE
    openmetrics = values(parse_openmetrics(page(target, token, "application/openmetrics-text; version=1.0.0")))
    assert found.keys() <= openmetrics.keys()

    with prometheus(prometheus_programs, tmp_path / "prometheus", target, token) as server:
        [(labels, up)] = server.wait_for('up{job="miner-ctrl"} == 1')
        assert (labels["instance"], up) == (target, 1)
        [(rig_labels, _)] = server.wait_for("miner_ctrl_rig_hashrate_hps > 0")
        assert (rig_labels["peer"], len(rig_labels["id"]), bool(rig_labels["algorithm"])) == ("rig-alpha", 16, True)
        assert server.query(
            "miner_ctrl_fleet_hashrate_hps - sum by (instance, job, algorithm) (miner_ctrl_rig_hashrate_hps)"
        )[0][1] == pytest.approx(0)
        server.wait_for('rate(miner_ctrl_http_requests_total{route="/metrics", status="2xx"}[10s]) > 0')
        server.wait_for("increase(miner_ctrl_session_received_bytes_total[10s]) > 0")
        rig.stop()
        server.wait_for("miner_ctrl_rig_up == 0")
        assert server.query("miner_ctrl_rig_hashrate_hps") == [], "what was last known is not told as if it held now"
        assert server.query("miner_ctrl_rig_last_report_timestamp_seconds")[0][1] > time.time() - 600
        server.wait_for('ALERTS{alertname="MinerCtrlRigDown", peer="rig-alpha", alertstate="pending"}')

    with prometheus(prometheus_programs, tmp_path / "without", target, "mct_wrong") as server:
        server.wait_for('up{job="miner-ctrl"} == 0')
    refused = values(parse_text(page(target, token)))["miner_ctrl_http_refused_total"]
    assert refused["unauthorized"] >= 1
