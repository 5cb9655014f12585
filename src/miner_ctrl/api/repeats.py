"""``Idempotency-Key``: a request that is sent again under its key is answered with what it was answered first.

Keys belong to their caller. Kept, in memory and for a day, is what was carried out: a success, or that the rig answered
with an error (502). What came to nothing (bad input, nobody there, too much at once) may be tried again under the same
key; then, as after a restart, the rig's own journal tells a repeat by its message ID (``model/repeats.py``). An answer
that holds a secret is not kept, only that there was one; neither is a stream.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import msgspec
from starlette.types import Scope

from miner_ctrl.errors import BadInput, Conflict
from miner_ctrl.model.callers import Caller
from miner_ctrl.model.repeats import seed_of

HEADER = b"idempotency-key"
REPLAYED = (b"idempotency-replayed", b"true")
KEPT_FOR_S = 24 * 3600.0
KEPT_AT_MOST = 4096
KEPT_BYTES_AT_MOST = 16 * 1024 * 1024
_KEY = re.compile(rb"[\x21-\x7e]{1,255}")
_encoder = msgspec.json.Encoder(enc_hook=str, order="sorted")


class Answer(NamedTuple):
    """A whole answer as it is sent."""

    status: int
    body: bytes
    headers: tuple[tuple[bytes, bytes], ...] = ()


@dataclass
class _Kept:
    digest: bytes
    until_s: float
    running: bool = True
    answer: Answer | None = None
    """``None`` once it is no longer running: it held a secret."""
    size: int = field(default=256)


class Repeats:
    """What was answered to requests with a key. ``clock`` is monotonic, in seconds."""

    def __init__(self, *, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._kept: dict[bytes, _Kept] = {}
        self._bytes = 0

    def begin(self, name: bytes, digest: bytes) -> Answer | None:
        """Take a request in; return the answer that it had before. Without one, ``end`` or ``forget`` is to follow.

        Raises:
            Conflict: the key named another request, the first one is still running, or its answer held a secret.
        """
        self._expire()
        held = self._kept.get(name)
        if held is None:
            self._make_room()
            self._kept[name] = _Kept(digest, self._clock() + KEPT_FOR_S)
            self._bytes += self._kept[name].size
            return None
        if held.digest != digest:
            raise Conflict(
                "This Idempotency-Key was sent before, with another request.",
                suggestion="Make a new key for each request, and send it again only with the same one.",
                code="IDEMPOTENCY_KEY_REUSED",
            )
        if held.running:
            raise Conflict(
                "The first request with this Idempotency-Key is still being carried out.",
                suggestion="Wait a moment, then send the request again: it gets the first one's answer.",
                code="STILL_RUNNING",
                details={"retryAfterS": 1},
            )
        if held.answer is None:
            raise Conflict(
                "This was done already, and its answer held a secret that is not kept.",
                suggestion="Revoke what was made if its secret is lost, and make another with a new key.",
                code="ANSWER_NOT_KEPT",
            )
        return held.answer

    def end(self, name: bytes, answer: Answer | None) -> None:
        """Keep what a request was answered; ``None`` for what is not to be kept."""
        held = self._kept.get(name)
        if held is None:
            return
        held.running, held.answer = False, answer
        if answer is not None:
            held.size += len(answer.body)
            self._bytes += len(answer.body)
        self._make_room()

    def forget(self, name: bytes) -> None:
        """A request came to nothing: it may be tried again under its key."""
        held = self._kept.pop(name, None)
        if held is not None:
            self._bytes -= held.size

    def __len__(self) -> int:
        return len(self._kept)

    def _expire(self) -> None:
        now_s = self._clock()
        for name in [name for name, held in self._kept.items() if held.until_s <= now_s and not held.running]:
            self.forget(name)

    def _make_room(self) -> None:
        """Forget the oldest that do not run."""
        while len(self._kept) >= KEPT_AT_MOST or self._bytes > KEPT_BYTES_AT_MOST:
            oldest = next((name for name, held in self._kept.items() if not held.running), None)
            if oldest is None:
                return
            self.forget(oldest)


def key_of(scope: Scope) -> str | None:
    """Return the request's key.

    Raises:
        BadInput: it cannot be one, or there are several.
    """
    values = [value for name, value in scope["headers"] if name == HEADER]
    if not values:
        return None
    if len(values) > 1 or not _KEY.fullmatch(values[0]):
        raise BadInput(
            "The Idempotency-Key is not one of 1 to 255 printable characters without spaces.",
            suggestion="Send a random one, for example a UUID.",
            code="BAD_IDEMPOTENCY_KEY",
        )
    text: str = values[0].decode("ascii")
    return text


def seed_for(caller: Caller, key: str) -> bytes:
    """Return what a key of this caller's stands for; another caller's same key stands for something else."""
    return seed_of(caller.door.value, caller.id, caller.name, key)


def digest_of(scope: Scope, body: Any) -> bytes:
    """Return what makes two requests the same: method, path, query, and what the body says."""
    digest = hashlib.sha256()
    for part in (scope["method"].encode(), scope["path"].encode(), scope["query_string"], _encoder.encode(body)):
        digest.update(len(part).to_bytes(4, "big") + part)
    return digest.digest()
