"""The Noise protocols of docs/protocol.md: XX and XXpsk3 with X25519, ChaCha20-Poly1305 and SHA-256.

Objects and functions are named as in the Noise specification, revision 34, section 5. Every failure is a
``ProtocolViolation``; a state that failed is of no further use.
"""

from __future__ import annotations

import hashlib
import hmac
import struct
from collections.abc import Callable

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from miner_ctrl.errors import ProtocolViolation
from miner_ctrl.identity.introductions import PSK_BYTES
from miner_ctrl.identity.keys import is_sound_x25519

DH_BYTES = 32
TAG_BYTES = 16
Pattern = tuple[tuple[str, ...], ...]
XX: Pattern = (("e",), ("e", "ee", "s", "es"), ("s", "se"))
XXPSK3: Pattern = (("e",), ("e", "ee", "s", "es"), ("s", "se", "psk"))

_PROTOCOL_NAMES = {XX: b"Noise_XX_25519_ChaChaPoly_SHA256", XXPSK3: b"Noise_XXpsk3_25519_ChaChaPoly_SHA256"}
_MAX_NONCE = 2**64 - 1
_pack_nonce = struct.Struct("<4xQ").pack


class CipherState:
    """A key and its nonce: one direction of a session, or the handshake's own encryption."""

    __slots__ = ("_decrypt", "_encrypt", "n")

    def __init__(self, key: bytes) -> None:
        self.n = 0
        self._use(key)

    def _use(self, key: bytes) -> None:
        aead = ChaCha20Poly1305(key)
        self._encrypt, self._decrypt = aead.encrypt, aead.decrypt

    def encrypt_with_ad(self, ad: bytes, plaintext: bytes) -> bytes:
        """Return ciphertext and 16-byte tag, and step the nonce."""
        n = self.n
        if n >= _MAX_NONCE:
            raise ProtocolViolation("A session's nonces are used up.")
        ciphertext = self._encrypt(_pack_nonce(n), plaintext, ad)
        self.n = n + 1
        return ciphertext

    def decrypt_with_ad(self, ad: bytes, ciphertext: bytes | memoryview) -> bytes:
        """Return the plaintext, and step the nonce.

        Raises:
            ProtocolViolation: not what the other side sealed under this key, nonce and associated data.
        """
        n = self.n
        if n >= _MAX_NONCE:
            raise ProtocolViolation("A session's nonces are used up.")
        try:
            plaintext = self._decrypt(_pack_nonce(n), ciphertext, ad)
        except InvalidTag:
            raise ProtocolViolation("Bytes from the other side do not decrypt.") from None
        self.n = n + 1
        return plaintext

    def rekey(self) -> None:
        """Replace the key by one derived from it; the nonce goes on (section 4.2, REKEY)."""
        self._use(self._encrypt(_pack_nonce(_MAX_NONCE), bytes(DH_BYTES), b"")[:DH_BYTES])


class SymmetricState:
    """The chaining key ``ck``, the handshake hash ``h`` and, after the first ``mix_key``, a cipher."""

    __slots__ = ("_cipher", "_ck", "h")

    def __init__(self, protocol_name: bytes) -> None:
        padded = protocol_name.ljust(32, b"\0")
        self.h = padded if len(padded) == 32 else hashlib.sha256(protocol_name).digest()
        self._ck = self.h
        self._cipher: CipherState | None = None

    def mix_hash(self, data: bytes) -> None:
        self.h = hashlib.sha256(self.h + data).digest()

    def mix_key(self, input_key_material: bytes) -> None:
        self._ck, key = _hkdf(self._ck, input_key_material, 2)
        self._cipher = CipherState(key)

    def mix_key_and_hash(self, input_key_material: bytes) -> None:
        self._ck, data, key = _hkdf(self._ck, input_key_material, 3)
        self.mix_hash(data)
        self._cipher = CipherState(key)

    @property
    def tag_bytes(self) -> int:
        """How much longer than its plaintext a ciphertext is by now: 0 or 16."""
        return TAG_BYTES if self._cipher else 0

    def encrypt_and_hash(self, plaintext: bytes) -> bytes:
        ciphertext = self._cipher.encrypt_with_ad(self.h, plaintext) if self._cipher else plaintext
        self.mix_hash(ciphertext)
        return ciphertext

    def decrypt_and_hash(self, ciphertext: bytes) -> bytes:
        plaintext = self._cipher.decrypt_with_ad(self.h, ciphertext) if self._cipher else ciphertext
        self.mix_hash(ciphertext)
        return plaintext

    def split(self) -> tuple[CipherState, CipherState]:
        """Return the ciphers for the initiator's and for the responder's direction."""
        first, second = _hkdf(self._ck, b"", 2)
        return CipherState(first), CipherState(second)


