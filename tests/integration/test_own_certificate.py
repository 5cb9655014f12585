"""The certificate that a node makes for itself: whoever trusts it reaches the node by every name it answers to."""

from __future__ import annotations

import ssl
from contextlib import suppress
from pathlib import Path

import pytest

from miner_ctrl.app.first_start import own_certificate
from miner_ctrl.config import Home
from miner_ctrl.telemetry.machine import host_name, own_addresses
from miner_ctrl.transport.tls import server_context


def shaken_hands(client: ssl.SSLObject, server: ssl.SSLObject, wires: tuple[ssl.MemoryBIO, ...]) -> None:
    """Carry both ends' bytes until both are content; whatever one of them does not like is raised."""
    client_in, client_out, server_in, server_out = wires
    for _ in range(10):
        for end in (client, server):
            with suppress(ssl.SSLWantReadError):
                end.do_handshake()
            server_in.write(client_out.read())
            client_in.write(server_out.read())
    assert client.version() is not None


def reach(home: Home, name: str) -> None:
    """As a client that trusts the certificate alone and asks for ``name``."""
    wires = tuple(ssl.MemoryBIO() for _ in range(4))
    client_in, client_out, server_in, server_out = wires
    trusting = ssl.create_default_context(cafile=str(home.tls_certificate))
    client = trusting.wrap_bio(client_in, client_out, server_hostname=name)
    server = server_context(home.tls_certificate, home.tls_key).wrap_bio(server_in, server_out, server_side=True)
    shaken_hands(client, server, wires)


def test_it_is_for_this_machines_names_and_addresses_and_for_no_others(tmp_path: Path) -> None:
    home = Home.resolve(str(tmp_path))
    home.prepare()
    assert own_certificate(home).made
    for name in (host_name(), f"{host_name()}.local", "localhost", "127.0.0.1", "::1", *own_addresses()):
        reach(home, name)
    with pytest.raises(ssl.SSLCertVerificationError):
        reach(home, "elsewhere.example")
