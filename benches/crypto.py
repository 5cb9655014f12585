"""What the session's steps cost by themselves, beside a bare ChaCha20-Poly1305."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from benches.figures import Figure, Spread
from benches.nodes import keys_of
from benches.scale import Scale
from miner_ctrl.identity.introductions import InviteStatus
from miner_ctrl.identity.keys import NodeKeys
from miner_ctrl.session import Initiator, Responder, Session

MESSAGE = bytes(300)
NONCE = bytes(12)


async def measure(scale: Scale, home: Path) -> list[Figure]:
    """Return µs for each step; a handshake is both sides' work in one process."""
    near, far = keys_of(1), keys_of(2)
    sender, receiver = _shake(near, far)
    bare = ChaCha20Poly1305(ChaCha20Poly1305.generate_key())
    sealed = bare.encrypt(NONCE, MESSAGE, None)
    text = b"text to sign" * 12
    signature = near.sign(text)
    handshakes = max(10, scale.repeats // 20)
    frames = iter([sender.seal(MESSAGE, sign=False) for _ in range(scale.repeats)])
    opening = Spread.of(_each(scale.repeats, lambda: receiver.open(next(frames))))
    return [
        Figure(
            "seal 300 bytes",
            "µs",
            Spread.of(_each(scale.repeats, lambda: sender.seal(MESSAGE, sign=False))),
            Spread.of(_each(scale.repeats, lambda: bare.encrypt(NONCE, MESSAGE, None))),
        ),
        Figure(
            "open 300 bytes",
            "µs",
            opening,
            Spread.of(_each(scale.repeats, lambda: bare.decrypt(NONCE, sealed, None))),
        ),
        Figure("sign", "µs", Spread.of(_each(scale.repeats, lambda: near.sign(text)))),
        Figure("verify", "µs", Spread.of(_each(scale.repeats, lambda: near.public.verifies(signature, text)))),
        Figure("handshake, both sides", "µs", Spread.of(_each(handshakes, lambda: _shake(near, far)))),
    ]


def _shake(near: NodeKeys, far: NodeKeys) -> tuple[Session, Session]:
    initiator = Initiator(near, name="near", check=lambda keys: None)
    responder = Responder(far, find_psk=lambda invite: (InviteStatus.UNKNOWN, None))
    responder.read_message_1(initiator.write_message_1())
    initiator.read_message_2(responder.write_message_2())
    responder.read_message_3(initiator.write_message_3())
    return initiator.session, responder.session


def _each(count: int, step: Callable[[], object]) -> list[float]:
    """Return how long each of ``count`` calls took, in µs."""
    clock = time.perf_counter
    took = []
    for _ in range(count):
        began = clock()
        step()
        took.append((clock() - began) * 1e6)
    return took
