"""One node: built, started and closed."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Callable
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

from miner_ctrl import __version__
from miner_ctrl.api.doors import Application, local_door
from miner_ctrl.app.audit import NodeAudit, capabilities
from miner_ctrl.app.controller_when_asked import ControllerWhenAsked
from miner_ctrl.app.first_start import new_identity, plan_identity
from miner_ctrl.app.lock import open_lock
from miner_ctrl.app.node_facts import NodeFacts
from miner_ctrl.app.own_machine import OwnMachine
from miner_ctrl.app.port import ApiPort
from miner_ctrl.app.rig import RigHalf
from miner_ctrl.app.stores import open_stores
from miner_ctrl.config import NodeSettings
from miner_ctrl.errors import Conflict, NotFound
from miner_ctrl.identity.keys import NodeKeys
from miner_ctrl.identity.node_file import load_identity
from miner_ctrl.model.addresses import DEFAULT_PEER_PORT
from miner_ctrl.model.nodes import Identity, Role
from miner_ctrl.model.times import now_ms
from miner_ctrl.model.views import IdentityView
from miner_ctrl.pairing import Pairing, identity_view
from miner_ctrl.peers import Invites, Pending, Trust, read_trust
from miner_ctrl.transport import Endpoint
from miner_ctrl.transport.sockets import check_can_listen
from miner_ctrl.transport.tls import server_context

if TYPE_CHECKING:
    from miner_ctrl.api.faces import Faces

conversation = logging.getLogger("miner_ctrl.conversation")
USUAL = ("::", DEFAULT_PEER_PORT)


class Node(NodeFacts):
    """One node, from ``start`` to ``close``; the home's lock is held by the caller.

    ``serving`` is false for the short life of a command without a running node: then it neither listens nor keeps
    dialling, and leaves the miners alone until it is asked for them.
    """

    def __init__(self, settings: NodeSettings, *, serving: bool) -> None:
        super().__init__(settings)
        self._serving = serving
        self._up = AsyncExitStack()
        application = Application(lambda: self._faces)
        self._door = local_door(application, self._home.socket)
        self._port = ApiPort(self._home, settings.api, application)
        self._own = OwnMachine(self._home, mines=lambda: self._identity is None or self._identity.role.works)
        self._made: Faces | None = None
        self._make: Callable[[], Faces] = lambda: self._own.faces(self, self._port.access)
        self._starting = asyncio.Lock()

    async def start(self, *, init: bool = False) -> None:
        """Bring up what the home holds, and answer on the local socket; ``init`` makes an identity if there is none.

        Raises:
            StateDamaged: a file of the home is not what a node wrote; nothing was changed.
            HomeInUse, OperationFailed: the socket or an address to listen on is taken.
        """
        await self._port.bind()
        self._own.programs.open()
        try:
            keys, identity = load_identity(self._home.key_file, self._home.node_file)
        except NotFound:
            if init:
                if self._settings.listen:  # a start that cannot listen makes no identity
                    check_can_listen(self._settings.listen.host, self._settings.listen.port)
                await self.init(None, None, None)
        else:
            await self._bring_up(keys, identity)
        await self._door.open()
        await self._port.open()
        if self._identity is not None and self._identity.role.controls:
            self._door.warm()

    async def close(self) -> None:
        """End sessions with a word, write what is not written; miners go on."""
        await self._port.close()
        await self._door.close()
        await self._up.aclose()

    # --- this node, as the API sees it ------------------------------------------------------------------

    async def init(self, name: str | None, role: Role | None, trust: str | None) -> IdentityView:
        """Make the identity; with ``trust``, only note who is trusted, and the rest happens at the first start.

        Raises:
            Conflict: there is an identity already.
        """
        async with self._starting:
            if self._identity is not None:
                raise Conflict(
                    f"This node has an identity already: it is {self._identity.name}.",
                    suggestion="Use it, or choose another home with --home DIR.",
                    code="IDENTITY_EXISTS",
                )
            if trust is not None:
                return plan_identity(self._home, name, role, trust)
            keys, identity = new_identity(self._home, name, role)
            await self._bring_up(keys, identity)
            return identity_view(keys.public, identity)

    # --- building ---------------------------------------------------------------------------------------

    async def _bring_up(self, keys: NodeKeys, identity: Identity) -> None:
        """Build every room for this identity and start them, innermost first; undone in reverse by ``close``."""
        home, up, role = self._home, self._up, identity.role
        audit = NodeAudit(home, keys, controls=role.controls)
        up.push_async_callback(audit.close)
        registry, profiles = open_stores(up, home)
        invites, pending = Invites(registry, now_ms=now_ms, random_bytes=secrets.token_bytes), Pending(now_ms=now_ms)
        trust = Trust(registry, invites, pending, read_trust(home.trust_file), note=audit.noted)
        endpoint = Endpoint(
            keys, name=identity.name, role=identity.role, version=__version__, capabilities=capabilities(self._serving),
            judge=trust.judge, find_psk=invites.find_psk, grants_of=registry.grants_of,
            trace=conversation.info if self._settings.trace else None,
        )  # fmt: skip
        up.push_async_callback(endpoint.close)
        audit.begin(endpoint, serving=self._serving)
        controller = ControllerWhenAsked(
            up, home=home, keys=keys, endpoint=endpoint, registry=registry, profiles=profiles, audit=audit,
            serving=self._serving and role.controls, database=self._settings.database if role.controls else None,
        )  # fmt: skip
        pairing = Pairing(
            endpoint, registry, invites, pending, trust, own_keys=keys.public, own_role=identity.role,
            addresses=self.addresses, serving=self._serving, registered=controller.registered,
            removed=controller.removed,
        )  # fmt: skip
        up.push_async_callback(pairing.close)
        fingerprint, controller.pairing = keys.public.fingerprint.hex(), pairing

        def faces() -> Faces:
            from miner_ctrl.app.faces import faces_of  # noqa: PLC0415 - for who is asked locally
            from miner_ctrl.app.metrics import follow  # noqa: PLC0415

            follow(self._own.metrics, info=self.info, controller=controller.now(), audit=audit)
            return faces_of(
                self, self._own, pairing=pairing, profiles=profiles, controller=controller.now(), rig=rig,
                lock=lock, home=home, fingerprint=fingerprint, access=self._port.access,
                audit=audit.face(identity, registry),
            )  # fmt: skip

        lock = open_lock(home, identity, fingerprint)
        rig = RigHalf(up, self._own, home=home, identity=identity, profiles=profiles, lock=lock, audit=audit)
        if self._serving and role.works:
            await rig.serve(endpoint)
        self._keys, self._identity, self._endpoint, self._registry = keys, identity, endpoint, registry
        if self._serving:
            await self._listen(endpoint)
        pairing.start()
        self._make, self._made = faces, None
        if role.controls:
            controller.now()

    @property
    def _faces(self) -> Faces:
        """What the routes reach; made when the first request comes, and once more when there is an identity."""
        self._made = self._made or self._make()
        return self._made

    async def _listen(self, endpoint: Endpoint) -> None:
        if (listen := self._settings.listen) is not None:
            tls = self._settings.tls
            context = server_context(tls.certificate, tls.key) if tls else None
            self._bound = await endpoint.listen(listen.host, listen.port, tls=context)
