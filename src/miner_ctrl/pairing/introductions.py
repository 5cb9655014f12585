"""First contact from this side: by join token, by address, by provisioned trust (protocol.md, "Pairing").

Each dials, checks the keys at the other end before it says who we are, and only then pins.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

from miner_ctrl.errors import BadInput, IdentityMismatch, MinerCtrlError, PendingApproval, Unreachable
from miner_ctrl.identity.fingerprints import FingerprintQuery
from miner_ctrl.identity.keys import PublicKeys
from miner_ctrl.model.addresses import Address, parse_address
from miner_ctrl.model.nodes import ALL_GRANTS, NO_GRANTS, Grants, Role
from miner_ctrl.peers import JoinToken, PeerRecord, Registry
from miner_ctrl.protocol.messages import Hello
from miner_ctrl.transport import Endpoint

JOIN_WITHIN_S = 15.0
Registered = Callable[[PeerRecord], None]


class Introductions:
    """Makes new acquaintances; ``registered`` hears of each before its session is announced."""

    def __init__(self, endpoint: Endpoint, registry: Registry, *, registered: Registered) -> None:
        self._endpoint = endpoint
        self._registry = registry
        self._registered = registered

    async def join(self, token: JoinToken, *, name: str | None, address: str | None) -> PeerRecord:
        """Use a join token: the first of its addresses that answers with the issuer's keys.

        Raises:
            IdentityMismatch: somebody else answers at the token's addresses.
            Refused: the issuer knows no such invite, or it has expired, was used or revoked.
            Unreachable: nobody answers at any of them.
        """
        texts = [address] if address else list(token.addresses)
        if not texts:
            raise BadInput(
                "The token names no address to dial.",
                suggestion="Give one with --address HOST:9091.",
                code="NO_ADDRESS",
            )
        grants = ALL_GRANTS if token.lets_issuer_control else NO_GRANTS
        before = self._endpoint.channel(token.issuer)
        failures: list[MinerCtrlError] = []
        for text in texts:
            target = parse_address(text)

            def pin(keys: PublicKeys, hello: Hello, target: Address = target) -> None:
                self._pin(keys, name or hello.name, target, hello.role, grants, verified=True)

            try:
                channel = await self._endpoint.dial(
                    target,
                    check=lambda keys: _must_be_issuer(keys, token),
                    join=token.join_key,
                    before_up=pin,
                    timeout_s=JOIN_WITHIN_S,
                )
            except (Unreachable, IdentityMismatch) as failure:
                failures.append(failure)
            else:
                self._endpoint.keep_dialled(channel.fingerprint, target)
                if channel is before:
                    self._renew(channel.fingerprint)
                return self._known(channel.fingerprint)
        mismatches = [failure for failure in failures if isinstance(failure, IdentityMismatch)]
        raise (mismatches or failures)[0]

    async def add(
        self, text: str, *, name: str | None, expected: FingerprintQuery | None
    ) -> tuple[PeerRecord, PendingApproval | None]:
        """Dial an address and pin who answers. That this node has to wait for approval there is no failure: it is
        said beside the entry.

        Raises:
            IdentityMismatch: not the fingerprint that was given, or not the keys pinned for this address.
            Unreachable, Refused, OperationFailed: why there is no session.
        """
        target = parse_address(text)
        held = self._registry.by_address(str(target))
        met: list[PublicKeys] = []

        def check(keys: PublicKeys) -> None:
            if expected is not None and not expected.matches(keys.fingerprint):
                raise IdentityMismatch(
                    f"The node at {target} has another fingerprint than the one you gave: it shows {keys.words}.",
                    suggestion="Compare with miner-ctrl node info on the rig; if they differ, somebody is in between.",
                )
            if held is not None:
                check_pinned(keys, held, target, self._registry)
            met.append(keys)

        def pin(keys: PublicKeys, hello: Hello) -> None:
            self._pin(keys, name or hello.name, target, hello.role, NO_GRANTS, verified=expected is not None)

        waits: PendingApproval | None = None
        try:
            channel = await self._endpoint.dial(target, check=check, before_up=pin, timeout_s=JOIN_WITHIN_S)
        except PendingApproval as waiting:
            waits = waiting
            claimed = str(waiting.details.get("name", "")) or "rig"
            role = Role(str(waiting.details.get("role", Role.WORKER)))
            self._pin(met[-1], name or claimed, target, role, NO_GRANTS, verified=expected is not None)
        else:
            met.append(channel.keys)
        self._endpoint.keep_dialled(met[-1].fingerprint, target)
        return self._known(met[-1].fingerprint), waits

    async def meet_trusted(self, fingerprint: bytes, target: Address) -> bool:
        """Dial a node whose whole fingerprint was provisioned; whether its keys are pinned now.

        The handshake proves both keys before the other side has decided anything about us, so waiting for
        approval there is enough.
        """

        def check(keys: PublicKeys) -> None:
            if keys.fingerprint != fingerprint:
                raise IdentityMismatch(
                    f"The node at {target} is not the controller this rig was provisioned to trust.",
                    suggestion="See whether the address still is the controller's.",
                )
            self._pin(keys, "controller", target, Role.CONTROLLER, ALL_GRANTS, verified=True)

        with suppress(MinerCtrlError):
            await self._endpoint.dial(target, check=check, timeout_s=JOIN_WITHIN_S)
        if self._registry.get(fingerprint) is None:
            return False
        self._endpoint.keep_dialled(fingerprint, target)
        return True

    def _pin(self, keys: PublicKeys, name: str, target: Address, role: Role, grants: Grants, *, verified: bool) -> None:
        held = self._registry.get(keys.fingerprint)
        if held is None:
            record = self._registry.add(
                keys, name=name, address=str(target), role=role, grants=grants, verified=verified
            )
        else:
            record = self._registry.update(
                keys.fingerprint,
                address=str(target),
                role=role,
                grants=held.grants | grants,
                verified=held.verified or verified,
            )
        self._registered(record)

    def _renew(self, fingerprint: bytes) -> None:
        """End an older session that stands on beside the join's: its hellos do not know what was granted since."""
        self._endpoint.drop(fingerprint, "What this peer may do here was changed.")
        self._endpoint.redial_now(fingerprint)

    def _known(self, fingerprint: bytes) -> PeerRecord:
        record = self._registry.get(fingerprint)
        if record is None:
            raise Unreachable("The peer was removed while it was being added.")
        return record


