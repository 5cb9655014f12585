"""What people see of peers: registry entries and live sessions as the API's structs."""

from __future__ import annotations

import base64
from collections.abc import Callable, Sequence

from miner_ctrl.errors import MinerCtrlError, PendingApproval, Refused
from miner_ctrl.identity.fingerprints import words_of
from miner_ctrl.identity.keys import PublicKeys
from miner_ctrl.model.addresses import Address
from miner_ctrl.model.nodes import Grant, Identity, Role
from miner_ctrl.model.times import time_text
from miner_ctrl.model.views import FailureView, IdentityView, PeerView, TokenView
from miner_ctrl.peers import PeerRecord, parse_token
from miner_ctrl.transport import Channel

WILDCARDS = ("0.0.0.0", "::")  # noqa: S104 - what listening on all addresses looks like, not a place to bind


def identity_view(keys: PublicKeys, identity: Identity) -> IdentityView:
    """Return this node's identity as the API shows it."""
    return IdentityView(
        id=identity.id,
        name=identity.name,
        public_key=identity.public_key,
        signing_key=identity.signing_key,
        role=identity.role,
        created_at=identity.created_at,
        fingerprint=keys.fingerprint.hex(),
        words=keys.words,
    )


def planned_view(name: str, role: Role) -> IdentityView:
    """Return the identity that the first start will make: there are no keys yet."""
    return IdentityView(
        id="", name=name, public_key="", signing_key="", role=role, created_at="", fingerprint="", words=""
    )


def dial_addresses(
    bound: Sequence[tuple[str, int]], *, own: Callable[[], Sequence[str]], tls_pin: str
) -> tuple[str, ...]:
    """Return how peers can dial a node that listens at ``bound``; all addresses mean ``own()``."""
    if not bound:
        return ()
    hosts: Sequence[str] = [host for host, _ in bound]
    if any(host in WILDCARDS for host in hosts):
        hosts = own()
    port = bound[0][1]
    return tuple(str(Address(host, port, bool(tls_pin), tls_pin)) for host in dict.fromkeys(hosts))


def read_token(text: str) -> TokenView:
    """Return what a join token says, for the person who is about to use it.

    Raises:
        BadToken: it cannot be read.
    """
    token = parse_token(text)
    return TokenView(
        issuer_words=words_of(token.issuer),
        issuer_fingerprint=token.issuer.hex(),
        for_="rig" if token.lets_issuer_control else "controller",
        grants=tuple(Grant) if token.lets_issuer_control else (),
        addresses=token.addresses,
        expires_at=time_text(token.expires_at_s * 1000),
    )


def peer_view(record: PeerRecord, channel: Channel | None, dial_failure: MinerCtrlError | None) -> PeerView:
    """Return a peer as the API shows it; ``dial_failure`` is why the last dial did not succeed."""
    failure = None
    if record.failure_at_ms is not None:
        failure = FailureView(reason=record.failure_reason, at=time_text(record.failure_at_ms))
    return PeerView(
        id=record.keys.node_id,
        name=record.name,
        public_key=base64.b64encode(record.keys.x).decode(),
        signing_key=base64.b64encode(record.keys.e).decode(),
        fingerprint=record.keys.fingerprint.hex(),
        words=record.keys.words,
        address=record.address or (channel.remote_host if channel else ""),
        dial_address=record.address,
        role=record.role,
        added_at=time_text(record.added_at_ms),
        last_seen=None if record.last_seen_ms is None else time_text(record.last_seen_ms),
        ping_ms=record.ping_ms,
        ping_smoothed_ms=record.ping_smoothed_ms,
        score=record.score,
        connected=channel is not None,
        state=_state(channel, dial_failure),
        grants=tuple(grant for grant in Grant if grant in record.grants),
        verified=record.verified,
        tags=record.tags,
        last_failure=failure,
    )


def _state(channel: Channel | None, dial_failure: MinerCtrlError | None) -> str:
    if channel is not None:
        return "connected"
    if isinstance(dial_failure, PendingApproval):
        return "pending"
    return "refused" if isinstance(dial_failure, Refused) else "offline"
