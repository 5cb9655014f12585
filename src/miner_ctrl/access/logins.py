"""Logins and the sessions of browsers that have logged in. All are in memory; the file has what outlives the node."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import apsw

from miner_ctrl.access.database import AccessDatabase
from miner_ctrl.access.deadlines import Clocks, Deadline
from miner_ctrl.access.secret_texts import is_session, kept, new_session
from miner_ctrl.errors import Conflict, NotFound, Refused
from miner_ctrl.model.access import LoginView
from miner_ctrl.model.callers import AccessRole
from miner_ctrl.model.nodes import check_name
from miner_ctrl.model.text import one_line
from miner_ctrl.model.times import time_text

MAX_LOGINS = 100
MAX_SESSIONS = 32
"""Of one login; the one that was used longest ago makes room."""
IDLE_MS = 12 * 3_600_000
LONGEST_MS = 7 * 86_400_000


@dataclass
class Login:
    """Who may log in."""

    name: str
    role: AccessRole
    hash: str = field(repr=False)
    created_at_ms: int
    changed_at_ms: int
    used_at_ms: int | None


@dataclass
class Session:
    """A browser that has logged in. It ends at the nearer of its two ends."""

    id: str
    login: str
    hash: bytes = field(repr=False)
    created_at_ms: int
    used_at_ms: int
    longest: Deadline
    idle: Deadline
    saved_use_ms: int

    @property
    def expires_at_ms(self) -> int:
        """When it ends if nothing more is asked with it."""
        return min(self.longest.at_ms, self.idle.at_ms)


class NewSession(NamedTuple):
    """A session, and the text that is its browser's secret."""

    session: Session
    text: str


