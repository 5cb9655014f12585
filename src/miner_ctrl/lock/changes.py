"""Changes of the lock from afar, signed by a key that the present lock names, offline.

The document is canonical JSON of ``{"lock", "rig"}``: sorted keys, no white space, keys as base64, ``rig`` the whole
fingerprint of the one rig it is for. The signature covers "miner-ctrl/1 lock\\0" and the document.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated

import msgspec
from msgspec import Meta

from miner_ctrl.errors import BadInput, Conflict, Refused
from miner_ctrl.lock.rules import check_lock
from miner_ctrl.model.rig import Lock

SIGNED_TEXT = b"miner-ctrl/1 lock\0"
MAX_DOCUMENT_BYTES = 64 * 1024


class Change(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a document says: the rig (its fingerprint, 64 hex digits) and its lock from now on."""

    rig: Annotated[str, Meta(pattern=r"^[0-9a-f]{64}\Z")]
    lock: Lock


class SignedChange(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A change as it travels, and as a file: the document's text, and its signature (base64 in JSON)."""

    document: Annotated[str, Meta(max_length=MAX_DOCUMENT_BYTES)]
    signature: Annotated[bytes, Meta(min_length=64, max_length=64)]


def document_of(change: Change) -> bytes:
    """Return the bytes that are signed."""
    return msgspec.json.encode(change, order="sorted")


def sign_change(change: Change, private_key: bytes) -> SignedChange:
    """Return ``change`` signed with a private Ed25519 key (32 bytes).

    Raises:
        BadInput: its lock has an entry that can allow nothing.
    """
    from cryptography.hazmat.primitives.asymmetric.ed25519 import (  # noqa: PLC0415 - a command that signs, and no other
        Ed25519PrivateKey,
    )

    document = document_of(Change(rig=change.rig, lock=check_lock(change.lock)))
    signature = Ed25519PrivateKey.from_private_bytes(private_key).sign(SIGNED_TEXT + document)
    return SignedChange(document=document.decode(), signature=signature)


def read_change(data: bytes) -> SignedChange:
    """Return the signed change that a file holds.

    Raises:
        BadInput: it holds none.
    """
    try:
        return msgspec.json.decode(data, type=SignedChange)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise BadInput(
            "This is no signed change of a lock.",
            suggestion="Make one with: miner-ctrl lock sign --key FILE --rig FINGERPRINT … -o change.json",
            code="BAD_LOCK_CHANGE",
        ) from None


def verified_change(document: bytes, signature: bytes, *, keys: Iterable[bytes], rig: str, serial: int) -> Lock:
    """Return the lock that a signed document sets.

    ``keys`` and ``serial`` are the present lock's; ``rig`` is this rig's fingerprint in hex.

    Raises:
        Refused: none of the keys signed it, or it is for another rig (``LOCK_NOT_CHANGED``).
        Conflict: it is not newer than what is there.
        BadInput: it is signed, and not a change.
    """
    if not any(_verifies(key, signature, SIGNED_TEXT + document) for key in keys):
        raise _refused("No key of this rig's lock has signed this change.", "Sign it with the key that is kept for it.")
    try:
        change = msgspec.json.decode(document, type=Change)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        change = None
    if change is None or document_of(change) != document:
        raise BadInput(
            "The signed document is not a change of a lock in its canonical form.",
            suggestion="Make it with miner-ctrl lock sign.",
            code="BAD_LOCK_CHANGE",
        )
    if change.rig != rig:
        raise _refused("This change of a lock is for another rig.", "Sign one with --rig and this rig's fingerprint.")
    if change.lock.serial <= serial:
        raise Conflict(
            f"This change of the lock has the serial {change.lock.serial}, and the lock has {serial} already.",
            suggestion=f"Sign one with --serial {serial + 1} or more.",
            code="LOCK_SERIAL_OLD",
        )
    return check_lock(change.lock)


def _verifies(key: bytes, signature: bytes, data: bytes) -> bool:
    from cryptography.exceptions import InvalidSignature  # noqa: PLC0415 - a lock is changed once in a blue moon
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey  # noqa: PLC0415

    try:
        Ed25519PublicKey.from_public_bytes(key).verify(signature, data)
    except (InvalidSignature, ValueError):
        return False
    return True


def _refused(sentence: str, suggestion: str) -> Refused:
    return Refused(sentence, suggestion=suggestion, code="LOCK_NOT_CHANGED")
