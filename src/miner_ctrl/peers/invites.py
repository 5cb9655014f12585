"""Invites: what stands behind a join token on the node that issued it (docs/protocol.md, "Pairing").

An invite's pre-shared key is kept until it expires or is revoked, so that keys which joined with it may repeat their
join; it is then overwritten in the file. A used-up invite therefore still answers ``GO`` in the handshake, which
proves nothing but knowledge of the token, and other keys are refused by the verdict, with the reason.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import msgspec

from miner_ctrl.errors import BadInput, Conflict, NotFound, Refused
from miner_ctrl.identity.introductions import INVITE_ID_BYTES, InviteStatus
from miner_ctrl.identity.keys import PublicKeys
from miner_ctrl.model.nodes import ALL_GRANTS, NO_GRANTS, Role
from miner_ctrl.model.text import one_line
from miner_ctrl.model.times import time_text
from miner_ctrl.model.views import InviteView, JoinedView
from miner_ctrl.peers.records import PeerRecord
from miner_ctrl.peers.registry import Registry
from miner_ctrl.peers.tokens import SECRET_BYTES, JoinToken, TokenKind, derive_psk, encode_token, token_modules
from miner_ctrl.storage.sqlite import transaction

DEFAULT_USES = 1
DEFAULT_LIFETIME_S = 3600.0
MAX_USES = 10_000
MAX_LIFETIME_S = 366 * 24 * 3600.0
MAX_OPEN = 1000
MAX_JOINED = 100
"""Of those who used an invite, how many are named."""
KEPT_AFTER_EXPIRY_MS = 30 * 24 * 3600 * 1000
"""How long a dead invite is still listed, and refused by its own status instead of as unknown."""


class _Invite(NamedTuple):
    id: bytes
    kind: int
    psk: bytes | None
    uses: int
    used: int
    created_at_ms: int
    expires_at_ms: int
    revoked_at_ms: int | None
    addresses: str

    @property
    def status(self) -> str:
        """A key that was deleted makes an invite dead even if the clock was set back since."""
        if self.revoked_at_ms is not None:
            return "revoked"
        if self.psk is None:
            return "expired"
        return "used" if self.used >= self.uses else "open"


_SELECT = "SELECT id, kind, psk, uses, used, created_at_ms, expires_at_ms, revoked_at_ms, addresses FROM invite"


class Invites:
    """The invites in a registry's file. ``now_ms`` is Unix time, ``random_bytes`` as ``secrets.token_bytes``."""

    def __init__(self, registry: Registry, *, now_ms: Callable[[], int], random_bytes: Callable[[int], bytes]) -> None:
        self._registry = registry
        self._database = registry.database
        self._now_ms = now_ms
        self._random_bytes = random_bytes
        self.changed: Callable[[], None] = lambda: None
        """Called when an invite was made, used, revoked, or has expired."""

    def create(
        self,
        *,
        for_: str,
        issuer: PublicKeys,
        addresses: Sequence[str],
        uses: int = DEFAULT_USES,
        lifetime_s: float = DEFAULT_LIFETIME_S,
    ) -> InviteView:
        """Make an invite for a ``rig`` or a ``controller``; the answer alone holds the token's text.

        Raises:
            BadInput: uses, lifetime, addresses or audience out of bounds.
            Conflict: there are ``MAX_OPEN`` open ones.
        """
        kind = next((kind for kind in TokenKind if kind.audience == for_), None)
        if kind is None:
            raise BadInput(f"{for_[:40]!r} cannot be invited.", suggestion="Use rig or controller.")
        if not 1 <= uses <= MAX_USES:
            raise BadInput(f"An invite has 1 to {MAX_USES} uses, not {uses}.", suggestion="Give another --uses.")
        if not 1 <= lifetime_s <= MAX_LIFETIME_S:
            raise BadInput(
                "An invite lives for at least a second and at most a year.", suggestion="Give another --expires."
            )
        self.expire()
        self._must_have_room()
        invite_id, secret = self._random_bytes(INVITE_ID_BYTES), self._random_bytes(SECRET_BYTES)
        now_ms = self._now_ms()
        expires_at_s = (now_ms + round(lifetime_s * 1000)) // 1000
        token = JoinToken(
            kind=kind,
            invite_id=invite_id,
            issuer=issuer.fingerprint,
            secret=secret,
            expires_at_s=expires_at_s,
            addresses=tuple(addresses),
        )
        text = encode_token(token)
        psk = derive_psk(secret, kind, invite_id, issuer.fingerprint)
        addresses_text = msgspec.json.encode(tuple(addresses)).decode()
        with transaction(self._database):
            self._database.execute(
                "INSERT INTO invite (id, kind, psk, uses, created_at_ms, expires_at_ms, addresses)"
                " VALUES (?, ?, ?, ?, ?, ?, ?)",
                (invite_id, kind, psk, uses, now_ms, expires_at_s * 1000, addresses_text),
            )
        self.changed()
        return msgspec.structs.replace(
            _view(self._must_get(invite_id), ()), token=text, words=issuer.words, qr=token_modules(text)
        )

    def list(self) -> list[InviteView]:
        """Return every invite, the newest first; dead ones for 30 days after their expiry."""
        self.expire()
        joined = self._joined()
        return [
            _view(invite, joined.get(invite.id, ()))
            for invite in self._select("ORDER BY created_at_ms DESC, rowid DESC")
        ]

    def get(self, query: str) -> InviteView:
        """Return one invite; ``query`` is its ID or a unique prefix of it.

        Raises:
            NotFound, Conflict: no such invite, or several.
        """
        invite = self._find(query)
        return _view(invite, self._joined(invite.id).get(invite.id, ()))

    def revoke(self, query: str) -> InviteView:
        """Make an invite worthless; ``query`` as for ``get``, which raises the same. Peers that used it stay."""
        invite = self._find(query)
        self._drop_keys("revoked_at_ms = coalesce(revoked_at_ms, ?) WHERE id = ?", self._now_ms(), invite.id)
        self.changed()
        return self.get(invite.id.hex())

    def _find(self, query: str) -> _Invite:
        self.expire()
        wanted = query.strip().lower()
        found = [invite for invite in self._select() if wanted and invite.id.hex().startswith(wanted)]
        if not found:
            raise NotFound(
                f"There is no invite {one_line(query, 40)!r}.",
                suggestion="See miner-ctrl peer invites for those there are.",
                code="INVITE_NOT_FOUND",
            )
        if len(found) > 1:
            raise Conflict(
                f"{one_line(query, 40)!r} is ambiguous: {len(found)} invites match.",
                suggestion="Give more characters of its ID.",
                code="AMBIGUOUS_INVITE",
            )
        return found[0]

    def find_psk(self, invite_id: bytes) -> tuple[InviteStatus, bytes | None]:
        """Return what the handshake needs to know of an invite, judged by this node's clock.

        The key is there for ``GO`` alone. A used-up invite is ``GO``: see the module's docstring.
        """
        self.expire()
        invite = self._get(invite_id)
        if invite is None:
            return InviteStatus.UNKNOWN, None
        if invite.psk is not None:
            return InviteStatus.GO, invite.psk
        return (InviteStatus.EXPIRED if invite.revoked_at_ms is None else InviteStatus.REVOKED), None

    def redeem(self, invite_id: bytes, keys: PublicKeys, name: str) -> PeerRecord:
        """Let the holder of a token in: one use is spent and the peer stored, both or neither.

        Keys that used this invite before spend nothing. For a peer that is registered already, the invite's grants
        are added to what it has.

        Raises:
            Refused: the invite is unknown, expired, revoked or used up, or the peer was removed since it joined.
            BadInput: the name is reserved.
            Conflict: another peer has one of the keys.
        """
        status, _ = self.find_psk(invite_id)
        if status is not InviteStatus.GO:
            raise _refused(status)
        invite = self._must_get(invite_id)
        held = self._registry.get(keys.fingerprint)
        if self._has_redeemed(invite_id, keys):
            if held is None:
                raise Refused(
                    "This node was removed here after it had joined with this token.",
                    suggestion="Ask for a new token.",
                    code="PEER_REMOVED",
                )
            return held
        grants = NO_GRANTS if invite.kind == TokenKind.RIG else ALL_GRANTS
        role = Role.WORKER if invite.kind == TokenKind.RIG else Role.CONTROLLER
        with self._registry.adding(
            keys,
            name=name,
            address="",
            role=role if held is None else held.role,
            grants=grants if held is None else held.grants | grants,
            verified=True,
        ) as record:
            self._spend(invite_id, keys)
        self.changed()
        return record

    def expire(self) -> None:
        """Delete the keys of invites whose time has come. Every call here does it first; call it now and then, so
        that it happens soon after even when nobody asks."""
        now_ms = self._now_ms()
        due = "psk IS NOT NULL AND expires_at_ms <= ?"
        if self._database.execute(f"SELECT 1 FROM invite WHERE {due} LIMIT 1", (now_ms,)).fetchone():  # noqa: S608
            self._drop_keys(f"revoked_at_ms = revoked_at_ms WHERE {due}", now_ms)
            with transaction(self._database):
                self._database.execute("DELETE FROM invite WHERE expires_at_ms <= ?", (now_ms - KEPT_AFTER_EXPIRY_MS,))
            self.changed()

    def _drop_keys(self, rest: str, *values: int | bytes) -> None:
        with transaction(self._database):
            self._database.execute(f"UPDATE invite SET psk = NULL, {rest}", values)  # noqa: S608 - constants above
        self._database.pragma("wal_checkpoint", "TRUNCATE")  # else the key would still stand in the journal

    def _spend(self, invite_id: bytes, keys: PublicKeys) -> None:
        """Within the transaction that stores the peer: raising undoes both."""
        self._database.execute(
            "UPDATE invite SET used = used + 1 WHERE id = ? AND used < uses AND psk IS NOT NULL", (invite_id,)
        )
        if self._database.changes() != 1:
            raise Refused(
                "This join token has been used already.",
                suggestion="Make a new one on the other node with: miner-ctrl peer invite.",
                code="INVITE_USED",
            )
        self._database.execute(
            "INSERT INTO redemption (invite, fingerprint, at_ms) VALUES (?, ?, ?)",
            (invite_id, keys.fingerprint, self._now_ms()),
        )

    def _has_redeemed(self, invite_id: bytes, keys: PublicKeys) -> bool:
        rows = self._database.execute(
            "SELECT 1 FROM redemption WHERE invite = ? AND fingerprint = ?", (invite_id, keys.fingerprint)
        )
        return rows.fetchone() is not None

    def _joined(self, invite_id: bytes | None = None) -> dict[bytes, tuple[JoinedView, ...]]:
        """Return who used each invite, or one: the last ``MAX_JOINED``, the first of them first."""
        one, values = ("", ()) if invite_id is None else (" WHERE invite = ?", (invite_id,))
        found: dict[bytes, list[JoinedView]] = {}
        for invite, fingerprint, at_ms in self._database.execute(
            "SELECT invite, fingerprint, at_ms FROM (SELECT *, row_number() OVER"  # noqa: S608 - constants
            " (PARTITION BY invite ORDER BY at_ms DESC, fingerprint) AS place FROM redemption" + one + ")"
            f" WHERE place <= {MAX_JOINED} ORDER BY place DESC",
            values,
        ):
            record = self._registry.get(fingerprint)
            found.setdefault(invite, []).append(
                JoinedView(
                    fingerprint=fingerprint.hex(),
                    peer_id=record.keys.node_id if record else "",
                    name=record.name if record else "",
                    at=time_text(at_ms),
                )
            )
        return {invite: tuple(joined) for invite, joined in found.items()}

    def _must_have_room(self) -> None:
        if sum(invite.psk is not None for invite in self._select()) >= MAX_OPEN:
            raise Conflict(
                f"There are {MAX_OPEN} invites that have not expired.",
                suggestion="Revoke some (miner-ctrl peer revoke), or make one with more --uses.",
                code="TOO_MANY_INVITES",
            )

    def _select(self, rest: str = "", *values: bytes) -> tuple[_Invite, ...]:
        return tuple(_Invite(*row) for row in self._database.execute(f"{_SELECT} {rest}", values))

    def _get(self, invite_id: bytes) -> _Invite | None:
        found = self._select("WHERE id = ?", invite_id)
        return found[0] if found else None

    def _must_get(self, invite_id: bytes) -> _Invite:
        [invite] = self._select("WHERE id = ?", invite_id)
        return invite


def _view(invite: _Invite, joined: tuple[JoinedView, ...]) -> InviteView:
    return InviteView(
        id=invite.id.hex(),
        status=invite.status,
        for_=TokenKind(invite.kind).audience,
        uses=invite.uses,
        used=invite.used,
        created_at=time_text(invite.created_at_ms),
        expires_at=time_text(invite.expires_at_ms),
        addresses=msgspec.json.decode(invite.addresses, type=tuple[str, ...]),
        joined=joined,
    )


def _refused(status: InviteStatus) -> Refused:
    what = {InviteStatus.EXPIRED: "has expired", InviteStatus.REVOKED: "was revoked"}
    return Refused(
        f"This join token {what.get(status, 'is not known here')}.",
        suggestion="Make a new one with: miner-ctrl peer invite.",
        code=f"INVITE_{status.name}",
    )
