"""SMSG frames: a constant header and a ciphertext (docs/protocol.md, "Frame").

Header (the associated data, too): ``SMSG``, version 02, the length of the JSON as 4 bytes big-endian,
the JSON. It is compared, never parsed. Plaintext: a flag, with flag 01 a signature of 64 bytes, the message.
"""

from __future__ import annotations

from miner_ctrl.errors import ProtocolViolation
from miner_ctrl.identity.keys import SIGNATURE_BYTES
from miner_ctrl.protocol.limits import MAX_FRAME_BYTES, REKEY_EVERY_FRAMES
from miner_ctrl.session.noise import CipherState

_HEADER_JSON = b'{"algorithm":"chacha20poly1305","format":"session","version":"1.0"}'
HEADER = b"SMSG\x02" + len(_HEADER_JSON).to_bytes(4, "big") + _HEADER_JSON
_HEADER_BYTES = len(HEADER)

UNSIGNED = 0
SIGNED = 1
KEEPALIVE = 2
UNSIGNED_FLAG = bytes((UNSIGNED,))
SIGNED_FLAG = bytes((SIGNED,))
KEEPALIVE_PLAINTEXT = bytes((KEEPALIVE,))
SIGNED_MESSAGE_AT = 1 + SIGNATURE_BYTES


class FrameSealer:
    """The sending direction of a session. Frames open only in the order in which they were sealed."""

    __slots__ = ("_cipher", "_rekey_every")

    def __init__(self, cipher: CipherState, *, rekey_every: int = REKEY_EVERY_FRAMES) -> None:
        self._cipher = cipher
        self._rekey_every = rekey_every

    def seal(self, plaintext: bytes) -> bytes:
        """Return the frame around ``plaintext`` (flag, signature if any, message)."""
        cipher = self._cipher
        frame = HEADER + cipher.encrypt_with_ad(HEADER, plaintext)
        if not cipher.n % self._rekey_every:
            cipher.rekey()
        return frame


class FrameOpener:
    """The receiving direction of a session."""

    __slots__ = ("_cipher", "_rekey_every")

    def __init__(self, cipher: CipherState, *, rekey_every: int = REKEY_EVERY_FRAMES) -> None:
        self._cipher = cipher
        self._rekey_every = rekey_every

    def open(self, frame: bytes | memoryview) -> bytes:
        """Return the plaintext of the next frame: not empty, its flag one of the three and fitting its length.

        Raises:
            ProtocolViolation: too large, not a frame, altered, or not the next one.
        """
        if len(frame) > MAX_FRAME_BYTES:
            raise ProtocolViolation(f"A frame of {len(frame)} bytes is over the limit of {MAX_FRAME_BYTES}.")
        if frame[:_HEADER_BYTES] != HEADER:
            raise ProtocolViolation("A frame does not start as frames of this version do.")
        cipher = self._cipher
        plaintext = cipher.decrypt_with_ad(HEADER, frame[_HEADER_BYTES:])
        if not cipher.n % self._rekey_every:
            cipher.rekey()
        flag = plaintext[0] if plaintext else -1
        if (
            flag == UNSIGNED
            or (flag == SIGNED and len(plaintext) >= SIGNED_MESSAGE_AT)
            or plaintext == KEEPALIVE_PLAINTEXT
        ):
            return plaintext
        raise ProtocolViolation("A frame's flag is unknown or does not fit what follows it.")
