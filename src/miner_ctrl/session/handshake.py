"""Both sides of the handshake (docs/protocol.md, "Handshake").

A handshake message is 01, kind, number, Noise message; at most 1,024 bytes. Each side is a straight line of three
steps; a step that fails, or comes out of turn, ends it for good. Which kind is spoken is decided by message 1 alone:
a join that is answered with anything but its own kind stops, it never goes on without its key.
"""

from __future__ import annotations

from collections.abc import Callable

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from miner_ctrl.errors import BadInput, ProtocolViolation, Refused
from miner_ctrl.identity.introductions import INVITE_ID_BYTES, Introduction, InviteStatus, JoinKey
from miner_ctrl.identity.keys import KEY_BYTES, SIGNATURE_BYTES, NodeKeys, PublicKeys
from miner_ctrl.model.nodes import check_name
from miner_ctrl.protocol.limits import MAX_HANDSHAKE_BYTES
from miner_ctrl.session.noise import XX, XXPSK3, HandshakeState, Pattern
from miner_ctrl.session.session import Session

FindPsk = Callable[[bytes], tuple[InviteStatus, bytes | None]]
"""Says of an invite ID (16 bytes) whether it may be used now, and its key (32 bytes) if so."""

_VERSION = 1
_KIND_XX = 0
_KIND_XXPSK3 = 1
_PATTERNS: dict[int, Pattern] = {_KIND_XX: XX, _KIND_XXPSK3: XXPSK3}
_HEADER_BYTES = 3
_PROLOGUE = b"miner-ctrl p2p\0"
_RESPONDER_LABEL = b"miner-ctrl/1 responder\0"
_INITIATOR_LABEL = b"miner-ctrl/1 initiator\0"
_PROOF_BYTES = KEY_BYTES + SIGNATURE_BYTES

_INVITE_REFUSALS = {
    InviteStatus.UNKNOWN: ("INVITE_UNKNOWN", "The node that issued this token does not know it."),
    InviteStatus.EXPIRED: ("INVITE_EXPIRED", "This token has expired."),
    InviteStatus.REVOKED: ("INVITE_REVOKED", "This token was revoked."),
}


class _Side:
    """What both sides share: framing, the order of steps, the checks of the other side's keys."""

    def __init__(self, keys: NodeKeys, new_ephemeral: Callable[[], X25519PrivateKey]) -> None:
        self._keys = keys
        self._new_ephemeral = new_ephemeral
        self._due = 1
        self._session: Session | None = None
        self._noise: HandshakeState | None = None
        self._kind = _KIND_XX

    @property
    def session(self) -> Session:
        """The session, after message 3.

        Raises:
            ProtocolViolation: the handshake did not come that far.
        """
        if self._session is None:
            raise ProtocolViolation("The handshake is not complete.")
        return self._session

    def _enter(self, number: int) -> None:
        """Take the one step that is due; until it succeeds (``_leave``), none is."""
        due, self._due = self._due, 0
        if due != number:
            raise ProtocolViolation("A handshake message is out of turn.")
        self._due = 0

    def _leave(self, number: int) -> None:
        self._due = number + 1

    def _begin(self, kind: int, *, initiator: bool, psk: bytes | None = None) -> HandshakeState:
        self._kind = kind
        self._noise = HandshakeState(
            _PATTERNS[kind],
            initiator=initiator,
            prologue=_PROLOGUE + bytes((_VERSION, kind)),
            s=self._keys.x_private,
            psk=psk,
            new_ephemeral=self._new_ephemeral,
        )
        return self._noise

    def _state(self) -> HandshakeState:
        assert self._noise is not None  # noqa: S101 - the order of steps has begun it
        return self._noise

    def _framed(self, number: int, noise_message: bytes) -> bytes:
        return bytes((_VERSION, self._kind, number)) + noise_message

    def _unframed(self, number: int, data: bytes) -> bytes:
        _check_size(data)
        if data[:_HEADER_BYTES] != bytes((_VERSION, self._kind, number)):
            raise ProtocolViolation(f"Handshake message {number} is of another version or kind.")
        return data[_HEADER_BYTES:]

    def _remote_keys(self, e: bytes) -> PublicKeys:
        """Return the other side's keys: the static one it proved to hold, and ``e``, which it has yet to prove."""
        static = self._state().rs
        assert static is not None  # noqa: S101 - messages 2 and 3 carry it
        try:
            return PublicKeys(static.public_bytes_raw(), e)
        except ValueError:
            raise ProtocolViolation("A handshake carries a public key that is not sound.") from None

    def _refuse_own(self, keys: PublicKeys) -> None:
        own = self._keys.public
        if keys.x == own.x or keys.e == own.e:
            raise Refused(
                "The node at the other end has this node's own keys.",
                suggestion="Dial another address; if it is another machine, its keys are a copy: renew its identity.",
                code="OWN_KEYS",
            )

    def _finish(self, remote: PublicKeys, *, initiator: bool) -> None:
        noise = self._state()
        sending, receiving = noise.split()
        self._session = Session(
            self._keys,
            remote,
            is_initiator=initiator,
            handshake_hash=noise.h,
            sending=sending,
            receiving=receiving,
        )
        self._noise = None  # the ephemeral keys go with it: forward secrecy


