"""The node of the simulated fleet, from its home to its open port."""

from __future__ import annotations

import asyncio
import json
import secrets
import urllib.request
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple
from unittest.mock import patch

from benches.nodes import CONTROLLER, keys_of
from benches.page_fleet.home import make_home
from benches.page_fleet.past import write_past
from benches.page_fleet.plans import Mood
from benches.page_fleet.rigs import SimRig
from benches.page_fleet.sessions import SimEndpoint, now_ms
from miner_ctrl.api.application import BASE_PATH
from miner_ctrl.app import Node
from miner_ctrl.app import node as node_module
from miner_ctrl.config import ApiSettings, Listen, NodeSettings
from miner_ctrl.controller.fleet import RigMissing
from miner_ctrl.identity.introductions import Introduction

AT_ONCE = 400
"""Sessions that begin together: the node notes each, and has room for so many notes."""
WAITING = ("rig-new", "garage-newcomer", "x" * 63)


class Wanted(NamedTuple):
    """What was asked for; ``history_ms`` is how much of a past there is, of the first ``history_rigs``;
    ``waiting``: some nodes wait for approval."""

    rigs: int
    listen: Listen
    history_ms: int
    history_rigs: int
    hostile: bool
    waiting: bool


class Served(NamedTuple):
    """The node as it is served, and its rigs."""

    url: str
    endpoint: SimEndpoint
    rigs: list[SimRig]


@asynccontextmanager
async def served(path: Path, wanted: Wanted) -> AsyncIterator[Served]:
    """Serve a fleet whose home is to be at ``path``."""
    at_ms = now_ms()
    place, known, profiles = make_home(path, wanted.rigs, hostile=wanted.hostile)
    rigs = [SimRig(plan, keys, profiles, hostile=wanted.hostile) for plan, keys in known]
    journals: dict[bytes, int] = {}
    if wanted.history_ms:
        past = rigs[: wanted.history_rigs]
        own = keys_of(CONTROLLER).public.fingerprint.hex()[:32]
        journals = await write_past(place.history_database, past, own, now_ms=at_ms, lasts_ms=wanted.history_ms)
    else:
        journals = {rig.fingerprint: 1 for rig in rigs[: wanted.history_rigs]}
    by_key = {rig.fingerprint: rig for rig in rigs}
    api = ApiSettings(wanted.listen, asked=True, auth=False)
    with patch.object(node_module, "Endpoint", partial(SimEndpoint, by_key, journals)):
        node = Node(NodeSettings(place, Listen("127.0.0.1", 0), api=api), serving=True)
        try:
            await node.start()
            endpoint = node._endpoint
            assert isinstance(endpoint, SimEndpoint)
            await _connect(node, endpoint, rigs)
            if wanted.waiting:
                _let_wait(node)
            yield Served(node._port.addresses[0], endpoint, rigs)
        finally:
            await node.close()


async def _connect(node: Node, endpoint: SimEndpoint, rigs: list[SimRig]) -> None:
    """Let the sessions stand, those with a history last: the node notes the last ones for sure."""
    controller = node._faces.fleet
    assert controller is not None
    for rig in rigs:
        if rig.plan.mood is Mood.OFFLINE:
            reason = "Its link was lost: nothing was heard for 20 s."
            controller.apply(RigMissing(rig.fingerprint, reason, "DISCONNECTED"))  # type: ignore[attr-defined]
    there = [rig for rig in reversed(rigs) if rig.plan.connected]
    for start in range(0, len(there), AT_ONCE):
        for rig in there[start : start + AT_ONCE]:
            endpoint.open(rig)
        await asyncio.sleep(0.02)


def _let_wait(node: Node) -> None:
    """Let three nodes wait for approval."""
    pairing: Any = node._faces.pairing
    for number, name in enumerate(WAITING):
        stranger = Introduction(keys_of(2_000_000 + number).public, name, None)
        pairing._pending.note(stranger, f"192.168.7.{number + 20}")


def deeds(url: str, rigs: list[SimRig]) -> Iterable[tuple[str, object]]:
    """Yield what somebody asks for over the API at the beginning: path and body of each POST."""
    yield "/invites", {"uses": 5, "expires": "2d"}
    yield "/invites", {"expires": "1h", "address": "control.lan:9091"}
    yield "/remote/restart", {"filter": {"tags": ["attic"]}}
    if len(rigs) > 5:
        yield f"/remote/{rigs[1].keys.node_id}/restart", {}
        yield f"/remote/{rigs[3].keys.node_id}/pause", {"resumeAfterS": 3600}
        yield "/remote/deploy", {"filter": {"tags": ["cellar"]}, "profileId": "main"}
    yield "/tokens", {"name": "grafana", "role": "viewer", "expires": "90d"}


def ask(url: str, path: str, body: object) -> int:
    """POST to the node's API; return the status."""
    request = urllib.request.Request(
        f"{url}{BASE_PATH}{path}",
        data=json.dumps(body).encode(),
        headers={"Content-Type": "application/json", "Idempotency-Key": secrets.token_hex(8)},
    )
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code
