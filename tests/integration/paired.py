"""A node that is a controller and a rig, with two paired rigs, as real processes: what the contract is tried on."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from tests.integration.forwarded import forwarded
from tests.integration.nodes import NodeProcess, wait_for

BASE = "/api/v1/mining"
RIGS = ("rig-alpha", "rig-beta")
POOL = {"pool": "pool.example.com:3333", "wallet": "4ABC"}


class Answer(NamedTuple):
    """An answer, whole."""

    status: int
    headers: Mapping[str, str]
    text: bytes

    @property
    def data(self) -> Any:
        return json.loads(self.text)


class Paired(NamedTuple):
    """The node, its rigs by name, its API's origin, and what a caller shows there."""

    desk: NodeProcess
    rigs: Mapping[str, NodeProcess]
    origin: str
    credentials: Mapping[str, str] = {}

    def ask(self, method: str, path: str, body: object = None, *, headers: Mapping[str, str] | None = None) -> Answer:
        """Send one request, on a connection of its own."""
        place = urlsplit(self.origin)
        connection = http.client.HTTPConnection(place.hostname or "", place.port, timeout=120)
        content = None if body is None else json.dumps(body).encode()
        sent = {"Content-Type": "application/json"} if content is not None else {}
        try:
            connection.request(method, BASE + path, content, {**sent, **self.credentials, **(headers or {})})
            response = connection.getresponse()
            return Answer(
                response.status, {name.lower(): value for name, value in response.getheaders()}, response.read()
            )
        finally:
            connection.close()


@contextmanager
def paired(folder: Path, env: dict[str, str] | None = None, *, at_the_port: bool = False) -> Iterator[Paired]:
    """Make them below ``folder`` and have them serve while the block runs; the node has a profile ``sim``.

    The node is asked ``at_the_port``, behind its guard and with an admin's token; else at its local socket.
    """
    nodes = {name: NodeProcess(folder / name, env=env) for name in ("desk", *RIGS)}
    try:
        desk = nodes["desk"]
        desk.done("node", "init", "--name", "desk")
        credentials = {}
        if at_the_port:
            token = desk.done("token", "create", "contract", "--role", "admin").strip()
            credentials = {"Authorization": f"Bearer {token}"}
            desk.api_words = ("--api", "127.0.0.1:0", "--api-auth")
        desk.serve()
        for name in RIGS:
            nodes[name].join(desk, name)
            nodes[name].serve()
            desk.wait_until_connected(name)
        desk.api.post("/profiles", {"name": "sim", "minerType": "simulated", "config": {**POOL, "seed": 1}})
        wait_for("both rigs' stats", lambda: _all_seen(desk))
        rigs = {name: nodes[name] for name in RIGS}
        if at_the_port:
            origin = port_of(desk)
            desk.api_words = ("--api", origin.removeprefix("http://"), "--api-auth")  # also when it is started again
            yield Paired(desk, rigs, origin, credentials)
            return
        with forwarded(desk.places.socket) as origin:
            yield Paired(desk, rigs, origin)
    finally:
        for node in nodes.values():
            node.end()


def port_of(node: NodeProcess) -> str:
    """Return the origin of a serving node's API at its port."""
    [origin] = node.ask("/node/info")["apiAddresses"]
    return str(origin)


def _all_seen(desk: NodeProcess) -> bool:
    rigs = desk.ask("/remote/stats") or {}
    return len(rigs) == len(RIGS) and all(rig["ageS"] is not None for rig in rigs.values())
