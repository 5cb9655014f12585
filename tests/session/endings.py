"""How a session ends that met bytes it must not accept."""

from __future__ import annotations

import pytest

from miner_ctrl.errors import ProtocolViolation
from miner_ctrl.session import Session


def assert_over(session: Session) -> None:
    """Nothing works any more."""
    for step in (lambda: session.open(b""), lambda: session.seal(b"", sign=False), session.seal_keepalive):
        with pytest.raises(ProtocolViolation, match="over"):
            step()


def assert_ends(session: Session, frame: bytes) -> None:
    with pytest.raises(ProtocolViolation):
        session.open(frame)
    assert_over(session)
