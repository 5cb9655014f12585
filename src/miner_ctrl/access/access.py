"""Who may ask this node for something: the one place that the rest of the node sees of this room."""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections.abc import Callable
from pathlib import Path

import apsw

from miner_ctrl.access.attempts import Attempts
from miner_ctrl.access.database import AccessDatabase
from miner_ctrl.access.deadlines import Clocks
from miner_ctrl.access.logins import Logins, NewSession
from miner_ctrl.access.passwords import Passwords, check_new
from miner_ctrl.access.tokens import Tokens
from miner_ctrl.errors import MinerCtrlError, Refused
from miner_ctrl.model.access import ApiTokenView, LoginView, SessionView
from miner_ctrl.model.callers import AccessRole, Caller, Door, Visit
from miner_ctrl.model.text import one_line
from miner_ctrl.model.times import now_ms as unix_ms
from miner_ctrl.model.times import time_text

USES_WRITTEN_AFTER_S = 60.0

log = logging.getLogger(__name__)


class Access:
    """Tokens, logins and lock-outs of the node whose file is ``path``; read when it is first asked."""

    def __init__(
        self,
        path: Path,
        *,
        now_ms: Callable[[], int] = unix_ms,
        clock: Callable[[], float] = time.monotonic,
        random_bytes: Callable[[int], bytes] = secrets.token_bytes,
        uses_written_after_s: float = USES_WRITTEN_AFTER_S,
    ) -> None:
        clocks = Clocks(now_ms, clock)
        self._database = AccessDatabase(path)
        self._tokens = Tokens(self._database, clocks, random_bytes)
        self._logins = Logins(self._database, clocks, random_bytes)
        self._attempts = Attempts(clock)
        self._passwords = Passwords()
        self._opening = asyncio.Lock()
        self._is_open = False
        self._uses_written_after_s = uses_written_after_s
        self._writing: asyncio.Task[None] | None = None

    async def close(self) -> None:
        """Write what is not written, and close the file."""
        if self._writing is not None:
            self._writing.cancel()
            await asyncio.gather(self._writing, return_exceptions=True)
        if self._is_open:
            await self._write_uses()
        self._passwords.close()
        await self._database.close()

    async def has_credentials(self) -> bool:
        """Whether anybody could say who it is: there is a valid token, or a login."""
        await self._open()
        return self._tokens.has_valid() or self._logins.any()

    # --- who asks ---------------------------------------------------------------------------------------

    async def holder(self, token: str, address: str) -> Caller:
        """Return who ``token`` belongs to. A right one is taken however many wrong ones came from there.

        Raises:
            Refused: it is unknown, expired or revoked; ``RateLimited`` after too many of those.
        """
        await self._open()
        try:
            held = self._tokens.holder(token)
        except Refused:
            self._attempts.check(address)
            self._attempts.failed(address)
            raise
        self._note_use()
        return Caller(door=Door.TOKEN, role=held.role, name=held.name, id=held.id, address=address)

    async def logged_in(self, session: str, address: str) -> Caller:
        """Return who has logged in as ``session``.

        Raises:
            Refused: nobody, or not any more.
        """
        await self._open()
        held, login = self._logins.session(session)
        self._attempts.note_known(address, login.name)  # sessions outlive a restart, and what was known here does not
        self._note_use()
        return Caller(door=Door.LOGIN, role=login.role, name=login.name, id=held.id, address=address)

    def still(self, caller: Caller) -> bool:
        """Whether the token or the session that ``caller`` came with is as good as it was; the others always are."""
        role = {Door.TOKEN: self._tokens.role_of, Door.LOGIN: self._logins.role_of}.get(caller.door)
        return role is None or role(caller.id) is caller.role

    async def log_in(self, name: str, password: str, visit: Visit) -> tuple[str, SessionView]:
        """Return a new session's secret, and who that is now. What was logged in in that browser is logged out.

        Raises:
            Refused: the password or the name is wrong; ``RateLimited`` after too many of those.
        """
        await self._open()
        self._attempts.check(visit.address, name)
        login = self._logins.find(name)
        self._attempts.failed(visit.address, name)  # counted before it is known: many at once are many
        if not await self._passwords.matches(login.hash if login is not None else None, password) or login is None:
            log.warning("a login from %s failed", one_line(visit.address, 64) or "this machine")
            raise Refused("The name or the password is wrong.", suggestion="Try again.", code="LOGIN_FAILED")
        new = await self._logins.begin(login)
        self._attempts.succeeded(visit.address, name)
        if visit.session:
            await self.log_out(visit.session)
        return new.text, _session_view(new, login.name, login.role)

    async def log_out(self, session: str) -> None:
        """End a session; one that is over stays so."""
        await self._open()
        try:
            held, _ = self._logins.session(session)
        except Refused:
            return
        await self._logins.end_session(held)

    async def session(self, caller: Caller) -> SessionView:
        """Return who ``caller`` is, and when that ends."""
        await self._open()
        ends = {Door.TOKEN: self._tokens.end_of, Door.LOGIN: self._logins.end_of}.get(caller.door)
        end_ms = ends(caller.id) if ends is not None else None
        expires_at = None if end_ms is None else time_text(end_ms)
        return SessionView(name=caller.name, role=caller.role, door=caller.door, expires_at=expires_at)

    async def change_own_password(self, caller: Caller, current: str, new: str) -> tuple[str, SessionView]:
        """Give the login that ``caller`` has logged in with another password. Return the new secret of this
        session, and who that is; the other sessions of the login end.

        Raises:
            BadInput: ``new`` cannot be a password.
            Refused: the caller has none, ``current`` is not it, or its session is over meanwhile; ``RateLimited`` after
                too many wrong ones, which count as those of ``log_in`` do, and in this session from wherever.
            Conflict: it was changed meanwhile, in this session.
        """
        await self._open()
        login = self._logins.find(caller.name) if caller.door is Door.LOGIN else None
        if login is None:
            raise _no_password(caller.door)
        check_new(new)
        self._attempts.check(caller.address, login.name, caller.id)
        self._attempts.failed(caller.address, login.name, caller.id)  # counted before it is known, as in log_in
        if not await self._passwords.matches(login.hash, current):
            log.warning("a change of a password from %s failed", one_line(caller.address, 64) or "this machine")
            raise Refused(
                "The current password is wrong.",
                suggestion="Try again; who has forgotten it is given another by an admin.",
                code="WRONG_PASSWORD",
            )
        changed = await self._logins.change_password(login, await self._passwords.hash(new), caller.id)
        self._attempts.succeeded(caller.address, login.name, caller.id)
        return changed.text, _session_view(changed, login.name, login.role)

    def holds(self, caller: Caller) -> bool:
        """Whether what a caller came in with still counts. A page that is open uses its session."""
        return self.still(caller) and (caller.door is not Door.LOGIN or self._logins.use(caller.id))

    # --- tokens and logins ------------------------------------------------------------------------------

    async def tokens(self) -> list[ApiTokenView]:
        """Return the tokens, the newest first, without their texts."""
        await self._open()
        return self._tokens.views()

    async def create_token(self, caller: Caller, name: str, role: AccessRole, lifetime_s: float | None) -> ApiTokenView:
        """Make a token; see ``Tokens.create``."""
        await self._open()
        return await self._tokens.create(caller, name, role, lifetime_s)

    async def revoke_token(self, query: str) -> ApiTokenView:
        """Revoke a token; see ``Tokens.revoke``."""
        await self._open()
        return await self._tokens.revoke(query)

    async def logins(self) -> list[LoginView]:
        """Return the logins, by name."""
        await self._open()
        return self._logins.views()

    async def set_login(self, caller: Caller, name: str, role: AccessRole, password: str) -> LoginView:
        """Make a login, or give the one of this name another password and role.

        Raises:
            BadInput: the name or the password cannot be.
            Refused: the caller's own credentials end some day, and a login does not.
        """
        await self._open()
        if caller.door is Door.TOKEN:
            raise Refused(
                "A token cannot make a login: that would outlive it.",
                suggestion="Log in for that, or run miner-ctrl login set on the machine itself.",
                code="STRONGER_TOKEN",
            )
        self._logins.check_new(name)
        return await self._logins.set(name, role, await self._passwords.hash(password))

    async def remove_login(self, query: str) -> LoginView:
        """Remove a login and end its sessions. Raises ``NotFound``."""
        await self._open()
        return await self._logins.remove(query)

    # --- the file ---------------------------------------------------------------------------------------

    async def _open(self) -> None:
        if self._is_open:
            return
        async with self._opening:
            if not self._is_open:
                await self._database.run(self._read)
                self._is_open = True

    def _read(self, file: apsw.Connection) -> None:
        self._tokens.read(file)
        self._logins.read(file)

    def _note_use(self) -> None:
        if self._writing is None or self._writing.done():
            self._writing = asyncio.create_task(self._write_later(), name="access: write last uses")

    async def _write_later(self) -> None:
        await asyncio.sleep(self._uses_written_after_s)
        await self._write_uses()

    async def _write_uses(self) -> None:
        def write(file: apsw.Connection) -> None:
            self._tokens.write_uses(file)
            self._logins.write_uses(file)

        try:
            await self._database.run(write)
        except MinerCtrlError as error:
            log.warning("last uses of tokens were not written: %s", error.message)


def _no_password(door: Door) -> Refused:
    if door is Door.TOKEN:
        return Refused(
            "A token has no password: this is for who has logged in with one.",
            suggestion="Log in on the page and change it there.",
            code="NO_PASSWORD",
        )
    return Refused(
        "Nobody has logged in here with a password that could be changed.",
        suggestion="Log in first; or set the one of a login on the machine itself: miner-ctrl login set NAME.",
        code="NO_PASSWORD",
    )


def _session_view(new: NewSession, name: str, role: AccessRole) -> SessionView:
    return SessionView(name=name, role=role, door=Door.LOGIN, expires_at=time_text(new.session.expires_at_ms))
