"""What a node says of itself: which node it is, where it can be reached."""

from __future__ import annotations

from miner_ctrl import __version__
from miner_ctrl.app.first_start import own_certificate
from miner_ctrl.app.port import ApiPort
from miner_ctrl.config import Home, NodeSettings
from miner_ctrl.identity.keys import NodeKeys
from miner_ctrl.model.addresses import DEFAULT_PEER_PORT
from miner_ctrl.model.nodes import Identity
from miner_ctrl.model.views import NodeInfoView, TlsView, TokenView
from miner_ctrl.pairing import dial_addresses, identity_view, read_token
from miner_ctrl.peers import Registry
from miner_ctrl.telemetry.machine import own_addresses
from miner_ctrl.transport import Endpoint
from miner_ctrl.transport.tls import pin_of_file

USUAL = ("::", DEFAULT_PEER_PORT)


class NodeFacts:
    """The part of a node that is asked about it. Its rooms are ``None`` until there is an identity."""

    _port: ApiPort

    def __init__(self, settings: NodeSettings) -> None:
        self._home: Home = settings.home
        self._settings = settings
        self._identity: Identity | None = None
        self._keys: NodeKeys | None = None
        self._endpoint: Endpoint | None = None
        self._registry: Registry | None = None
        self._tls_pin = pin_of_file(settings.tls.certificate) if settings.tls else ""
        self._bound: list[tuple[str, int]] = []

    def info(self) -> NodeInfoView:
        """Return what this node is, and where it can be dialled."""
        known = self._keys is not None and self._identity is not None
        return NodeInfoView(
            has_identity=known,
            identity=identity_view(self._keys.public, self._identity) if self._keys and self._identity else None,
            registered_peers=len(self._registry) if self._registry else 0,
            connected_peers=len(self._endpoint.channels()) if self._endpoint else 0,
            serving=bool(self._bound),
            addresses=self.addresses() if self._bound else (),
            tls_fingerprint=self._tls_pin,
            version=__version__,
            api_addresses=self._port.addresses,
            api_tls_fingerprint=self._port.tls_pin,
            api_problem=self._port.problem,
        )

    def tls(self) -> TlsView:
        """Return the listener's certificate, made for this machine's names if there is none."""
        return own_certificate(self._home)

    def inspect_token(self, token: str) -> TokenView:
        """Return what a join token says."""
        return read_token(token)

    def addresses(self) -> tuple[str, ...]:
        """Return where peers can dial this node; before it serves, where they could."""
        return dial_addresses(self._bound or [USUAL], own=own_addresses, tls_pin=self._tls_pin)
