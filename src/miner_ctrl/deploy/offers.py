"""Offers: what an archive is, signed by somebody. Only what is signed is believed, and it is believed as a whole."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Callable
from pathlib import Path

import msgspec

from miner_ctrl.deploy.paths import parts_of
from miner_ctrl.deploy.program_heads import Platform, this_platform
from miner_ctrl.deploy.refusals import not_of_the_lock
from miner_ctrl.errors import BadInput, OperationFailed, Refused
from miner_ctrl.model.rig import BundleOffer
from miner_ctrl.storage.atomic import write_atomic

SIGNED_AS = b"miner-ctrl/1 bundle\0"
MAX_OFFER_BYTES = 16 * 1024
MAX_KEY_FILE_BYTES = 16 * 1024
RESERVED_TYPES = frozenset(
    {"incoming", "con", "prn", "aux", "nul", *(f"{d}{n}" for d in ("com", "lpt") for n in range(10))}
)
UNSIGNED = bytes(64)


def canonical_bytes(offer: BundleOffer) -> bytes:
    """Return what a signature of ``offer`` covers: every field but the signature itself."""
    fields = msgspec.to_builtins(offer)
    del fields["signature"]
    return SIGNED_AS + msgspec.json.encode(fields, order="sorted")


def sign_offer(offer: BundleOffer, *, key: bytes, sign: Callable[[bytes], bytes]) -> BundleOffer:
    """Return ``offer`` signed by ``key`` (32 bytes, public); ``sign`` makes its Ed25519 signature."""
    named = msgspec.structs.replace(offer, signing_key=key, signature=UNSIGNED)
    return msgspec.structs.replace(named, signature=sign(canonical_bytes(named)))


def is_signed(offer: BundleOffer) -> bool:
    """Whether ``offer`` carries a signature that its own key has made."""
    from cryptography.exceptions import InvalidSignature  # noqa: PLC0415 - the command line loads without it
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey  # noqa: PLC0415

    if offer.signature == UNSIGNED:  # which fits some keys that nobody has
        return False
    try:
        Ed25519PublicKey.from_public_bytes(offer.signing_key).verify(offer.signature, canonical_bytes(offer))
    except (InvalidSignature, ValueError):
        return False
    return True


def check_signature(offer: BundleOffer, *, peer: bytes, operators: tuple[bytes, ...], operators_only: bool) -> None:
    """Check that somebody who may say what runs here has signed ``offer``: the ``peer`` that offers it, or one of the
    rig owner's ``operators`` (Ed25519 keys).

    Raises:
        Refused: nobody has.
    """
    by_operator = offer.signing_key in operators
    if operators_only and not by_operator:
        raise not_of_the_lock()
    if not by_operator and offer.signing_key != peer:
        raise Refused(
            "The bundle is signed by a key that this rig does not know.",
            suggestion="Let the controller that sends it sign it, or pin the other key on the rig.",
            code="BUNDLE_KEY_UNKNOWN",
        )
    if not is_signed(offer):
        raise Refused("The bundle's signature is wrong.", suggestion="Add the bundle anew.", code="BUNDLE_SIGNATURE")


def check_offer(offer: BundleOffer, here: Platform | None = None) -> None:
    """Check what an offer says against this machine, and that it can be true.

    Raises:
        BadInput: it cannot.
    """
    here = here or this_platform()
    if (offer.system, offer.architecture) != here:
        raise BadInput(
            f"This bundle is for {offer.system} on {offer.architecture}, and the rig is {here.system} on"
            f" {here.architecture}.",
            suggestion="Add a bundle for that system, and deploy it.",
            code="WRONG_PLATFORM",
        )
    if offer.miner_type in RESERVED_TYPES:
        raise BadInput(f"No miner can be called {offer.miner_type!r}.", suggestion="Name its type, for example xmrig.")
    if "/".join(parts_of(offer.program)) != offer.program:
        raise BadInput(
            "The bundle's program has a path that is none.",
            suggestion="Give its path in the archive.",
            code="BAD_BUNDLE",
        )


def read_offer(path: Path) -> BundleOffer:
    """Return the offer in a JSON file.

    Raises:
        BadInput: there is none.
    """
    try:
        with path.open("rb") as file:
            return decode_offer(file.read(MAX_OFFER_BYTES + 1))
    except OSError as error:
        raise BadInput(f"{path} cannot be read: {error.strerror}.", suggestion="Name an offer's file.") from None


def decode_offer(data: bytes) -> BundleOffer:
    """Return the offer that JSON bytes hold.

    Raises:
        BadInput: they hold none.
    """
    try:
        return msgspec.json.decode(data if len(data) <= MAX_OFFER_BYTES else b"", type=BundleOffer)
    except (ValueError, RecursionError):  # msgspec's errors are ValueErrors
        raise BadInput(
            "This is not a bundle's offer.",
            suggestion="Make one with miner-ctrl bundle sign FILE --key KEYFILE -o OFFER.json.",
            code="BAD_OFFER",
        ) from None


def write_offer(offer: BundleOffer, path: Path) -> None:
    """Write ``offer`` as JSON, for ``read_offer``.

    Raises:
        OperationFailed: it cannot be written there.
    """
    try:
        write_atomic(path, msgspec.json.format(msgspec.json.encode(offer)) + b"\n", 0o644)
    except OSError as error:
        raise OperationFailed(
            f"{path} could not be written: {error.strerror}.", suggestion="Choose another file with -o."
        ) from None


def sign_with_file(offer: BundleOffer, key_file: Path) -> BundleOffer:
    """Return ``offer`` signed by the Ed25519 key in a PEM file (PKCS #8, mode 0600).

    Raises:
        BadInput: there is no such key, or others can read it.
    """
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey  # noqa: PLC0415
    from cryptography.hazmat.primitives.serialization import load_pem_private_key  # noqa: PLC0415

    remedy = "Make a key with miner-ctrl lock keygen, and name its file."
    try:
        with key_file.open("rb") as file:
            if sys.platform != "win32" and stat.S_IMODE(os.fstat(file.fileno()).st_mode) & 0o077:
                raise BadInput(f"The key file {key_file} is open to others.", suggestion=f"Run: chmod 600 {key_file}")
            key = load_pem_private_key(file.read(MAX_KEY_FILE_BYTES), None)
    except OSError as error:
        raise BadInput(f"The key file {key_file} cannot be read: {error.strerror}.", suggestion=remedy) from None
    except (ValueError, TypeError):
        key = None
    if not isinstance(key, Ed25519PrivateKey):
        raise BadInput(f"The file {key_file} holds no Ed25519 key.", suggestion=remedy)
    return sign_offer(offer, key=key.public_key().public_bytes_raw(), sign=key.sign)
