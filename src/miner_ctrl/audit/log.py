"""The log as it is written: taken in at once, put down in its order, and never in the way of a command.

What comes is in memory until the file has it, a few milliseconds as a rule; from then on it outlives a kill. It is
flushed to the disk soon after, and only then told to peers. While the file cannot be written (disk full, damaged), at
most ``WAITING_AT_MOST_BYTES`` wait; what comes then is counted, and an entry of its own says so as soon as it can.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import msgspec

from miner_ctrl.audit.entries import ASKED, ENDED, LOST, NOTED, Draft, Entry
from miner_ctrl.audit.file import AuditFile, newest
from miner_ctrl.audit.refusals import Refusals
from miner_ctrl.audit.said import said_body, said_target, said_text
from miner_ctrl.audit.threads import in_thread
from miner_ctrl.errors import MinerCtrlError
from miner_ctrl.model.audit import AuditHead
from miner_ctrl.model.callers import Caller

log = logging.getLogger(__name__)

WAITING_AT_MOST_BYTES = 4 * 1024 * 1024
BATCH = 500
"""Entries committed together at most."""
RETRY_FIRST_S, RETRY_LAST_S = 0.5, 30.0
SYNC_AFTER_S = 0.2
"""Between a commit and the flush of it and of those that came meanwhile."""
CLOSE_WITHIN_S = 10.0


class Lost(NamedTuple):
    """How many entries could not be written, and when the first and the last of them came (Unix time, ms)."""

    entries: int = 0
    first_ms: int = 0
    last_ms: int = 0


class AuditLog:
    """The log of one node. Its methods are for the loop's thread.

    ``sign`` makes the node's Ed25519 signature; ``now_ms`` is Unix time, ``clock`` monotonic, in seconds. The file is
    written in ``thread`` (else one of the loop's) and flushed in ``flush_thread``. ``on_head`` hears of the newest
    entry when it is on the disk.
    """

    def __init__(
        self,
        path: Path,
        *,
        fingerprint: bytes,
        sign: Callable[[bytes], bytes],
        now_ms: Callable[[], int],
        thread: Executor | None = None,
        flush_thread: Executor | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.path = path
        self.on_head: Callable[[AuditHead], None] = lambda head: None
        self.problem = ""
        """Why the log cannot be written, one sentence; empty while it can."""
        self.written = 0
        self.lost_ever = 0
        """Entries that could not be kept until the log could be written; the chain says so later."""
        self._file = AuditFile(path, fingerprint=fingerprint, sign=sign)
        self._now_ms = now_ms
        self._thread = thread
        self._flush_thread = flush_thread
        self._refusals = Refusals(clock)
        self._waiting: deque[Draft] = deque()
        self._waiting_bytes = 0
        self._lost = Lost()
        self._last: Entry | None = None
        self._flushed: Entry | None = None
        self._syncing: asyncio.Task[None] | None = None
        self._tickets = 0
        self._writing: asyncio.Task[None] | None = None
        self._closing = asyncio.Event()

    # --- taking in --------------------------------------------------------------------------------------

    def asked(self, caller: Caller, action: str, target: Mapping[str, str], body: msgspec.Struct | None) -> int:
        """As ``Audit.asked``."""
        self._tickets += 1
        self._take(self._draft(ASKED, caller, action, target, said_body(body))._replace(ticket=self._tickets))
        return self._tickets

    def ended(self, entry: int, code: str) -> None:
        """As ``Audit.ended``."""
        self._take(Draft(self._now_ms(), ENDED, entry, code=said_text(code)))

    def noted(self, caller: Caller, action: str, target: Mapping[str, str], code: str = "") -> None:
        """As ``Audit.noted``. Of one caller's refusals only some are noted, and the rest counted."""
        left_out = self._refusals.admit(caller) if code else 0
        if left_out is None:
            return
        body = msgspec.json.encode({"leftOut": left_out}).decode() if left_out else "{}"
        self._take(self._draft(NOTED, caller, action, target, body)._replace(code=said_text(code)))

    def _draft(self, kind: str, caller: Caller, action: str, target: Mapping[str, str], body: str) -> Draft:
        return Draft(
            self._now_ms(),
            kind,
            door=caller.door.value,
            role=caller.role.value,
            caller=said_text(caller.name),
            caller_id=said_text(caller.id),
            address=said_text(caller.address),
            action=said_text(action),
            target=said_target(target),
            body=body,
        )

    def _take(self, draft: Draft) -> None:
        if self._closing.is_set():
            return
        if self._waiting_bytes + draft.cost > WAITING_AT_MOST_BYTES:
            self._lose(draft)
            return
        self._waiting.append(draft)
        self._waiting_bytes += draft.cost
        if self._writing is None or self._writing.done():
            self._writing = asyncio.get_running_loop().create_task(self._write(), name="audit-log")

    def _lose(self, draft: Draft) -> None:
        lost = self._lost
        self.lost_ever += 1
        self._lost = Lost(lost.entries + 1, lost.first_ms or draft.at_ms, draft.at_ms)

    # --- putting down -----------------------------------------------------------------------------------

    async def _write(self) -> None:
        retry_s = RETRY_FIRST_S
        while self._waiting or self._lost.entries:
            if await self._write_batch():
                retry_s = RETRY_FIRST_S
                continue
            if self._closing.is_set():
                return
            await self._pause(retry_s)
            retry_s = min(retry_s * 2, RETRY_LAST_S)

    async def _write_batch(self) -> bool:
        """Commit what waits longest; return whether it is on the disk."""
        batch = [self._waiting[index] for index in range(min(BATCH, len(self._waiting)))]
        lost = self._lost if len(batch) == len(self._waiting) else Lost()
        drafts = [*batch, _lost_draft(lost, self._now_ms())] if lost.entries else batch
        try:
            last = await in_thread(self._thread, lambda: self._file.append(drafts))
        except MinerCtrlError as error:
            self._tell_problem(error.message)
            return False
        except Exception:  # the boundary to the file: whatever it is, commands go on and it is tried again
            if not self.problem:
                log.exception("the audit log failed")
            self._tell_problem("the node's log says how.")
            return False
        for draft in batch:
            self._waiting.popleft()
            self._waiting_bytes -= draft.cost
        self.written += len(drafts)
        if lost.entries:  # what was lost while this was written is said next
            more = self._lost.entries - lost.entries
            self._lost = Lost(more, lost.last_ms, self._lost.last_ms) if more else Lost()
        if self.problem:
            log.info("The audit log is written again.")
            self.problem = ""
        self._last = last
        if self._syncing is None or self._syncing.done():
            self._syncing = asyncio.get_running_loop().create_task(self._sync(), name="audit-sync")
        return True

    async def _sync(self) -> None:
        """Flush what was committed, and tell of it."""
        while self._last is not None and self._last is not self._flushed:
            await self._pause(SYNC_AFTER_S)
            if self._closing.is_set():  # to close the file flushes it too
                return
            last = self._last
            try:
                await in_thread(self._flush_thread, self._file.sync)
            except OSError as error:
                log.warning("The audit log could not be flushed to the disk: %s.", error.strerror)
                return
            self._flushed = last
            self.on_head(last.head)

    async def _pause(self, seconds: float) -> None:
        """Let so much time go by, or less when the log is closed."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._closing.wait()

    def _tell_problem(self, why: str) -> None:
        if not self.problem:
            log.warning("The audit log cannot be written: %s Commands go on; what is missing is counted.", why)
        self.problem = f"The audit log cannot be written: {why}"[:1000]

    async def close(self) -> None:
        """Write what waits, if that can be done soon, and close the file."""
        self._closing.set()
        writing = self._writing
        if writing is not None:
            await asyncio.wait((writing,), timeout=CLOSE_WITHIN_S)
        if self._syncing is not None:
            await asyncio.wait((self._syncing,), timeout=CLOSE_WITHIN_S)
        if self.problem:
            missing = len(self._waiting) + self._lost.entries
            log.error("%d entries of the audit log could not be written, and are lost.", missing)
        await in_thread(self._thread, self._file.close)

    # --- how it stands ----------------------------------------------------------------------------------

    @property
    def waiting(self) -> int:
        """Entries that are not in the file yet."""
        return len(self._waiting)

    @property
    def lost(self) -> int:
        """Entries that could not even wait, and of which no entry tells yet."""
        return self._lost.entries

    async def settled(self) -> None:
        """Return when all that has come is in the file, or cannot be put there now."""
        while self._writing is not None and not self._writing.done() and not self.problem:
            await asyncio.wait((self._writing,), timeout=0.05)

    async def head(self) -> AuditHead | None:
        """Return the newest entry that was flushed to the disk, as a head; ``None`` where there is no log yet.

        Raises:
            OperationFailed: the file cannot be read.
        """
        if self._flushed is None:
            found = await in_thread(self._thread, self._flushed_before)
            self._flushed = self._flushed or found
        return self._flushed.head if self._flushed else None

    async def last(self) -> AuditHead | None:
        """Return the newest entry in the file. Raises as ``head``."""
        return self._last.head if self._last else await self.head()

    def _flushed_before(self) -> Entry | None:
        """Return the newest entry of the lives before."""
        found = newest(self.path)
        try:
            self._file.sync()
        except OSError:
            return None
        return found


def _lost_draft(lost: Lost, at_ms: int) -> Draft:
    body = {"entries": lost.entries, "firstMs": lost.first_ms, "lastMs": lost.last_ms}
    return Draft(at_ms, LOST, action="entries_lost", body=msgspec.json.encode(body).decode())
