"""A node's first start: its keys and its public identity are made, as a machine image may have asked for."""

from __future__ import annotations

from pathlib import Path

import msgspec

from miner_ctrl.errors import StateDamaged
from miner_ctrl.identity.keyfile import load_or_create
from miner_ctrl.identity.keys import NodeKeys
from miner_ctrl.identity.node_file import identity_of, write_node_file
from miner_ctrl.model.nodes import Identity, Role
from miner_ctrl.storage.atomic import write_atomic


class FirstStart(msgspec.Struct, frozen=True):
    """``name`` empty: the machine's own at that time; ``role`` ``None``: the usual one."""

    name: str = ""
    role: Role | None = None


def read_first_start(path: Path) -> FirstStart:
    """Return what is asked; nothing in particular when there is no file.

    Raises:
        StateDamaged: it is not what ``write_first_start`` writes.
    """
    try:
        return msgspec.json.decode(path.read_bytes(), type=FirstStart)
    except FileNotFoundError:
        return FirstStart()
    except (OSError, msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise StateDamaged(
            f"The plan for the first start {path} cannot be read.",
            suggestion="Write it anew with miner-ctrl node init --trust, or remove it.",
        ) from None


def write_first_start(path: Path, plan: FirstStart) -> None:
    """Replace the file, atomically."""
    write_atomic(path, msgspec.json.encode(plan) + b"\n")


def make_identity(
    *, key_file: Path, node_file: Path, plan_file: Path, name: str, role: Role, created_at: str
) -> tuple[NodeKeys, Identity]:
    """Make a node's keys and write its public identity; a plan for the first start is done with then.

    A key that is there already, left by a start that was interrupted, is used. ``created_at`` is RFC 3339, UTC.
    """
    keys = NodeKeys.from_secret(load_or_create(key_file))
    identity = identity_of(keys.public, name=name, role=role, created_at=created_at)
    write_node_file(node_file, identity)
    plan_file.unlink(missing_ok=True)
    return keys, identity
