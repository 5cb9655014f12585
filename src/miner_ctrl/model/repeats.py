"""A command that its sender may say again: what makes it the same command, also for the rig.

Who answers a request with an ``Idempotency-Key`` sets ``COMMAND_SEED`` for as long as it is carried out; message IDs
are made from it, so that a rig's command journal knows a repeat, whatever has restarted in between.
"""

from __future__ import annotations

import hashlib
from contextvars import ContextVar

COMMAND_SEED: ContextVar[bytes | None] = ContextVar("command_seed", default=None)
_ID_CHARS = 24


def seed_of(*parts: str) -> bytes:
    """Return the seed that ``parts`` (who asks, the key) name, and no other parts."""
    digest = hashlib.sha256(b"miner-ctrl/1 command\0")
    for part in parts:
        encoded = part.encode()
        digest.update(len(encoded).to_bytes(4, "big") + encoded)
    return digest.digest()


def seed_of_job(job: str) -> bytes:
    """Return the seed that the commands of a job have: a rig that is told one again knows it."""
    return seed_of("job", job)


def id_from(seed: bytes, *parts: bytes) -> str:
    """Return the ID that ``seed`` gives to what ``parts`` name."""
    digest = hashlib.sha256(seed)
    for part in parts:
        digest.update(len(part).to_bytes(4, "big") + part)
    return digest.hexdigest()[:_ID_CHARS]
