"""What a third party needs to verify one signed message long after its session (docs/protocol.md, "Signatures")."""

from __future__ import annotations

import msgspec

from miner_ctrl.identity.keys import PublicKeys
from miner_ctrl.session.transcript import FROM_INITIATOR, FROM_RESPONDER, context, next_hash, signed_text


class Evidence(msgspec.Struct, frozen=True, kw_only=True):
    """One signed message for an audit entry.

    ``direction`` is 0 from the initiator and 1 from the responder; ``index`` counts the messages of that direction
    from 1; ``handshake_hash`` and ``t_before`` (the transcript's hash before the message) have 32 bytes,
    ``signature`` has 64.
    """

    sender: PublicKeys
    receiver: PublicKeys
    direction: int
    handshake_hash: bytes
    index: int
    t_before: bytes
    message: bytes
    signature: bytes


def verify_evidence(evidence: Evidence) -> bool:
    """Whether the sender signed this message, as this one of this session with this receiver."""
    if evidence.direction not in (FROM_INITIATOR, FROM_RESPONDER) or not 1 <= evidence.index < 2**64:
        return False
    of_context = context(
        evidence.direction, evidence.handshake_hash, evidence.sender.fingerprint, evidence.receiver.fingerprint
    )
    t_after = next_hash(evidence.t_before, evidence.index, evidence.message)
    return evidence.sender.verifies(evidence.signature, signed_text(of_context, evidence.index, t_after))
