"""Provisioned trust: ``<config>/trust.json``, written into an image before its node has keys."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec

from miner_ctrl.errors import BadInput, StateDamaged
from miner_ctrl.identity.fingerprints import FINGERPRINT_BYTES, parse_fingerprint
from miner_ctrl.model.addresses import parse_address
from miner_ctrl.storage.atomic import write_atomic

MAX_ENTRIES = 64
MAX_FILE_BYTES = 64 * 1024


class ProvisionedTrust(msgspec.Struct, frozen=True):
    """A controller to trust on sight: its whole fingerprint (32 bytes) and where to dial it (empty: it dials)."""

    fingerprint: bytes
    address: str = ""


class _Entry(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    fingerprint: str
    address: str = ""


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    controllers: tuple[_Entry, ...]


def parse_trust(text: str) -> ProvisionedTrust:
    """Return what ``FP`` or ``FP@HOST:PORT`` says; the fingerprint must be whole (64 hex characters).

    Raises:
        BadInput: it is something else.
    """
    fingerprint, at, address = text.strip().partition("@")
    query = parse_fingerprint(fingerprint)
    if not query.is_whole:
        raise BadInput(
            "Trust that nobody confirms needs the whole fingerprint, not its words.",
            suggestion="Copy the 64 hex characters from miner-ctrl node info on the controller.",
            code="BAD_FINGERPRINT",
        )
    return ProvisionedTrust(query.prefix, str(parse_address(address)) if at else "")


def read_trust(path: Path) -> tuple[ProvisionedTrust, ...]:
    """Return what the file provisions; nothing when there is no file.

    Raises:
        StateDamaged: it cannot be read, or is not what ``write_trust`` writes.
    """
    try:
        with path.open("rb") as file:
            data = file.read(MAX_FILE_BYTES + 1)
    except FileNotFoundError:
        return ()
    except OSError as error:
        raise _damaged(path, error.strerror or str(error)) from None
    try:
        entries = msgspec.json.decode(data, type=_File).controllers
        trusted = tuple(
            ProvisionedTrust(
                bytes.fromhex(entry.fingerprint), str(parse_address(entry.address)) if entry.address else ""
            )
            for entry in entries
        )
    except (msgspec.MsgspecError, ValueError, RecursionError, BadInput) as error:
        raise _damaged(path, str(error)) from None
    if len(trusted) > MAX_ENTRIES or any(len(entry.fingerprint) != FINGERPRINT_BYTES for entry in trusted):
        raise _damaged(path, "a fingerprint is not whole, or there are too many")
    return trusted


def write_trust(path: Path, trusted: Sequence[ProvisionedTrust]) -> None:
    """Replace the file, atomically.

    Raises:
        BadInput: more than ``MAX_ENTRIES``.
    """
    if len(trusted) > MAX_ENTRIES:
        raise BadInput(f"At most {MAX_ENTRIES} controllers can be provisioned.", suggestion="Leave some out.")
    file = _File(tuple(_Entry(entry.fingerprint.hex(), entry.address) for entry in trusted))
    write_atomic(path, msgspec.json.format(msgspec.json.encode(file)) + b"\n")


def _damaged(path: Path, why: str) -> StateDamaged:
    return StateDamaged(
        f"The provisioned trust {path} cannot be used: {why[:200]}.",
        suggestion="Write it anew with miner-ctrl node init --trust, or remove it.",
    )