def check_pinned(keys: PublicKeys, held: PeerRecord, target: Address, registry: Registry) -> None:
    """Compare the keys at ``target`` with the ones pinned for ``held``.

    Raises:
        IdentityMismatch: they differ; loud, because somebody may be in between.
    """
    if keys == held.keys:
        return
    other = registry.get(keys.fingerprint)
    if other is not None:
        raise IdentityMismatch(
            f"Address moved: {other.name} answers at {target}, where {held.name} used to be.",
            suggestion=f"If the rigs swapped addresses, remove {held.name} and {other.name}, then add them again.",
            code="ADDRESS_MOVED",
        )
    raise IdentityMismatch(
        f"WARNING: THE IDENTITY OF {held.name} HAS CHANGED. The node at {target} shows other keys ({keys.words})"
        f" than the ones pinned for it ({held.keys.words}). Somebody may be in between, or the node was set up anew.",
        suggestion=f"If you set it up anew: miner-ctrl peer remove {held.name}, then pair again. It was told nothing.",
        code="IDENTITY_CHANGED",
    )


def _must_be_issuer(keys: PublicKeys, token: JoinToken) -> None:
    if keys.fingerprint != token.issuer:
        raise IdentityMismatch(
            f"The node that answers is not the one that made the token: it shows {keys.words}.",
            suggestion="Make a new token on the node you want to join; if it happens again, somebody is in between.",
        )
