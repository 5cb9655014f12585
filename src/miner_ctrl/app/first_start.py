"""What a home gets before there is a node in it: an identity, or the plan of one, and a certificate."""

from __future__ import annotations

from datetime import UTC, datetime

from miner_ctrl.config import Home
from miner_ctrl.identity.first_start import FirstStart, make_identity, read_first_start, write_first_start
from miner_ctrl.identity.keys import NodeKeys
from miner_ctrl.model.nodes import Identity, Role
from miner_ctrl.model.times import now_ms, time_text
from miner_ctrl.model.views import IdentityView, TlsView
from miner_ctrl.pairing import planned_view
from miner_ctrl.peers import parse_trust, write_trust
from miner_ctrl.telemetry.machine import host_name, own_addresses
from miner_ctrl.transport.tls import ensure_certificate


def plan_identity(home: Home, name: str | None, role: Role | None, trust: str) -> IdentityView:
    """Note who is trusted, and what the node is to be; the first start makes the identity.

    Raises:
        BadInput: ``trust`` is no fingerprint.
    """
    planned = read_first_start(home.first_start_file)
    plan = FirstStart(name or planned.name, role or planned.role or Role.WORKER)
    write_trust(home.trust_file, [parse_trust(trust)])
    write_first_start(home.first_start_file, plan)
    return planned_view(plan.name, plan.role or Role.WORKER)


def new_identity(home: Home, name: str | None, role: Role | None) -> tuple[NodeKeys, Identity]:
    """Make the identity: with this name and role, else as it was planned, else of this host and dual."""
    planned = read_first_start(home.first_start_file)
    return make_identity(
        key_file=home.key_file,
        node_file=home.node_file,
        plan_file=home.first_start_file,
        name=name or planned.name or host_name(),
        role=role or planned.role or Role.DUAL,
        created_at=time_text(now_ms()),
    )


def own_certificate(home: Home) -> TlsView:
    """Return the listener's certificate, made for this machine's names and addresses if there is none."""
    name = host_name()
    names = dict.fromkeys((name, f"{name}.local", "localhost", "127.0.0.1", "::1", *own_addresses()))
    certificate, key = home.tls_certificate, home.tls_key
    pin, made = ensure_certificate(certificate, key, names=tuple(names), now=datetime.now(UTC))
    return TlsView(certificate=str(certificate), key=str(key), fingerprint=pin, made=made)