class HandshakeState:
    """One side of a handshake. ``psk`` (32 bytes) may be set until the message that uses it."""

    def __init__(
        self,
        pattern: Pattern,
        *,
        initiator: bool,
        prologue: bytes,
        s: X25519PrivateKey,
        psk: bytes | None = None,
        new_ephemeral: Callable[[], X25519PrivateKey] = X25519PrivateKey.generate,
    ) -> None:
        self.psk = psk
        self.rs: X25519PublicKey | None = None
        self._re: X25519PublicKey | None = None
        self._s = s
        self._e: X25519PrivateKey | None = None
        self._initiator = initiator
        self._new_ephemeral = new_ephemeral
        self._uses_psk = any("psk" in message for message in pattern)
        self._message_patterns = iter(pattern)
        self._symmetric = SymmetricState(_PROTOCOL_NAMES[pattern])
        self._symmetric.mix_hash(prologue)

    @property
    def h(self) -> bytes:
        """The handshake hash over everything written and read so far, 32 bytes."""
        return self._symmetric.h

    def write_message(self, payload: bytes) -> bytes:
        """Return the next handshake message with ``payload`` in it."""
        parts = []
        for letters in next(self._message_patterns):
            if letters == "e":
                self._e = self._new_ephemeral()
                parts.append(self._mix_ephemeral(self._e.public_key().public_bytes_raw()))
            elif letters == "s":
                parts.append(self._symmetric.encrypt_and_hash(self._s.public_key().public_bytes_raw()))
            else:
                self._mix_secret(letters)
        parts.append(self._symmetric.encrypt_and_hash(payload))
        return b"".join(parts)

    def read_message(self, message: bytes) -> bytes:
        """Return the payload of the next handshake message.

        Raises:
            ProtocolViolation: too short, altered, for another handshake, or with a key that is not sound.
        """
        for letters in next(self._message_patterns):
            if letters == "e":
                message, ephemeral = self._take(message, DH_BYTES)
                self._re = _public_key(self._mix_ephemeral(ephemeral))
            elif letters == "s":
                message, sealed = self._take(message, DH_BYTES + self._symmetric.tag_bytes)
                self.rs = _public_key(self._symmetric.decrypt_and_hash(sealed))
            else:
                self._mix_secret(letters)
        return self._symmetric.decrypt_and_hash(message)

    def split(self) -> tuple[CipherState, CipherState]:
        """Return the ciphers for sending and for receiving, after the last message."""
        from_initiator, from_responder = self._symmetric.split()
        return (from_initiator, from_responder) if self._initiator else (from_responder, from_initiator)

    @staticmethod
    def _take(message: bytes, size: int) -> tuple[bytes, bytes]:
        if len(message) < size:
            raise ProtocolViolation("A handshake message is too short.")
        return message[size:], message[:size]

    def _mix_ephemeral(self, public: bytes) -> bytes:
        self._symmetric.mix_hash(public)
        if self._uses_psk:
            self._symmetric.mix_key(public)
        return public

    def _mix_secret(self, letters: str) -> None:
        if letters == "psk":
            if self.psk is None or len(self.psk) != PSK_BYTES:
                raise ValueError(f"a handshake with a pre-shared key needs one of {PSK_BYTES} bytes")
            self._symmetric.mix_key_and_hash(self.psk)
            return
        initiators, responders = letters[0], letters[1]
        local_letter, remote_letter = (initiators, responders) if self._initiator else (responders, initiators)
        local = self._e if local_letter == "e" else self._s
        remote = self._re if remote_letter == "e" else self.rs
        assert local is not None  # noqa: S101 - the patterns above send every key before they use it
        assert remote is not None  # noqa: S101
        try:
            self._symmetric.mix_key(local.exchange(remote))
        except ValueError:  # the library's word for an all-zero shared secret
            raise ProtocolViolation("A handshake's shared secret is zero.") from None


def _public_key(data: bytes) -> X25519PublicKey:
    if not is_sound_x25519(data):
        raise ProtocolViolation("A handshake carries a public key that is not sound.")
    return X25519PublicKey.from_public_bytes(data)


def _hkdf(chaining_key: bytes, input_key_material: bytes, outputs: int) -> list[bytes]:
    temp_key = hmac.digest(chaining_key, input_key_material, "sha256")
    results: list[bytes] = []
    for number in range(1, outputs + 1):
        previous = results[-1] if results else b""
        results.append(hmac.digest(temp_key, previous + bytes((number,)), "sha256"))
    return results
