"""``node.json``: the public half of a node's identity, beside which the private key must fit.

A private key that does not fit its ``node.json`` stops the start: a flipped bit is not a new identity.
"""

from __future__ import annotations

import base64
from pathlib import Path

import msgspec

from miner_ctrl.errors import NotFound, OperationFailed, StateDamaged
from miner_ctrl.identity.keyfile import load_secret
from miner_ctrl.identity.keys import NodeKeys, PublicKeys
from miner_ctrl.model.nodes import Identity, Role
from miner_ctrl.storage.atomic import write_atomic


def identity_of(keys: PublicKeys, *, name: str, role: Role, created_at: str) -> Identity:
    """Return the public identity of a node with these keys. ``created_at`` is RFC 3339, UTC."""
    return Identity(
        id=keys.node_id,
        name=name,
        role=role,
        public_key=base64.b64encode(keys.x).decode(),
        signing_key=base64.b64encode(keys.e).decode(),
        created_at=created_at,
    )


def write_node_file(path: Path, identity: Identity) -> None:
    """Write ``identity`` to ``path`` as JSON, atomically.

    Raises:
        OperationFailed: the disk said no.
    """
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_atomic(path, msgspec.json.format(msgspec.json.encode(identity)) + b"\n")
    except OSError as error:
        raise OperationFailed(
            f"The node identity could not be written to {path}: {error.strerror}.",
            suggestion="Check that the directory is yours and the disk has room.",
        ) from None


def read_node_file(path: Path) -> Identity:
    """Return the identity that ``path`` holds.

    Raises:
        NotFound: there is no such file.
        StateDamaged: it cannot be read or is not an identity.
    """
    try:
        return msgspec.json.decode(path.read_bytes(), type=Identity)
    except FileNotFoundError:
        raise NotFound(
            f"There is no node identity at {path}.",
            suggestion="Make one: miner-ctrl node init.",
            code="IDENTITY_MISSING",
        ) from None
    except (OSError, msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise StateDamaged(
            f"The node identity {path} cannot be read.",
            suggestion="Restore it from a backup; it holds nothing secret.",
            code="IDENTITY_DAMAGED",
        ) from None


def load_identity(key_path: Path, node_path: Path) -> tuple[NodeKeys, Identity]:
    """Return a node's keys and public identity, which belong together.

    Raises:
        NotFound: there is no ``node.json``.
        StateDamaged: one of the files is damaged, the key is missing or readable by others, or the two do not
            belong together.
    """
    identity = read_node_file(node_path)
    try:
        keys = NodeKeys.from_secret(load_secret(key_path))
    except NotFound:
        raise StateDamaged(
            f"The private key {key_path} of the node in {node_path} is missing.",
            suggestion="Restore it from a backup, or move node.json away to start as a new node.",
            code="KEY_MISSING",
        ) from None
    check_belongs(keys.public, identity, key_path=key_path, node_path=node_path)
    return keys, identity


def check_belongs(keys: PublicKeys, identity: Identity, *, key_path: Path, node_path: Path) -> None:
    """Check that the keys in ``key_path`` are those that ``node_path`` names.

    Raises:
        StateDamaged: they are not.
    """
    expected = identity_of(keys, name=identity.name, role=identity.role, created_at=identity.created_at)
    if identity != expected:
        raise StateDamaged(
            f"The private key {key_path} and the node identity {node_path} do not belong together.",
            suggestion="Restore both from the same backup, or move both away to start as a new node.",
            code="IDENTITY_MISMATCH",
        )
