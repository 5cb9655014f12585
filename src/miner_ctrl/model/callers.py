"""Who asks something of this node through its API, and what they may do here (rest-api.md, "Access")."""

from __future__ import annotations

from enum import StrEnum

import msgspec


class AccessRole(StrEnum):
    """What a caller may do; each role has all of the ones before it.

    ``viewer`` looks. ``operator`` commands rigs and edits profiles. ``admin`` decides who is trusted: peers, invites,
    tokens, logins, programs, this node itself.
    """

    VIEWER = "viewer"
    OPERATOR = "operator"
    ADMIN = "admin"

    def includes(self, needed: AccessRole) -> bool:
        """Whether who has this role may do what ``needed`` may."""
        return _RANK[self] >= _RANK[needed]


_RANK = {AccessRole.VIEWER: 0, AccessRole.OPERATOR: 1, AccessRole.ADMIN: 2}


class Door(StrEnum):
    """How a caller came in: through the local socket that only this user can open, over loopback without
    credentials, with an API token, with a login, or as a peer over its session; a stranger has not said who it is, and
    is answered by public routes alone."""

    OWNER = "owner"
    LOOPBACK = "loopback"
    TOKEN = "token"  # noqa: S105 - the name of a door
    LOGIN = "login"
    PEER = "peer"
    STRANGER = "stranger"


class Caller(msgspec.Struct, frozen=True, kw_only=True):
    """Who asks. ``name`` is that of the token, of the login or of the peer, empty for the others; ``id`` tells it from
    others of that name for ever (the ID of a token, of a session, of a node); ``address`` is where from, empty on the
    local socket."""

    door: Door
    role: AccessRole
    name: str = ""
    id: str = ""
    address: str = ""

    @property
    def shown(self) -> str:
        """The door, with the name of who asks where there is one; a peer's ID alone, for its name is its own choice."""
        return self.id if self.door is Door.PEER else f"{self.door.value} {self.name}".strip()


OWNER = Caller(door=Door.OWNER, role=AccessRole.ADMIN)
"""Whoever can open the local socket: this machine's user."""
LOOPBACK = Caller(door=Door.LOOPBACK, role=AccessRole.ADMIN)
"""Whoever reaches a port on loopback that asks for no credentials."""
STRANGER = Caller(door=Door.STRANGER, role=AccessRole.VIEWER)
"""Who asks a public route: nobody has looked."""


class Visit(msgspec.Struct, frozen=True, kw_only=True):
    """How a request reached the port, for the routes where one says who one is. ``secure``: the browser's connection is
    TLS. ``session`` is the session that the browser sent, a secret."""

    address: str = ""
    secure: bool = False
    session: str = ""
