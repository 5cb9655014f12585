"""What a job keeps of the command it was made of, so that it can be given again: bounded, without secrets. Pure."""

from __future__ import annotations

from enum import StrEnum
from typing import Any, NamedTuple

import msgspec

from miner_ctrl.errors import Conflict
from miner_ctrl.model.profiles import PoolConfig
from miner_ctrl.model.secrets import without_secrets

MAX_ORDER_BYTES = 64 * 1024
SMALL_ORDER_BYTES = 1024
"""A longer one is told to who asks for the job, and not to everybody who follows all of them."""
_WHOM = frozenset({"peers", "filter", "dryRun"})
"""Which rigs it is for: the job has them."""
_PLACEHOLDER = PoolConfig(pool="").password
_encoder = msgspec.json.Encoder(order="sorted")


class LeftOut(StrEnum):
    """Why a job does not have all that was asked for."""

    NOTHING = ""
    SECRET = "secret"  # noqa: S105 - no secret, the word for one
    LONG = "long"
    OLD = "old"
    """It began before jobs kept it."""


class KeptOrder(NamedTuple):
    """What was asked for of each rig, as JSON (``None``: too long, or never kept), and what is missing of it."""

    json: bytes | None = None
    left_out: LeftOut = LeftOut.OLD

    def view(self, at_most: int = MAX_ORDER_BYTES) -> dict[str, Any] | None:
        """Return it as the API shows it, if it has at most so many bytes."""
        if self.json is None or len(self.json) > at_most:
            return None
        order: dict[str, Any] = msgspec.json.decode(self.json)
        return order

    def must_be_whole(self) -> bytes:
        """Return it. Raises ``Conflict`` where it is not all that was asked for."""
        if self.json is None or self.left_out is not LeftOut.NOTHING:
            raise Conflict(
                _WHY[self.left_out],
                suggestion="Give the command anew to the rigs on which it came to nothing.",
                code="ORDER_NOT_KEPT",
            )
        return self.json


NEVER_KEPT = KeptOrder()

_WHY = {
    LeftOut.SECRET: "The command of this job held a password or another secret, which is not kept.",
    LeftOut.LONG: f"The command of this job is longer than the {MAX_ORDER_BYTES // 1024} KiB that are kept of one.",
    LeftOut.OLD: "This job was begun by a version of miner-ctrl that did not keep what was asked for.",
}


def kept_order(order: msgspec.Struct) -> KeptOrder:
    """Return what is kept of a request's body."""
    fields = msgspec.to_builtins(order, str_keys=True)
    asked = {name: value for name, value in fields.items() if name not in _WHOM}
    said = without_secrets(asked, _placeholder)
    data = _encoder.encode(said)
    if len(data) > MAX_ORDER_BYTES:
        return KeptOrder(None, LeftOut.LONG)
    return KeptOrder(data, LeftOut.NOTHING if data == _encoder.encode(asked) else LeftOut.SECRET)


def _placeholder(name: str, value: object) -> object | None:
    """Return a password that is none: what is written where a pool wants one and reads it not."""
    return value if name == "password" and value == _PLACEHOLDER else None
