"""Key pairs of a node, derived from one master secret (docs/protocol.md, "Identity").

X is the X25519 pair that agrees on session keys, E the Ed25519 pair that signs. Trust is decided on both public
keys together, never on the Node ID.
"""

from __future__ import annotations

import hashlib
from functools import cached_property

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from miner_ctrl.identity.fingerprints import words_of
from miner_ctrl.model.nodes import NodeId

KEY_BYTES = 32
SECRET_BYTES = 32
SIGNATURE_BYTES = 64

_FIELD_PRIME = 2**255 - 19
_X25519_ORDER_8 = (
    325606250916557431795983626356110631294008115727848805560023387167927233504,
    39382357235489614581723060781553021112529911719440698176882885853963445705823,
)
_X25519_SMALL_ORDER = frozenset({0, 1, _FIELD_PRIME - 1, *_X25519_ORDER_8})
_ED25519_ORDER_8_Y = 2707385501144840649318225287225658788936804267575313519463743609750303402022
_ED25519_SMALL_ORDER_Y = frozenset({0, 1, _FIELD_PRIME - 1, _ED25519_ORDER_8_Y, _FIELD_PRIME - _ED25519_ORDER_8_Y})
_SIGN_BIT = 1 << 255


def is_sound_x25519(key: bytes) -> bool:
    """Whether 32 bytes are the canonical encoding of an X25519 public key that is not of small order."""
    u = int.from_bytes(key, "little")
    return len(key) == KEY_BYTES and u < _FIELD_PRIME and u not in _X25519_SMALL_ORDER


def is_sound_ed25519(key: bytes) -> bool:
    """Whether 32 bytes are a canonical encoding (RFC 8032, 5.1.3) of a y that no point of small order has.

    Whether a point with that y exists is left to the signature check, which fails without one.
    """
    y = int.from_bytes(key, "little") & ~_SIGN_BIT
    return len(key) == KEY_BYTES and y < _FIELD_PRIME and y not in _ED25519_SMALL_ORDER_Y


class PublicKeys(msgspec.Struct, frozen=True, dict=True):
    """A node's two public keys, 32 raw bytes each: what trust pins.

    Raises:
        ValueError: a key has another size, is not canonical or is of small order.
    """

    x: bytes
    e: bytes

    def __post_init__(self) -> None:
        if not is_sound_x25519(self.x):
            raise ValueError("not a usable X25519 public key")
        if not is_sound_ed25519(self.e):
            raise ValueError("not a usable Ed25519 public key")

    @cached_property
    def fingerprint(self) -> bytes:
        """SHA-256 over both keys, 32 bytes."""
        return hashlib.sha256(b"miner-ctrl/1 fingerprint\0" + self.x + self.e).digest()

    @cached_property
    def node_id(self) -> NodeId:
        """16 hex characters of SHA-256(X): a handle for people and URLs, never what trust is decided on."""
        return NodeId(hashlib.sha256(self.x).hexdigest()[:16])

    @cached_property
    def words(self) -> str:
        """The fingerprint for people: 8 words separated by spaces."""
        return words_of(self.fingerprint)

    @cached_property
    def _verifier(self) -> Ed25519PublicKey:
        return Ed25519PublicKey.from_public_bytes(self.e)

    def verifies(self, signature: bytes, data: bytes) -> bool:
        """Whether ``signature`` (64 bytes) over ``data`` was made with the private half of ``e``."""
        try:
            self._verifier.verify(signature, data)
        except InvalidSignature:
            return False
        return True

    def __repr__(self) -> str:
        return f"PublicKeys({self.node_id}, fingerprint={self.fingerprint.hex()})"


class NodeKeys:
    """A node's private keys. Build with ``from_secret``; nothing of the secret shows in ``repr``."""

    __slots__ = ("_e_private", "public", "sign", "x_private")

    def __init__(self, x_private: X25519PrivateKey, e_private: Ed25519PrivateKey) -> None:
        self.x_private = x_private
        self._e_private = e_private
        self.public = PublicKeys(x_private.public_key().public_bytes_raw(), e_private.public_key().public_bytes_raw())
        self.sign = e_private.sign
        """``sign(data) -> bytes``: the 64-byte Ed25519 signature over ``data``."""

    @classmethod
    def from_secret(cls, secret: bytes) -> NodeKeys:
        """Return the keys of a 32-byte master secret.

        Raises:
            ValueError: it has another size.
        """
        if len(secret) != SECRET_BYTES:
            raise ValueError(f"a master secret has {SECRET_BYTES} bytes")
        return cls(
            X25519PrivateKey.from_private_bytes(_derive(secret, b"miner-ctrl/1 x25519")),
            Ed25519PrivateKey.from_private_bytes(_derive(secret, b"miner-ctrl/1 ed25519")),
        )

    def __repr__(self) -> str:
        return f"NodeKeys({self.public.node_id})"


def _derive(secret: bytes, info: bytes) -> bytes:
    return HKDF(algorithm=hashes.SHA256(), length=KEY_BYTES, salt=b"", info=info).derive(secret)
