"""``Idempotency-Key``: a request that is sent again under its key is answered with what it was answered first.

Keys belong to their caller. Kept, in memory and for a day, is what was carried out: a success, or that the rig answered
with an error (502). What came to nothing (bad input, nobody there, too much at once) may be tried again under the same
key; then, as after a restart, the rig's own journal tells a repeat by its message ID (``model/repeats.py``). An answer
that holds a secret is not kept, only that there was one; neither is a stream.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple

import msgspec
from starlette.types import Scope

from miner_ctrl.api.errors import envelope, status_of
from miner_ctrl.errors import BadInput, Conflict, OperationFailed
from miner_ctrl.model.callers import Caller
from miner_ctrl.model.repeats import COMMAND_SEED, seed_of

HEADER = b"idempotency-key"
REPLAYED = (b"idempotency-replayed", b"true")
KEPT_FOR_S = 24 * 3600.0
KEPT_AT_MOST = 4096
KEPT_BYTES_AT_MOST = 16 * 1024 * 1024
_ENTRY_BYTES = 512
_NOT_THE_LAST_WORD = frozenset({"STATE_NOT_WRITTEN"})
"""Failures of this node itself: the same request may go better."""
_KEY = re.compile(rb"[\x21-\x7e]{1,255}")
_encoder = msgspec.json.Encoder(enc_hook=str, order="sorted")


class Answer(NamedTuple):
    """A whole answer as it is sent."""

    status: int
    body: bytes
    headers: tuple[tuple[bytes, bytes], ...] = ()
    media_type: bytes = b"application/json"


@dataclass
class _Kept:
    digest: bytes
    until_s: float
    running: bool = True
    answer: Answer | None = None
    """``None`` once it is no longer running: it held a secret."""


class Request:
    """A request with a key, while it is answered. ``earlier`` is the answer that it had before, if it had one."""

    def __init__(self, earlier: Answer | None) -> None:
        self.earlier = earlier
        self.answer: Answer | None = None
        self.done = earlier is not None

    def answered(self, answer: Answer, *, holds_secret: bool = False) -> None:
        """It was carried out, and answered so."""
        self.done = True
        self.answer = None if holds_secret else answer


class Repeats:
    """What was answered to requests with a key. ``clock`` is monotonic, in seconds."""

    def __init__(self, *, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._kept: dict[bytes, _Kept] = {}
        self._bytes = 0

    @contextmanager
    def request(self, name: bytes, digest: bytes) -> Iterator[Request]:
        """Take in the request that ``name`` stands for; within, commands to rigs get their IDs from ``name``. What it
        has not been answered at the end of the block may be tried again.

        Raises:
            Conflict: ``name`` stood for another request, the first one still runs, or its answer held a secret.
        """
        request = Request(self._earlier(name, digest))
        if request.earlier is not None:
            yield request
            return
        self._kept[name] = _Kept(digest, self._clock() + KEPT_FOR_S)
        self._bytes += _ENTRY_BYTES
        COMMAND_SEED.set(name)
        try:
            yield request
        except OperationFailed as error:
            if error.code not in _NOT_THE_LAST_WORD:
                request.answered(Answer(status_of(error), envelope(error)))
            raise
        finally:
            COMMAND_SEED.set(None)
            if request.done:
                self._keep(name, request.answer)
            else:
                self._forget(name)

    def _earlier(self, name: bytes, digest: bytes) -> Answer | None:
        self._expire()
        self._make_room()
        held = self._kept.get(name)
        if held is None:
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

    def _keep(self, name: bytes, answer: Answer | None) -> None:
        held = self._kept[name]
        held.running, held.answer = False, answer
        self._bytes += 0 if answer is None else len(answer.body)

    def _forget(self, name: bytes) -> None:
        held = self._kept.pop(name)
        self._bytes -= _ENTRY_BYTES + (0 if held.answer is None else len(held.answer.body))

    def __len__(self) -> int:
        return len(self._kept)

    def _expire(self) -> None:
        now_s = self._clock()
        for name in [name for name, held in self._kept.items() if held.until_s <= now_s and not held.running]:
            self._forget(name)

    def _make_room(self) -> None:
        """Forget the oldest that do not run."""
        while len(self._kept) >= KEPT_AT_MOST or self._bytes > KEPT_BYTES_AT_MOST:
            oldest = next((name for name, held in self._kept.items() if not held.running), None)
            if oldest is None:
                return
            self._forget(oldest)


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
