"""Handshakes and sessions without I/O or clock: bytes in, bytes out (docs/protocol.md, "Layers").

``Initiator`` and ``Responder`` shake hands and give a ``Session``, which seals, opens, signs and verifies. A failed
step ends a handshake, a failed ``open`` or ``verify`` ends a session, both for good.
"""

from miner_ctrl.identity.introductions import Introduction, InviteStatus, JoinKey
from miner_ctrl.session.evidence import Evidence, verify_evidence
from miner_ctrl.session.handshake import FindPsk, Initiator, Responder
from miner_ctrl.session.session import Opened, Session

__all__ = [
    "Evidence",
    "FindPsk",
    "Initiator",
    "Introduction",
    "InviteStatus",
    "JoinKey",
    "Opened",
    "Responder",
    "Session",
    "verify_evidence",
]
