"""What a rig answers, checked against what it was asked for."""

from __future__ import annotations

from typing import TypeVar

from miner_ctrl.errors import OperationFailed
from miner_ctrl.protocol.messages import Payload

T = TypeVar("T", bound=Payload)


def expect(answer: Payload, kind: type[T]) -> T:
    """Return ``answer`` if it is of the kind that was asked for.

    Raises:
        OperationFailed: it is not (``WRONG_ANSWER``).
    """
    if not isinstance(answer, kind):
        raise wrong_answer()
    return answer


def wrong_answer(sentence: str = "The rig gave an answer of another kind than was asked for.") -> OperationFailed:
    """Return what an answer means that no rig in order gives."""
    return OperationFailed(sentence, suggestion="Update miner-ctrl on both machines.", code="WRONG_ANSWER")
