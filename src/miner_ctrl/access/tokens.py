"""API tokens: made, found by what a caller sends, revoked. All are in memory; the file has what outlives the node."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import apsw

from miner_ctrl.access.database import AccessDatabase
from miner_ctrl.access.deadlines import Clocks, Deadline
from miner_ctrl.access.secret_texts import PREFIX_CHARS, is_token, kept, new_token
from miner_ctrl.errors import BadInput, Conflict, NotFound, Refused
from miner_ctrl.model.access import ApiTokenView
from miner_ctrl.model.callers import AccessRole, Caller, Door
from miner_ctrl.model.nodes import check_name
from miner_ctrl.model.text import one_line
from miner_ctrl.model.times import time_text

MAX_VALID = 1000
KEPT_AFTER_END_MS = 30 * 86_400_000
"""How long a token that has ended is still listed, and refused by name instead of as unknown."""
MAX_LIFETIME_S = 10 * 366 * 86400.0
_COLUMNS = "id, name, role, hash, prefix, created_at_ms, created_by, expires_at_ms, used_at_ms, ended_at_ms, revoked"


@dataclass
class Token:
    """One token, without its text."""

    id: str
    name: str
    role: AccessRole
    hash: bytes = field(repr=False)
    prefix: str
    created_at_ms: int
    created_by: str
    expires_at_ms: int | None
    used_at_ms: int | None
    ended_at_ms: int | None
    revoked: bool
    deadline: Deadline | None = None
    saved_use_ms: int | None = None

    @property
    def status(self) -> str:
        """valid, expired or revoked."""
        if self.revoked:
            return "revoked"
        ended = self.ended_at_ms is not None or (self.deadline is not None and self.deadline.past)
        return "expired" if ended else "valid"


class Tokens:
    """The tokens of one node, after ``load``."""

    def __init__(self, database: AccessDatabase, clocks: Clocks, random_bytes: Callable[[int], bytes]) -> None:
        self._database = database
        self._clocks = clocks
        self._random_bytes = random_bytes
        self._by_hash: dict[bytes, Token] = {}

    def read(self, connection: apsw.Connection) -> None:
        """Read them from the file; in its thread, before anything else."""
        connection.execute("DELETE FROM token WHERE ended_at_ms < ?", (self._clocks.now_ms() - KEPT_AFTER_END_MS,))
        for row in connection.execute(f"SELECT {_COLUMNS} FROM token"):  # noqa: S608 - a constant
            (
                id_,
                name,
                role,
                hash_,
                prefix,
                created_at_ms,
                created_by,
                expires_at_ms,
                used_at_ms,
                ended_at_ms,
                revoked,
            ) = row
            ends = (expires_at_ms, used_at_ms, ended_at_ms, bool(revoked))
            self._keep(Token(id_, name, AccessRole(role), hash_, prefix, created_at_ms, created_by, *ends))

    def has_valid(self) -> bool:
        """Whether there is one that works."""
        return any(token.status == "valid" for token in self._by_hash.values())

    def views(self) -> list[ApiTokenView]:
        """Return them, the newest first; those that have ended for 30 days more."""
        tokens = sorted(self._by_hash.values(), key=lambda token: token.created_at_ms, reverse=True)
        return [_view(token) for token in tokens]

    async def create(self, caller: Caller, name: str, role: AccessRole, lifetime_s: float | None) -> ApiTokenView:
        """Make a token; the answer alone holds its text.

        Raises:
            BadInput: the name or the lifetime cannot be.
            Conflict: a valid token has the name, or there are ``MAX_VALID``.
            Refused: it would be able to do more, or for longer, than the caller can.
        """
        check_name(name)
        if lifetime_s is not None and not 1 <= lifetime_s <= MAX_LIFETIME_S:
            raise BadInput(
                "A token lives for at least a second and at most 10 years.", suggestion="Choose another time."
            )
        now_ms = self._clocks.now_ms()
        expires_at_ms = None if lifetime_s is None else now_ms + round(lifetime_s * 1000)
        self._check_not_stronger(caller, role, expires_at_ms)
        valid = [token for token in self._by_hash.values() if token.status == "valid"]
        if any(token.name.lower() == name.lower() for token in valid):
            raise Conflict(
                f"There is a token {name} already.",
                suggestion=f"Revoke it first (miner-ctrl token revoke {name}), or choose another name.",
                code="TOKEN_EXISTS",
            )
        if len(valid) >= MAX_VALID:
            raise Conflict(
                f"There are {MAX_VALID} tokens.", suggestion="Revoke some: miner-ctrl token revoke NAME.",
                code="TOO_MANY_TOKENS",
            )  # fmt: skip
        text = new_token(self._random_bytes)
        token = Token(
            self._random_bytes(8).hex(), name, role, kept(text), text[:PREFIX_CHARS], now_ms,
            caller.name or caller.door.value, expires_at_ms, None, None, revoked=False,
        )  # fmt: skip
        values = (
            token.id, name, role.value, token.hash, token.prefix, now_ms, token.created_by, expires_at_ms,
        )  # fmt: skip
        await self._database.run(
            lambda file: file.execute(
                "INSERT INTO token (id, name, role, hash, prefix, created_at_ms, created_by, expires_at_ms)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                values,
            )
        )
        self._keep(token)
        return _view(token, text)

    async def revoke(self, query: str) -> ApiTokenView:
        """Make a token worthless; ``query`` is its name, its ID or a unique prefix of it.

        Raises:
            NotFound, Conflict: no such token, or several.
        """
        token = self._find(query)
        if not token.revoked:
            now_ms = self._clocks.now_ms()
            token.revoked, token.ended_at_ms = (
                True,
                token.ended_at_ms or now_ms,
            )  # from this moment, whatever the disk says
            await self._database.run(
                lambda file: file.execute(
                    "UPDATE token SET revoked = 1, ended_at_ms = coalesce(ended_at_ms, ?) WHERE id = ?",
                    (now_ms, token.id),
                )
            )
        return _view(token)

    def holder(self, text: str) -> Token:
        """Return the token that ``text`` is.

        Raises:
            Refused: it is none, has expired or was revoked, each with a code of its own.
        """
        token = self._by_hash.get(kept(text)) if is_token(text) else None
        if token is None:
            raise Refused(
                "This is not a token of this node.",
                suggestion="Make one on it with miner-ctrl token create NAME.",
                code="TOKEN_UNKNOWN",
            )
        if token.status != "valid":
            what = "was revoked" if token.revoked else "has expired"
            raise Refused(
                f"The token {token.name} {what}.",
                suggestion="Make another with miner-ctrl token create NAME.",
                code=f"TOKEN_{token.status.upper()}",
            )
        token.used_at_ms = self._clocks.now_ms()
        return token

    def role_of(self, id_: str) -> AccessRole | None:
        """Return the role of the token of this ID; ``None`` if there is none, or none that is valid."""
        tokens = (token for token in self._by_hash.values() if token.id == id_ and token.status == "valid")
        return next((token.role for token in tokens), None)

    def end_of(self, id_: str) -> int | None:
        """Return when the token of this ID expires."""
        return next((token.expires_at_ms for token in self._by_hash.values() if token.id == id_), None)

    def write_uses(self, file: apsw.Connection) -> None:
        """Write when each was used last, and which have expired; in the file's thread."""
        for token in tuple(self._by_hash.values()):
            used, ended = token.used_at_ms, token.ended_at_ms
            if ended is None and token.status == "expired":
                ended = self._clocks.now_ms()
            if used != token.saved_use_ms or ended != token.ended_at_ms:
                file.execute("UPDATE token SET used_at_ms = ?, ended_at_ms = ? WHERE id = ?", (used, ended, token.id))
                token.saved_use_ms, token.ended_at_ms = used, ended

    def _check_not_stronger(self, caller: Caller, role: AccessRole, expires_at_ms: int | None) -> None:
        mine = next((token for token in self._by_hash.values() if token.id == caller.id), None)
        until_ms = mine.expires_at_ms if mine is not None and caller.door is Door.TOKEN else None
        outlives = until_ms is not None and (expires_at_ms is None or expires_at_ms > until_ms)
        if outlives or not caller.role.includes(role):
            raise Refused(
                "A token cannot make one that may do more than itself, or for longer.",
                suggestion="Give it a smaller role and a nearer end, or make it on the machine itself.",
                code="STRONGER_TOKEN",
            )

    def _keep(self, token: Token) -> None:
        token.saved_use_ms = token.used_at_ms
        if token.expires_at_ms is not None:
            token.deadline = self._clocks.deadline(token.expires_at_ms)
        self._by_hash[token.hash] = token

    def _find(self, query: str) -> Token:
        wanted = query.strip().lower()
        tokens = list(self._by_hash.values())
        named = [token for token in tokens if token.name.lower() == wanted]
        found = [token for token in named if token.status == "valid"] or named[-1:]
        found = found or [token for token in tokens if wanted and token.id.startswith(wanted)]
        if not found:
            raise NotFound(
                f"There is no token {one_line(query, 40)!r}.",
                suggestion="See miner-ctrl token list for those there are.",
                code="TOKEN_NOT_FOUND",
            )
        if len(found) > 1:
            raise Conflict(
                f"{one_line(query, 40)!r} is ambiguous: {len(found)} tokens match.",
                suggestion="Give more characters of its ID.",
                code="AMBIGUOUS_TOKEN",
            )
        return found[0]


def _view(token: Token, text: str | None = None) -> ApiTokenView:
    return ApiTokenView(
        id=token.id,
        name=token.name,
        role=token.role,
        status=token.status,
        prefix=token.prefix,
        created_at=time_text(token.created_at_ms),
        created_by=token.created_by,
        expires_at=None if token.expires_at_ms is None else time_text(token.expires_at_ms),
        last_used=None if token.used_at_ms is None else time_text(token.used_at_ms),
        token=text,
    )
