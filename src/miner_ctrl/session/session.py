"""A session that stands: frames sealed and opened, messages signed and verified (docs/protocol.md, "Frame" and
"Signatures"). No I/O, no clock; whoever holds it sends the frames in the order in which they were sealed.
"""

from __future__ import annotations

import msgspec

from miner_ctrl.errors import ProtocolViolation
from miner_ctrl.identity.keys import NodeKeys, PublicKeys
from miner_ctrl.protocol.limits import MAX_MESSAGE_BYTES, REKEY_EVERY_FRAMES
from miner_ctrl.session.evidence import Evidence
from miner_ctrl.session.frame import (
    KEEPALIVE,
    KEEPALIVE_PLAINTEXT,
    SIGNED_FLAG,
    SIGNED_MESSAGE_AT,
    UNSIGNED,
    UNSIGNED_FLAG,
    FrameOpener,
    FrameSealer,
)
from miner_ctrl.session.noise import CipherState
from miner_ctrl.session.transcript import FROM_INITIATOR, FROM_RESPONDER, Transcript, signed_text


class Opened(msgspec.Struct, frozen=True, gc=False):
    """What one frame held.

    ``signature`` (64 bytes) is there when the message came signed, and is worth nothing before ``Session.verify``.
    ``index`` counts the messages of this direction from 1. ``t_before`` and ``t_after`` are the transcript's hash
    around a signed message, and empty for others, which need none. A keep-alive has an empty message and leaves
    index and hash alone.
    """

    message: bytes
    signature: bytes | None
    keepalive: bool
    index: int
    t_before: bytes
    t_after: bytes

    def __repr__(self) -> str:
        return f"Opened(index={self.index}, {len(self.message)} bytes, signed={self.signature is not None})"


class Session:
    """One session between two nodes, made by ``Initiator`` or ``Responder``."""

    __slots__ = (
        "_keys",
        "_opener",
        "_over",
        "_received",
        "_sealer",
        "_sent",
        "handshake_hash",
        "is_initiator",
        "local",
        "remote",
    )

    def __init__(
        self,
        keys: NodeKeys,
        remote: PublicKeys,
        *,
        is_initiator: bool,
        handshake_hash: bytes,
        sending: CipherState,
        receiving: CipherState,
        rekey_every: int = REKEY_EVERY_FRAMES,
    ) -> None:
        self.local = keys.public
        self.remote = remote
        self.is_initiator = is_initiator
        self.handshake_hash = handshake_hash
        self._keys = keys
        self._over = False
        self._sealer = FrameSealer(sending, rekey_every=rekey_every)
        self._opener = FrameOpener(receiving, rekey_every=rekey_every)
        to, back = (FROM_INITIATOR, FROM_RESPONDER) if is_initiator else (FROM_RESPONDER, FROM_INITIATOR)
        here, there = self.local.fingerprint, remote.fingerprint
        self._sent = Transcript(to, handshake_hash, here, there)
        self._received = Transcript(back, handshake_hash, there, here)

    @property
    def uncovered_sent(self) -> int:
        """How many messages were sealed since the last signed one."""
        return self._sent.uncovered

    @property
    def uncovered_received(self) -> int:
        """How many messages were opened after the last one whose signature was verified."""
        return self._received.uncovered

    def seal(self, message: bytes, *, sign: bool) -> bytes:
        """Return the frame for ``message``, to be sent in the order of sealing and never dropped.

        A signature covers this message and all before it in this direction.

        Raises:
            ProtocolViolation: the message is over the limit (the session goes on), or the session is over.
        """
        self._check_sealable(message)
        self._sent.add(message)
        return self._sealer.seal(SIGNED_FLAG + self._sign() + message if sign else UNSIGNED_FLAG + message)

    def seal_with_evidence(self, message: bytes) -> tuple[bytes, Evidence]:
        """Return the frame for a signed ``message``, and what proves later that this node sent it.

        Raises:
            ProtocolViolation: as ``seal``.
        """
        self._check_sealable(message)
        t_before = self._sent.t
        self._sent.add(message)
        signature = self._sign()
        evidence = Evidence(
            sender=self.local,
            receiver=self.remote,
            direction=FROM_INITIATOR if self.is_initiator else FROM_RESPONDER,
            handshake_hash=self.handshake_hash,
            index=self._sent.index,
            t_before=t_before,
            message=message,
            signature=signature,
        )
        return self._sealer.seal(SIGNED_FLAG + signature + message), evidence

    def seal_keepalive(self) -> bytes:
        """Return a frame that only says this side lives; the transcript does not count it.

        Raises:
            ProtocolViolation: the session is over.
        """
        self._check_sealable(b"")
        return self._sealer.seal(KEEPALIVE_PLAINTEXT)

    def open(self, frame: bytes | memoryview) -> Opened:
        """Return what the next frame holds; its signature, if any, is not verified yet.

        Raises:
            ProtocolViolation: altered, replayed, reordered, one before it missing, or not a frame. The session is
                over: every later call raises too.
        """
        if self._over:
            raise _over()
        try:
            plaintext = self._opener.open(frame)
        except ProtocolViolation:
            self._over = True
            raise
        transcript = self._received
        flag = plaintext[0]
        if flag == UNSIGNED:
            message = plaintext[1:]
            transcript.add(message)
            return Opened(message, None, False, transcript.index, b"", b"")
        if flag == KEEPALIVE:
            return Opened(b"", None, True, transcript.index, b"", b"")
        t_before = transcript.t
        message = plaintext[SIGNED_MESSAGE_AT:]
        transcript.add(message)
        return Opened(message, plaintext[1:SIGNED_MESSAGE_AT], False, transcript.index, t_before, transcript.t)

    def settle(self) -> None:
        """Make the hashes that are due in both directions. Nothing depends on it: a good moment is when what was
        sealed is on its way, and the other side has the time."""
        self._sent.settle()
        self._received.settle()

    def verify(self, opened: Opened) -> None:
        """Check the signature of a message this session opened; it and all before it are covered from now on.

        Raises:
            ProtocolViolation: unsigned, or the signature is bad. The session is over.
        """
        if self._over:
            raise _over()
        received = self._received
        text = signed_text(received.context, opened.index, opened.t_after)
        if opened.signature is None or not self.remote.verifies(opened.signature, text):
            self._over = True
            raise ProtocolViolation("A message that must be signed carries no good signature.")
        received.covered = max(received.covered, opened.index)

    def evidence(self, opened: Opened) -> Evidence:
        """Return what proves later that the other side sent this message. Verify it first.

        Raises:
            ValueError: it came unsigned.
        """
        if opened.signature is None:
            raise ValueError("an unsigned message proves nothing")
        return Evidence(
            sender=self.remote,
            receiver=self.local,
            direction=FROM_RESPONDER if self.is_initiator else FROM_INITIATOR,
            handshake_hash=self.handshake_hash,
            index=opened.index,
            t_before=opened.t_before,
            message=opened.message,
            signature=opened.signature,
        )

    def _sign(self) -> bytes:
        sent = self._sent
        sent.covered = sent.index
        return self._keys.sign(signed_text(sent.context, sent.index, sent.t))

    def _check_sealable(self, message: bytes) -> None:
        if self._over:
            raise _over()
        if len(message) > MAX_MESSAGE_BYTES:
            raise ProtocolViolation(f"A message of {len(message)} bytes is over the limit of {MAX_MESSAGE_BYTES}.")


def _over() -> ProtocolViolation:
    return ProtocolViolation("The session is over: something in it broke the protocol.")
