"""A client as the Go ``miner-ctrl`` has one works: plain HTTP, the fields it reads, the statuses it branches on.

Written from the contract's table alone. It decodes as Go's ``encoding/json`` does into its structs: fields it does not
know are left out, those it knows must have their type; ``nil`` slices are not accepted where arrays are promised.
"""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from base64 import b64decode
from collections.abc import Iterator
from typing import Any, TypedDict, get_args, get_origin, get_type_hints

import pytest

from tests.integration.nodes import wait_for
from tests.integration.paired import BASE, Paired, paired


class NodeIdentity(TypedDict):
    id: str
    name: str
    publicKey: str
    role: str
    createdAt: str


class NodeInfo(TypedDict):
    hasIdentity: bool
    identity: NodeIdentity | None
    registeredPeers: int
    connectedPeers: int


class Peer(TypedDict):
    id: str
    name: str
    publicKey: str
    address: str
    role: str
    addedAt: str
    lastSeen: str | None
    pingMs: float | None
    score: float
    connected: bool


class Ping(TypedDict):
    rtt_ms: float


class Status(TypedDict):
    status: str


class Started(TypedDict):
    status: str
    minerName: str


class NamedMiner(TypedDict):
    name: str
    type: str


class Miner(NamedMiner, total=False):
    """A number that is 0, and a text that is empty, may be left out: Go makes those of what is missing."""

    hashrate: float
    shares: int
    rejected: int
    uptime: int
    pool: str
    algorithm: str


class Rig(TypedDict):
    nodeId: str
    nodeName: str
    miners: list[Miner]
    uptime: int


class InstallDetails(TypedDict):
    is_installed: bool
    version: str
    path: str
    miner_binary: str
    config_path: str


class SystemInfo(TypedDict):
    os: str
    architecture: str
    available_cpu_cores: int
    total_system_ram_gb: float
    timestamp: str
    installed_miners_info: list[InstallDetails]


class Available(TypedDict):
    name: str
    description: str


class Profile(TypedDict):
    id: str
    name: str
    minerType: str
    config: dict[str, Any]


class Point(TypedDict):
    timestamp: str
    hashrate: float | None


class Mode(TypedDict):
    mode: str


class Keys(TypedDict):
    publicKeys: list[str]


class ApiError(Exception):
    """What the client makes of any status over 299: it shows ``error`` and branches on ``status`` and ``code``."""

    def __init__(self, status: int, body: dict[str, Any]) -> None:
        super().__init__(body["error"])
        self.status = status
        self.code: str = body["code"]


