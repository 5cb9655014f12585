"""Audit logs for tests: real files, real keys."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from miner_ctrl.audit.checking import Check
from miner_ctrl.audit.entries import COLUMNS, Entry
from miner_ctrl.audit.log import AuditLog
from miner_ctrl.audit.reading import Held, checked
from miner_ctrl.identity.keys import NodeKeys
from miner_ctrl.model.callers import AccessRole, Caller, Door

KEYS = NodeKeys.from_secret(bytes(range(32)))
OTHERS = NodeKeys.from_secret(bytes(range(1, 33)))
FINGERPRINT = KEYS.public.fingerprint
TOKEN = Caller(door=Door.TOKEN, role=AccessRole.OPERATOR, name="script", id="0a1b", address="192.0.2.7")
START_MS = 1_700_000_000_000


class Clock:
    """Unix time that goes on by a millisecond each time it is read."""

    def __init__(self, now_ms: int = START_MS) -> None:
        self.now_ms = now_ms

    def __call__(self) -> int:
        self.now_ms += 1
        return self.now_ms


def log_at(path: Path, clock: Clock | None = None, *, monotonic: Callable[[], float] = time.monotonic) -> AuditLog:
    return AuditLog(path, fingerprint=FINGERPRINT, sign=KEYS.sign, now_ms=clock or Clock(), clock=monotonic)


async def write(path: Path, commands: int = 4, first: int = 0) -> None:
    """Append ``commands`` commands and their ends to the log at ``path``."""
    log = log_at(path, Clock(START_MS + 1000 * first))
    for number in range(first, first + commands):
        log.ended(log.asked(TOKEN, "start_miner", {"peer": f"rig-{number}"}, None), "" if number % 2 else "NOT_FOUND")
    await log.close()


def check(path: Path, *held: Held) -> Check:
    return checked(path, list(held), fingerprint=FINGERPRINT, verifies=KEYS.public.verifies)


def entries(path: Path) -> list[Entry]:
    with closing(sqlite3.connect(path)) as database:
        return [Entry(*row) for row in database.execute(f"SELECT {COLUMNS} FROM entry ORDER BY seq")]


@contextmanager
def around_the_schema(path: Path) -> Iterator[sqlite3.Connection]:
    """The file in the hands of somebody whom its triggers do not stop."""
    with closing(sqlite3.connect(path)) as database:
        for (name,) in database.execute("SELECT name FROM sqlite_schema WHERE type = 'trigger'").fetchall():
            database.execute(f"DROP TRIGGER {name}")
        yield database
        database.commit()


def put(path: Path, forged: list[Entry]) -> None:
    """Have exactly these entries in the file."""
    with around_the_schema(path) as database:
        database.execute("DELETE FROM entry")
        database.executemany(f"INSERT INTO entry VALUES ({', '.join('?' * len(Entry._fields))})", forged)
