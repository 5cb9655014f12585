"""Whole nodes inside the test's own process: real rooms, real files, real sockets on port 0."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from miner_ctrl.app import Node
from miner_ctrl.config import Home, Listen, NodeSettings
from miner_ctrl.controller import Commands, Fleet
from miner_ctrl.identity.keys import NodeKeys
from miner_ctrl.model.nodes import ALL_GRANTS, NO_GRANTS, Role
from miner_ctrl.model.views import PeerView
from miner_ctrl.pairing import Pairing
from miner_ctrl.peers import Registry
from miner_ctrl.profiles import ProfileStore
from miner_ctrl.transport import Endpoint

PATIENCE_S = 30.0
"""For what happens in milliseconds unless it never happens."""


class Inside:
    """One node and its rooms."""

    def __init__(self, node: Node) -> None:
        assert isinstance(node._faces.pairing, Pairing)
        assert isinstance(node._faces.commands, Commands)
        assert isinstance(node._faces.fleet, Fleet)
        assert isinstance(node._faces.profiles, ProfileStore)
        assert node._endpoint is not None
        assert node._registry is not None
        assert node._keys is not None
        self.node = node
        self.pairing = node._faces.pairing
        self.commands = node._faces.commands
        self.fleet = node._faces.fleet
        self.profiles = node._faces.profiles
        self.endpoint: Endpoint = node._endpoint
        self.registry: Registry = node._registry
        self.keys: NodeKeys = node._keys
        self.fingerprint = self.keys.public.fingerprint
        self.id = self.keys.public.node_id

    @property
    def address(self) -> str:
        return self.node.addresses()[0]

    @property
    def port(self) -> int:
        return self.node._bound[0][1]

    def connected(self, other: Inside | NodeKeys) -> bool:
        """Whether a session with ``other`` stands here."""
        keys = other.keys if isinstance(other, Inside) else other
        return self.endpoint.channel(keys.public.fingerprint) is not None

    def know_rig(self, keys: NodeKeys, name: str) -> None:
        """Pin ``keys`` here as a rig's that joined with a token."""
        self.pairing._registered(self.registry.add(keys.public, name=name, role=Role.WORKER, grants=NO_GRANTS))

    def know_controller(self, keys: NodeKeys, name: str = "boss") -> None:
        """Pin ``keys`` here as a controller's that may do everything."""
        self.registry.add(keys.public, name=name, role=Role.CONTROLLER, grants=ALL_GRANTS)


@asynccontextmanager
async def running(home: Path, name: str, role: Role, *, port: int = 0) -> AsyncIterator[Inside]:
    """Run a node in ``home`` (made if it is not there) on loopback."""
    place = Home.resolve(str(home))
    place.prepare()
    node = Node(NodeSettings(place, Listen("127.0.0.1", port)), serving=True)
    try:
        await node.start()
        if node._identity is None:
            await node.init(name, role, None)
        yield Inside(node)
    finally:
        await node.close()


async def joined(rig: Inside, controller: Inside, *, address: str | None = None) -> PeerView:
    """Let ``rig`` join with a token, dialling ``address``; both have the session when this returns."""
    invite = controller.pairing.invite(for_="rig", addresses=[address or controller.address], uses=1, lifetime_s=600)
    peer = await rig.pairing.join(invite.token or "", name=None, address=None)
    await until(lambda: controller.connected(rig) and rig.connected(controller))
    return peer


async def until(condition: Callable[[], bool]) -> None:
    """Return once ``condition`` holds; fail if it never does."""
    async with asyncio.timeout(PATIENCE_S):
        while not condition():  # noqa: ASYNC110 - whatever a test asks of two nodes has no event of its own
            await asyncio.sleep(0.01)