class GoClient:
    """One method a route, as ``pkg/mining`` and the dashboard call them."""

    def __init__(self, origin: str) -> None:
        self._base = origin + BASE

    def call(self, method: str, path: str, into: Any, body: object = None, *, status: int = 200) -> Any:
        """Send a request and decode its answer."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self._base + path, data, {"Content-Type": "application/json"}, method=method)
        try:
            with urllib.request.urlopen(request, timeout=60) as response:
                assert response.status == status
                decoded = json.load(response)
        except urllib.error.HTTPError as error:
            raise ApiError(error.code, json.load(error)) from None
        _check(decoded, into, path)
        return decoded


def _check(value: Any, kind: Any, where: str) -> None:
    """See that ``value`` decodes into ``kind``."""
    if kind is Any:
        return
    if get_origin(kind) is list:
        assert isinstance(value, list), where
        for part in value:
            _check(part, get_args(kind)[0], where)
    elif get_origin(kind) is dict:
        assert isinstance(value, dict), where
        for name, part in value.items():
            _check(part, get_args(kind)[1], f"{where}.{name}")
    elif isinstance(kind, type) and hasattr(kind, "__required_keys__"):
        for name, inner in get_type_hints(kind).items():
            assert name in value or name in getattr(kind, "__optional_keys__", ()), f"{where}: {name} is missing"
            if name in value:
                _check(value[name], inner, f"{where}.{name}")
    elif get_args(kind):
        if value is not None:
            _check(value, next(part for part in get_args(kind) if part is not type(None)), where)
    elif kind is float:
        assert isinstance(value, int | float), where
        assert not isinstance(value, bool), where
    else:
        assert type(value) is kind, f"{where}: {value!r}"


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Paired]:
    with paired(tmp_path_factory.mktemp("go"), env={"PATH": "/nonexistent"}) as made:
        yield made


@pytest.fixture(scope="module")
def go(node: Paired) -> GoClient:
    return GoClient(node.origin)


def test_the_dashboards_first_page(go: GoClient) -> None:
    assert go.call("GET", "/health", Status)
    info = go.call("GET", "/node/info", NodeInfo)
    assert (info["hasIdentity"], info["registeredPeers"]) == (True, 2)
    system = go.call("GET", "/info", SystemInfo)
    assert any(program["miner_binary"] == "" for program in system["installed_miners_info"])
    assert {one["name"] for one in go.call("GET", "/miners/available", list[Available])} >= {"xmrig", "tt-miner"}
    assert go.call("GET", "/miners", list[Miner]) == [], "an empty array, never null"
    assert go.call("GET", "/peers/pending", list[Any]) == []


def test_the_nodes_page(go: GoClient) -> None:
    peers = go.call("GET", "/peers", list[Peer])
    assert [peer["name"] for peer in peers] == ["rig-alpha", "rig-beta"]
    one = go.call("GET", f"/peers/{peers[0]['id']}", Peer)
    assert one["role"] == "worker"
    assert go.call("POST", f"/peers/{one['id']}/ping", Ping)["rtt_ms"] > 0
    assert go.call("GET", "/peers/auth/mode", Mode) == {"mode": "allowlist"}
    assert one["publicKey"] in go.call("GET", "/peers/auth/allowlist", Keys)["publicKeys"]


def test_a_remote_miners_life(go: GoClient, node: Paired) -> None:
    started = go.call("POST", "/remote/rig-alpha/start", Started, {"profileId": "sim"})
    name = started["minerName"]
    wait_for("a hashrate", lambda: node.desk.rig("rig-alpha")["miners"][0].get("hashrate"))
    fleet = go.call("GET", "/remote/stats", dict[str, Any])
    peers = {peer["name"]: peer["id"] for peer in go.call("GET", "/peers", list[Peer])}
    assert set(fleet) == set(peers.values())
    _check(fleet[peers["rig-alpha"]], Rig, "/remote/stats")
    rig = go.call("GET", "/remote/rig-alpha/stats", Rig)
    assert [miner["name"] for miner in rig["miners"]] == [name]
    assert go.call("GET", f"/remote/rig-alpha/logs/{name}?lines=10", list[str])
    assert go.call("POST", "/remote/rig-alpha/stop", Status, {"minerName": name}) != {}
    assert go.call("GET", "/remote/rig-alpha/stats", dict[str, Any])["miners"] == []


def test_a_profile_and_a_miner_of_this_machine(go: GoClient, node: Paired) -> None:
    body = {"name": "go", "minerType": "simulated", "config": {"pool": "a.example:1", "wallet": "w", "seed": 2}}
    made = go.call("POST", "/profiles", Profile, body, status=201)
    assert [one["id"] for one in go.call("GET", "/profiles", list[Profile]) if one["name"] == "go"] == [made["id"]]
    go.call("PUT", f"/profiles/{made['id']}", Profile, body)
    started = go.call("POST", f"/profiles/{made['id']}/start", Started)
    name = started["minerName"]
    wait_for("a hashrate", lambda: go.call("GET", f"/miners/{name}/stats", dict[str, Any]).get("hashrate"))
    _check(go.call("GET", "/miners", list[Miner])[0], Miner, "/miners")
    assert go.call("GET", f"/miners/{name}/hashrate-history", list[Point])
    lines = wait_for("its log", lambda: go.call("GET", f"/miners/{name}/logs", list[str]))
    assert all(b64decode(line, validate=True).decode() for line in lines if line)
    go.call("POST", f"/miners/{name}/stdin", Status, {"input": "h"})
    assert go.call("DELETE", f"/miners/{name}", Status)
    assert go.call("DELETE", f"/profiles/{made['id']}", Status)


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "/peers/none", None, 404),
        ("DELETE", "/peers/none", None, 404),
        ("POST", "/peers/none/ping", None, 404),
        ("GET", "/remote/none/stats", None, 404),
        ("POST", "/remote/none/start", {"profileId": "sim"}, 404),
        ("POST", "/remote/none/stop", None, 404),
        ("GET", "/remote/none/logs/x", None, 404),
        ("DELETE", "/miners/none", None, 404),
        ("GET", "/miners/none/stats", None, 404),
        ("GET", "/miners/none/hashrate-history", None, 404),
        ("GET", "/miners/none/logs", None, 404),
        ("POST", "/miners/none/stdin", {"input": "h"}, 404),
        ("GET", "/profiles/none", None, 404),
        ("PUT", "/profiles/none", {"name": "x", "minerType": "simulated", "config": {}}, 404),
        ("DELETE", "/profiles/none", None, 404),
        ("POST", "/profiles/none/start", None, 404),
        ("POST", "/node/init", {"name": "again"}, 409),
        ("POST", "/node/init", {"name": "x", "role": "king"}, 400),
        ("POST", "/peers", {"address": "127.0.0.1:9"}, 504),
        ("PUT", "/peers/auth/mode", {"mode": "open"}, 403),
        ("POST", "/profiles", {"name": "x"}, 400),
    ],
)
def test_the_statuses_it_branches_on(go: GoClient, method: str, path: str, body: object, status: int) -> None:
    with pytest.raises(ApiError) as raised:
        go.call(method, path, Any, body)
    assert raised.value.status == status
    assert str(raised.value).endswith(".")
    assert raised.value.code.isupper()
