"""Passwords: argon2id, in threads, a few at a time.

Each check takes 64 MiB and a tenth of a second of a CPU. More than ``AT_ONCE`` wait, more than ``WAITING`` are refused:
whoever sends passwords by the thousand costs this machine what two threads can do.
"""

from __future__ import annotations

import asyncio
import os
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from typing import TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from miner_ctrl.errors import BadInput, RateLimited

T = TypeVar("T")

MIN_CHARS = 10
MAX_CHARS = 256
AT_ONCE = 2
WAITING = 16
NICE = 10
_HASHER = PasswordHasher(time_cost=3, memory_cost=64 * 1024, parallelism=1)
NOBODYS = "$argon2id$v=19$m=65536,t=3,p=1$19qOfTJM/7xChdk+A6Jo7g$zhiC6TJ9ZXM8BhVYI3idvL6KupQQBe+gOuGgC/1Jbs4"
"""Checked where there is no such login, so that a no takes as long. Nobody knows a password with this hash."""


class Passwords:
    """Hashes and checks passwords for one node."""

    def __init__(self) -> None:
        self._turn = asyncio.Semaphore(AT_ONCE)
        self._here = 0
        self._threads: ThreadPoolExecutor | None = None

    async def hash(self, password: str) -> str:
        """Return what is kept of a new password.

        Raises:
            BadInput: it is too short or too long.
        """
        check_new(password)
        async with self._turn:
            return await self._in_thread(partial(_HASHER.hash, password))

    async def matches(self, kept: str | None, password: str) -> bool:
        """Return whether ``password`` is the one that was kept; ``None``, where none was, takes as long.

        Raises:
            RateLimited: too many are being checked.
        """
        if self._here >= AT_ONCE + WAITING:
            raise RateLimited(
                "Too many people log in at this moment.",
                suggestion="Try again in a few seconds.",
                code="TOO_MANY_LOGINS",
                details={"retryAfterS": 2},
            )
        self._here += 1
        try:
            async with self._turn:
                return await self._in_thread(lambda: _matches(kept or NOBODYS, password)) and kept is not None
        finally:
            self._here -= 1

    def close(self) -> None:
        """End the threads."""
        if self._threads is not None:
            self._threads.shutdown(wait=False)

    async def _in_thread(self, act: Callable[[], T]) -> T:
        if self._threads is None:
            self._threads = ThreadPoolExecutor(AT_ONCE, "password", initializer=_run_behind_others)
        return await asyncio.get_running_loop().run_in_executor(self._threads, act)


def check_new(password: str) -> None:
    """See that this can be a password. Raises ``BadInput``: it is too short or too long."""
    if not MIN_CHARS <= len(password) <= MAX_CHARS:
        raise BadInput(
            f"A password has {MIN_CHARS} to {MAX_CHARS} characters.",
            suggestion="Choose another: a few random words, for example.",
            code="BAD_PASSWORD",
        )


def _run_behind_others() -> None:
    """Let the node's loop, and miners, go before this thread (Linux: a thread has a priority of its own)."""
    if sys.platform == "linux":
        with suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICE)


def _matches(kept: str, password: str) -> bool:
    try:
        return _HASHER.verify(kept, password)
    except (VerificationError, InvalidHashError):
        return False
