"""The controller's half of a node, made at once for a controller, and for a rig when somebody on it asks for others: it
is memory that a rig does without."""

from __future__ import annotations

from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

from miner_ctrl.config import Home
from miner_ctrl.identity.keys import NodeKeys
from miner_ctrl.peers import PeerRecord, Registry
from miner_ctrl.profiles import ProfileStore
from miner_ctrl.transport import Endpoint

if TYPE_CHECKING:
    from miner_ctrl.app.audit import NodeAudit
    from miner_ctrl.app.controller import ControllerHalf
    from miner_ctrl.pairing import Pairing
    from miner_ctrl.storage.database_url import DatabaseUrl


class ControllerWhenAsked:
    """Has at most one ``ControllerHalf``; arguments as there. ``pairing`` is to be set before ``now``."""

    pairing: Pairing

    def __init__(
        self,
        up: AsyncExitStack,
        *,
        home: Home,
        keys: NodeKeys,
        endpoint: Endpoint,
        registry: Registry,
        profiles: ProfileStore,
        audit: NodeAudit,
        serving: bool,
        database: DatabaseUrl | None = None,
    ) -> None:
        self._up = up
        self._home = home
        self._keys = keys
        self._endpoint = endpoint
        self._registry = registry
        self._profiles = profiles
        self._audit = audit
        self._serving = serving
        self._database = database
        self._half: ControllerHalf | None = None

    def now(self) -> ControllerHalf:
        """Return it, made and started if it was not."""
        if self._half is None:
            from miner_ctrl.app.controller import ControllerHalf  # noqa: PLC0415 - see above

            self._half = ControllerHalf(
                self._up,
                home=self._home,
                keys=self._keys,
                endpoint=self._endpoint,
                registry=self._registry,
                profiles=self._profiles,
                pairing=self.pairing,
                audit=self._audit,
                serving=self._serving,
                database=self._database,
            )
            self._half.start()
        return self._half

    def registered(self, record: PeerRecord) -> None:
        """A peer's entry came, or changed."""
        if self._half is not None:
            self._half.registered(record)

    def removed(self, fingerprint: bytes) -> None:
        """A peer's entry has gone."""
        if self._half is not None:
            self._half.removed(fingerprint)