class Initiator(_Side):
    """The side that dials. ``name`` is the node's own; ``join`` makes it a join with a token.

    ``check`` gets the responder's authenticated keys before anything of this node is shown, and raises to stop.
    """

    def __init__(
        self,
        keys: NodeKeys,
        *,
        name: str,
        check: Callable[[PublicKeys], None],
        join: JoinKey | None = None,
        new_ephemeral: Callable[[], X25519PrivateKey] = X25519PrivateKey.generate,
    ) -> None:
        super().__init__(keys, new_ephemeral)
        self._name = check_name(name).encode("ascii")
        self._check = check
        self._join = join
        self._remote: PublicKeys | None = None

    def write_message_1(self) -> bytes:
        """Return the first handshake message: 35 bytes, for a join 67."""
        self._enter(1)
        if self._join is None:
            noise_message = self._begin(_KIND_XX, initiator=True).write_message(b"")
        else:
            noise = self._begin(_KIND_XXPSK3, initiator=True, psk=self._join.psk)
            noise_message = noise.write_message(self._join.invite_id)
        self._leave(1)
        return self._framed(1, noise_message)

    def read_message_2(self, data: bytes) -> None:
        """Take the responder's answer and check who it is.

        Raises:
            ProtocolViolation: not a good message 2 of this handshake.
            Refused: OWN_KEYS; for a join also INVITE_UNKNOWN, INVITE_EXPIRED, INVITE_REVOKED, which are believed
                only after ``check`` has accepted the keys that say so.
            Exception: whatever ``check`` raises.
        """
        self._enter(2)
        noise = self._state()
        h1 = noise.h
        payload = noise.read_message(self._unframed(2, data))
        if len(payload) != 1 + _PROOF_BYTES:
            raise ProtocolViolation("Handshake message 2 has a payload of the wrong length.")
        remote = self._remote_keys(payload[1 : 1 + KEY_BYTES])
        if not remote.verifies(payload[1 + KEY_BYTES :], _RESPONDER_LABEL + h1 + remote.x + remote.e):
            raise ProtocolViolation("Handshake message 2 carries a bad signature.")
        self._refuse_own(remote)
        self._check(remote)
        self._check_status(payload[0])
        self._remote = remote
        self._leave(2)

    def write_message_3(self) -> bytes:
        """Return the last handshake message; ``session`` stands from now on, whether or not the responder agrees."""
        self._enter(3)
        noise, own, remote = self._state(), self._keys.public, self._remote
        assert remote is not None  # noqa: S101 - message 2 set it
        signature = self._keys.sign(_INITIATOR_LABEL + noise.h + own.x + own.e + remote.x + remote.e)
        noise_message = noise.write_message(own.e + signature + bytes((len(self._name),)) + self._name)
        self._finish(remote, initiator=True)
        return self._framed(3, noise_message)

    def _check_status(self, number: int) -> None:
        try:
            status = InviteStatus(number)
        except ValueError:
            raise ProtocolViolation("Handshake message 2 has an unknown status.") from None
        if status is InviteStatus.GO:
            return
        if self._join is None:
            raise ProtocolViolation("Handshake message 2 speaks of an invite where none was named.")
        code, sentence = _INVITE_REFUSALS[status]
        raise Refused(sentence, suggestion="Make a new token there: miner-ctrl peer invite.", code=code)