class Logins:
    """The logins of one node, after ``load``."""

    def __init__(self, database: AccessDatabase, clocks: Clocks, random_bytes: Callable[[int], bytes]) -> None:
        self._database = database
        self._clocks = clocks
        self._random_bytes = random_bytes
        self._logins: dict[str, Login] = {}
        self._sessions: dict[bytes, Session] = {}

    def read(self, file: apsw.Connection) -> None:
        """Read them from the file; in its thread, before anything else."""
        for name, role, *rest in file.execute(
            "SELECT name, role, hash, created_at_ms, changed_at_ms, used_at_ms FROM login"
        ):
            self._logins[name.lower()] = Login(name, AccessRole(role), *rest)
        for row in file.execute("SELECT id, login, hash, created_at_ms, used_at_ms FROM session"):
            session = self._session(*row)
            self._sessions[session.hash] = session

    def any(self) -> bool:
        """Whether there is one."""
        return bool(self._logins)

    def find(self, name: str) -> Login | None:
        """Return the login called ``name``, if there is one."""
        return self._logins.get(name.lower())

    def views(self) -> list[LoginView]:
        """Return them, by name."""
        return [self._view(login) for _, login in sorted(self._logins.items())]

    def check_new(self, name: str) -> None:
        """See that there can be a login of this name. Raises ``BadInput`` or ``Conflict``."""
        check_name(name)
        if name.lower() not in self._logins and len(self._logins) >= MAX_LOGINS:
            raise Conflict(
                f"There are {MAX_LOGINS} logins.", suggestion="Remove some.", code="TOO_MANY_LOGINS"
            )  # fmt: skip

    async def set(self, name: str, role: AccessRole, hash_: str) -> LoginView:
        """Make a login, or give the one of this name another password and role: its sessions end."""
        now_ms = self._clocks.now_ms()
        held = self.find(name)
        login = Login(
            name, role, hash_, held.created_at_ms if held else now_ms, now_ms, held.used_at_ms if held else None
        )

        def write(file: apsw.Connection) -> None:
            file.execute("DELETE FROM session WHERE login = ?", (name,))
            file.execute(
                "INSERT INTO login (name, role, hash, created_at_ms, changed_at_ms) VALUES (?, ?, ?, ?, ?)"
                " ON CONFLICT (name) DO UPDATE SET role = excluded.role, hash = excluded.hash,"
                " changed_at_ms = excluded.changed_at_ms",
                (name, role.value, hash_, login.created_at_ms, now_ms),
            )

        await self._database.run(write)
        self._logins[name.lower()] = login
        self._drop_sessions(name)
        return self._view(login)

    async def change_password(self, login: Login, hash_: str, session_id: str) -> NewSession:
        """Give ``login`` another password. Its sessions end but the one of this ID, which gets another secret:
        a copy of the one it had is worth nothing any more.

        Raises:
            Refused: it was removed, or got another password or role, since it was found, and the session is over.
            Conflict: it got another password in this session.
        """
        now_ms, text = self._clocks.now_ms(), new_session(self._random_bytes)

        def write(file: apsw.Connection) -> bool:
            file.execute(
                "UPDATE login SET hash = ?, changed_at_ms = ? WHERE name = ? AND hash = ?",
                (hash_, now_ms, login.name, login.hash),
            )
            if not file.changes():
                return False
            file.execute("DELETE FROM session WHERE login = ? AND id <> ?", (login.name, session_id))
            file.execute("UPDATE session SET hash = ? WHERE id = ?", (kept(text), session_id))
            return True

        if not await self._database.run(write) or self.find(login.name) is not login:
            if self.role_of(session_id) is not None:
                raise Conflict(
                    "The password was changed meanwhile.",
                    suggestion="Give the one that holds now as the current one, if it is to be another again.",
                    code="PASSWORD_CHANGED",
                )
            raise session_over()
        self._logins[login.name.lower()] = replace(login, hash=hash_, changed_at_ms=now_ms)
        self._drop_sessions(login.name, but=session_id)
        session = next((each for each in self._of(login.name) if not self._is_over(each)), None)
        if session is None:  # logged out meanwhile
            raise session_over()
        del self._sessions[session.hash]
        session.hash = kept(text)
        self._sessions[session.hash] = session
        return NewSession(session, text)

    async def remove(self, query: str) -> LoginView:
        """Remove a login and end its sessions.

        Raises:
            NotFound: there is none of that name.
        """
        login = self.find(query.strip())
        if login is None:
            raise NotFound(
                f"There is no login {one_line(query, 40)!r}.",
                suggestion="See miner-ctrl login list for those there are.",
                code="LOGIN_NOT_FOUND",
            )
        del self._logins[login.name.lower()]  # from this moment, whatever the disk says
        self._drop_sessions(login.name)
        await self._database.run(lambda file: file.execute("DELETE FROM login WHERE name = ?", (login.name,)))
        return self._view(login)

    async def begin(self, login: Login) -> NewSession:
        """Log a browser in."""
        text, now_ms = new_session(self._random_bytes), self._clocks.now_ms()
        session = self._session(self._random_bytes(8).hex(), login.name, kept(text), now_ms, now_ms)
        login.used_at_ms = now_ms
        mine = sorted(self._of(login.name), key=lambda each: each.used_at_ms)
        ended = [each for each in mine if self._is_over(each)] + mine[: max(0, len(mine) + 1 - MAX_SESSIONS)]

        def write(file: apsw.Connection) -> None:
            file.executemany("DELETE FROM session WHERE id = ?", [(each.id,) for each in ended])
            file.execute("UPDATE login SET used_at_ms = ? WHERE name = ?", (now_ms, login.name))
            file.execute(
                "INSERT INTO session (id, login, hash, created_at_ms, used_at_ms)"
                " SELECT ?, name, ?, ?, ? FROM login WHERE name = ?",  # none if it was removed meanwhile
                (session.id, session.hash, now_ms, now_ms, login.name),
            )

        await self._database.run(write)
        if self.find(login.name) is not login:  # removed, or given another password, meanwhile
            await self.end_session(session)
            raise session_over()
        for each in ended:
            self._sessions.pop(each.hash, None)
        self._sessions[session.hash] = session
        return NewSession(session, text)

    def session(self, text: str) -> tuple[Session, Login]:
        """Return the session that ``text`` is, and whose it is.

        Raises:
            Refused: there is none, or it is over.
        """
        session = self._sessions.get(kept(text)) if is_session(text) else None
        login = self.find(session.login) if session is not None else None
        if session is None or login is None or self._is_over(session):
            raise session_over()
        self._used(session)
        return session, login

    def use(self, id_: str) -> bool:
        """Note that the session of this ID is used; return whether there is one that is not over."""
        session = next((each for each in self._sessions.values() if each.id == id_), None)
        if session is None or self.find(session.login) is None or self._is_over(session):
            return False
        self._used(session)
        return True

    def _used(self, session: Session) -> None:
        session.used_at_ms = self._clocks.now_ms()
        session.idle = self._clocks.deadline(session.used_at_ms + IDLE_MS)

    async def end_session(self, session: Session) -> None:
        """Log a browser out."""
        self._sessions.pop(session.hash, None)
        await self._database.run(lambda file: file.execute("DELETE FROM session WHERE id = ?", (session.id,)))

    def role_of(self, id_: str) -> AccessRole | None:
        """Return the role of the session of this ID; ``None`` if there is none, or it is over."""
        session = next((each for each in self._sessions.values() if each.id == id_ and not self._is_over(each)), None)
        login = self.find(session.login) if session is not None else None
        return login.role if login is not None else None

    def end_of(self, id_: str) -> int | None:
        """Return when the session of this ID ends if nothing more is asked with it."""
        return next((each.expires_at_ms for each in self._sessions.values() if each.id == id_), None)

    def write_uses(self, file: apsw.Connection) -> None:
        """Write when each session was used last, and delete those that are over; in the file's thread."""
        for session in tuple(self._sessions.values()):
            used = session.used_at_ms
            if self._is_over(session):
                self._sessions.pop(session.hash, None)
                file.execute("DELETE FROM session WHERE id = ?", (session.id,))
            elif used != session.saved_use_ms:
                file.execute("UPDATE session SET used_at_ms = ? WHERE id = ?", (used, session.id))
                session.saved_use_ms = used

    def _session(self, id_: str, login: str, hash_: bytes, created_at_ms: int, used_at_ms: int) -> Session:
        longest, idle = self._clocks.deadline(created_at_ms + LONGEST_MS), self._clocks.deadline(used_at_ms + IDLE_MS)
        return Session(id_, login, hash_, created_at_ms, used_at_ms, longest, idle, used_at_ms)

    @staticmethod
    def _is_over(session: Session) -> bool:
        return session.longest.past or session.idle.past

    def _of(self, name: str) -> list[Session]:
        return [each for each in self._sessions.values() if each.login.lower() == name.lower()]

    def _drop_sessions(self, name: str, *, but: str = "") -> None:
        for each in self._of(name):
            if each.id != but:
                self._sessions.pop(each.hash, None)

    def _view(self, login: Login) -> LoginView:
        return LoginView(
            name=login.name,
            role=login.role,
            created_at=time_text(login.created_at_ms),
            changed_at=time_text(login.changed_at_ms),
            last_used=None if login.used_at_ms is None else time_text(login.used_at_ms),
            sessions=sum(not self._is_over(each) for each in self._of(login.name)),
        )


def session_over() -> Refused:
    """Return the error of a session that is no more, or never was."""
    return Refused("Nobody is logged in here any more.", suggestion="Log in again.", code="SESSION_OVER")
