"""Nodes: names, roles, grants, public identities."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Annotated, NewType

import msgspec
from msgspec import Meta

from miner_ctrl.errors import BadInput

NodeId = NewType("NodeId", str)
"""The first 16 hex characters of SHA-256(X25519 public key): a handle for people, never trust."""

NAME_MAX_CHARS = 63
_NAME = re.compile(r"[A-Za-z0-9._-]{1,63}")
_LOOKS_LIKE_ID = re.compile(r"[0-9a-fA-F]{16}")
RESERVED_NAMES = frozenset({"stats", "auth", "pending", "available", "status"})

Name = Annotated[str, Meta(min_length=1, max_length=NAME_MAX_CHARS, pattern=r"^[A-Za-z0-9._-]{1,63}\Z")]


class Role(StrEnum):
    """What a node is for. What a *peer* says its role is gives it nothing."""

    CONTROLLER = "controller"
    WORKER = "worker"
    DUAL = "dual"

    @property
    def controls(self) -> bool:
        return self is not Role.WORKER

    @property
    def works(self) -> bool:
        return self is not Role.CONTROLLER


class Grant(StrEnum):
    """What a peer may do here (protocol.md, "Who may do what")."""

    OBSERVE = "observe"
    CONTROL = "control"
    INSTALL = "install"


Grants = frozenset[Grant]
NO_GRANTS: Grants = frozenset()
ALL_GRANTS: Grants = frozenset(Grant)


class Identity(msgspec.Struct, frozen=True, rename="camel"):
    """A node's public identity: ``<config>/node.json``. Keys are base64, ``created_at`` is RFC 3339."""

    id: str
    name: Name
    role: Role
    public_key: str
    signing_key: str
    created_at: str


def check_name(name: str) -> str:
    """Return ``name`` if a node or peer may be called that.

    Raises:
        BadInput: it is empty, too long, has other characters, looks like an ID or is a reserved word.
    """
    if not _NAME.fullmatch(name):
        raise BadInput(
            f"A name has 1 to {NAME_MAX_CHARS} of the characters A-Z a-z 0-9 . _ - and {name[:80]!r} is not one.",
            suggestion="Choose another name, for example rig-alpha.",
            code="BAD_NAME",
        )
    if _LOOKS_LIKE_ID.fullmatch(name) or name in RESERVED_NAMES:
        raise BadInput(
            f"The name {name!r} is reserved: it would be read as an ID or a route.",
            suggestion="Choose another name, for example rig-alpha.",
            code="BAD_NAME",
        )
    return name


def parse_grants(text: str) -> Grants:
    """Return the grants in a comma-separated list; ``none`` or an empty text is no grant at all.

    Raises:
        BadInput: one of them is unknown.
    """
    words = [word.strip() for word in text.split(",") if word.strip()]
    if words == ["none"]:
        return NO_GRANTS
    try:
        return frozenset(Grant(word) for word in words)
    except ValueError:
        raise BadInput(
            f"{text[:80]!r} is not a list of grants.",
            suggestion="Use observe, control, install (separated by commas) or none.",
            code="BAD_GRANT",
        ) from None