class Responder(_Side):
    """The side that was dialled. ``find_psk`` says what an invite ID is worth."""

    def __init__(
        self,
        keys: NodeKeys,
        *,
        find_psk: FindPsk,
        new_ephemeral: Callable[[], X25519PrivateKey] = X25519PrivateKey.generate,
    ) -> None:
        super().__init__(keys, new_ephemeral)
        self._find_psk = find_psk
        self._invite_id: bytes | None = None
        self._status = InviteStatus.GO

    @property
    def status(self) -> InviteStatus:
        """What message 2 says of the invite. Unless GO, the handshake ends with message 2."""
        return self._status

    def read_message_1(self, data: bytes) -> None:
        """Take a stranger's first message.

        Raises:
            ProtocolViolation: not a message 1 of a kind this version speaks.
        """
        self._enter(1)
        _check_size(data)
        kind = data[1] if len(data) > 1 else -1
        if kind not in _PATTERNS:
            raise ProtocolViolation("Handshake message 1 is of another version or kind.")
        noise = self._begin(kind, initiator=False)
        payload = noise.read_message(self._unframed(1, data))
        if len(payload) != (INVITE_ID_BYTES if kind == _KIND_XXPSK3 else 0):
            raise ProtocolViolation("Handshake message 1 has a payload of the wrong length.")
        if kind == _KIND_XXPSK3:
            self._invite_id = payload
            self._status, noise.psk = self._find_psk(payload)
        self._leave(1)

    def write_message_2(self) -> bytes:
        """Return the answer. It shows this node's keys and nothing else of it."""
        self._enter(2)
        noise, own = self._state(), self._keys.public
        signature = self._keys.sign(_RESPONDER_LABEL + noise.h + own.x + own.e)
        noise_message = noise.write_message(bytes((self._status,)) + own.e + signature)
        if self._status is InviteStatus.GO:
            self._leave(2)
        return self._framed(2, noise_message)

    def read_message_3(self, data: bytes) -> Introduction:
        """Take the initiator's last message and return who it is; ``session`` stands from now on.

        Raises:
            ProtocolViolation: not a good message 3 of this handshake, made without the invite's key, or the
                handshake ended with message 2.
            Refused: OWN_KEYS.
        """
        self._enter(3)
        noise, own = self._state(), self._keys.public
        h2 = noise.h
        payload = noise.read_message(self._unframed(3, data))
        proof, claimed = payload[:_PROOF_BYTES], payload[_PROOF_BYTES:]
        if len(proof) != _PROOF_BYTES or not claimed or claimed[0] != len(claimed) - 1:
            raise ProtocolViolation("Handshake message 3 has a payload of the wrong length.")
        remote = self._remote_keys(proof[:KEY_BYTES])
        if not remote.verifies(proof[KEY_BYTES:], _INITIATOR_LABEL + h2 + remote.x + remote.e + own.x + own.e):
            raise ProtocolViolation("Handshake message 3 carries a bad signature.")
        self._refuse_own(remote)
        try:
            name = check_name(claimed[1:].decode("ascii"))
        except (BadInput, UnicodeDecodeError):
            raise ProtocolViolation("Handshake message 3 carries a name that no node may have.") from None
        self._finish(remote, initiator=False)
        return Introduction(remote, name, self._invite_id)


def _check_size(data: bytes) -> None:
    if len(data) > MAX_HANDSHAKE_BYTES:
        raise ProtocolViolation(f"A handshake message of {len(data)} bytes is over the limit of {MAX_HANDSHAKE_BYTES}.")
