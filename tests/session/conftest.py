"""Two nodes and what they say to each other."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha256

import pytest

from miner_ctrl.identity.keys import NodeKeys
from miner_ctrl.protocol.limits import REKEY_EVERY_FRAMES
from miner_ctrl.session.noise import CipherState
from miner_ctrl.session.session import Session

SessionPair = Callable[..., tuple[Session, Session]]


@pytest.fixture(scope="session")
def alice() -> NodeKeys:
    """The node that dials."""
    return NodeKeys.from_secret(sha256(b"alice").digest())


@pytest.fixture(scope="session")
def bob() -> NodeKeys:
    """The node that is dialled."""
    return NodeKeys.from_secret(sha256(b"bob").digest())


@pytest.fixture(scope="session")
def new_sessions(alice: NodeKeys, bob: NodeKeys) -> SessionPair:
    """Makes both ends of one session, the initiator's first, without the cost of a handshake. The same ``label``
    gives the same keys."""

    def make(label: str = "", *, rekey_every: int = REKEY_EVERY_FRAMES) -> tuple[Session, Session]:
        handshake_hash = sha256(b"h" + label.encode()).digest()
        there, back = (sha256(prefix + label.encode()).digest() for prefix in (b"there", b"back"))
        return (
            Session(
                alice,
                bob.public,
                is_initiator=True,
                handshake_hash=handshake_hash,
                sending=CipherState(there),
                receiving=CipherState(back),
                rekey_every=rekey_every,
            ),
            Session(
                bob,
                alice.public,
                is_initiator=False,
                handshake_hash=handshake_hash,
                sending=CipherState(back),
                receiving=CipherState(there),
                rekey_every=rekey_every,
            ),
        )

    return make
