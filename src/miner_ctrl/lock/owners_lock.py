"""The lock of this rig: ``<config>/lock.json``, written by the rig's owner, and what it means now.

No file is no lock. But a file that was there and is gone would unlock the rig in silence, so the rig's data hold a mark
of it: a lock that has vanished allows nothing until the owner sets or clears it on the rig. The file is looked at again
whenever it has changed.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import msgspec

from miner_ctrl.errors import BadInput, MinerCtrlError, OperationFailed, Refused, StateDamaged
from miner_ctrl.lock.changes import verified_change
from miner_ctrl.lock.rules import LOCKED, check_allowed, check_lock
from miner_ctrl.model.profiles import MinerConfig
from miner_ctrl.model.rig import Lock
from miner_ctrl.model.values import Count
from miner_ctrl.storage.atomic import sync_directory, write_atomic

MAX_FILE_BYTES = 64 * 1024
VANISHED = "LOCK_VANISHED"
_SET_ANEW = "On the rig, run miner-ctrl lock set (or miner-ctrl lock clear, if it is to have none)."

_Seen = tuple[int, int, int] | None


class _Mark(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the data say of the lock: that there is one, and the highest serial it has had."""

    serial: Count
    locked: bool = True


class OwnersLock:
    """The gate's rule. ``rig`` is this rig's fingerprint in hex; ``mark`` a file in the node's data."""

    def __init__(self, path: Path, mark: Path, *, rig: str) -> None:
        self.path = path
        self._mark_path = mark
        self._rig = rig
        self._lock: Lock | None = None
        self._mark = _Mark(0, locked=False)
        self._wrong: MinerCtrlError | None = None
        self._seen: _Seen = None

    def open(self) -> None:
        """Read the lock.

        Raises:
            StateDamaged: the file, or the mark of it, is not what it has to be. One that has vanished is told by
                ``problem``.
        """
        self._read()
        if self._wrong is not None and self._wrong.code != VANISHED:
            raise self._wrong

    # --- what it means ----------------------------------------------------------------------------------

    def allow(self, config: MinerConfig) -> None:
        """Return if this rig may run ``config``.

        Raises:
            Refused: the owner's lock forbids it, or has vanished, or cannot be read any more (``WALLET_LOCKED``).
        """
        self._look_again()
        if self._wrong is not None:
            raise Refused(self._wrong.message, suggestion=self._wrong.suggestion, code=LOCKED)
        if self._lock is not None:
            check_allowed(self._lock, config)

    @property
    def locked(self) -> bool:
        """Whether wallets and pools are pinned, or were and must be again."""
        self._look_again()
        return self._lock is not None or self._wrong is not None

    @property
    def problem(self) -> str:
        """One sentence if the lock has vanished or cannot be read; else empty."""
        self._look_again()
        return self._wrong.message if self._wrong else ""

    @property
    def current(self) -> Lock | None:
        """The lock as it is now.

        Raises:
            StateDamaged: it has vanished, or cannot be read.
        """
        self._look_again()
        if self._wrong is not None:
            raise self._wrong
        return self._lock

    def operator_keys(self) -> tuple[bytes, ...]:
        """The keys (Ed25519, public) whose programs count while the lock holds; none without a lock."""
        self._look_again()
        return self._lock.keys if self._lock is not None else ()

    def operator_only(self) -> bool:
        """Whether only programs count that one of ``operator_keys`` has signed."""
        return self.locked

    # --- changing it ------------------------------------------------------------------------------------

    def set(self, lock: Lock) -> Lock:
        """Set the lock, on the word of the owner at the rig; its serial is the next one. Durable on return.

        Raises:
            BadInput: it has an entry that can allow nothing.
            OperationFailed: it could not be written.
        """
        self._look_again()
        return self._write(msgspec.structs.replace(check_lock(lock), serial=self._floor() + 1))

    def clear(self) -> None:
        """Have no lock any more. The serials of signed changes go on from where they were.

        Raises:
            OperationFailed: it could not be written.
        """
        self._look_again()
        try:
            self._write_mark(_Mark(self._floor(), locked=False))
            self.path.unlink(missing_ok=True)
            sync_directory(self.path.parent)
        except OSError as error:
            raise _not_written(self.path, error) from None
        finally:
            self._read()

    def change(self, document: bytes, signature: bytes) -> Lock:
        """Set the lock that a signed document names (``lock.changes``). Durable on return.

        Raises:
            Refused: there is no lock, or it has vanished, or none of its keys signed this for this rig.
            Conflict, BadInput, OperationFailed: as ``verified_change`` and ``set``.
        """
        self._look_again()
        if self._lock is None:
            raise Refused(
                self._wrong.message if self._wrong else "This rig has no lock that could be changed from afar.",
                suggestion=_SET_ANEW,
                code="LOCK_NOT_CHANGED",
            )
        keys, serial = self._lock.keys, self._floor()
        return self._write(verified_change(document, signature, keys=keys, rig=self._rig, serial=serial))

    def _write(self, lock: Lock) -> Lock:
        data = msgspec.json.format(msgspec.json.encode(lock), indent=2) + b"\n"
        if len(data) > MAX_FILE_BYTES:
            raise BadInput("The lock is larger than 64 KiB.", suggestion="Leave out some wallets.", code="BAD_LOCK")
        try:
            self._write_mark(_Mark(lock.serial))  # first: a crash in between leaves the rig locked, not open
            write_atomic(self.path, data)
        except OSError as error:
            raise _not_written(self.path, error) from None
        finally:
            self._read()
        return lock

    # --- within -----------------------------------------------------------------------------------------

    def _floor(self) -> int:
        """The highest serial there has been: what is signed has to be above it."""
        return max(self._mark.serial, self._lock.serial if self._lock else 0)

    def _look_again(self) -> None:
        if _stamp(self.path) != self._seen:
            self._read()

    def _read(self) -> None:
        self._seen = _stamp(self.path)
        try:
            self._mark = self._read_mark()
            self._lock, self._wrong = self._load(), None
        except StateDamaged as error:
            self._lock, self._wrong = None, error
            return
        if self._lock is None and self._mark.locked:
            self._wrong = StateDamaged(
                f"This rig's wallet lock {self.path} is gone: it mines to nobody until its owner has said what holds.",
                suggestion=_SET_ANEW,
                code=VANISHED,
            )
        elif self._lock is not None and (not self._mark.locked or self._mark.serial < self._lock.serial):
            try:
                self._write_mark(_Mark(self._floor()))
            except OSError as error:
                self._wrong = _damaged(self._mark_path, f"cannot be written ({error.strerror})")

    def _load(self) -> Lock | None:
        data = _read_file(self.path)
        if data is None:
            return None
        try:
            return check_lock(msgspec.json.decode(data, type=Lock))
        except BadInput as error:
            raise _damaged(self.path, f"cannot hold: {error.message.rstrip('.')}") from None
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise _damaged(self.path, f"cannot be read: {error}") from None

    def _read_mark(self) -> _Mark:
        data = _read_file(self._mark_path)
        if data is None:
            return _Mark(0, locked=False)
        try:
            return msgspec.json.decode(data, type=_Mark)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            raise _damaged(self._mark_path, "is damaged") from None

    def _write_mark(self, mark: _Mark) -> None:
        write_atomic(self._mark_path, msgspec.json.encode(mark))
        self._mark = mark


def _stamp(path: Path) -> _Seen:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino


def _read_file(path: Path) -> bytes | None:
    """Return what ``path`` holds, or ``None`` if it is not there.

    Raises:
        StateDamaged: it cannot be read, is too large, or somebody else may write it.
    """
    try:
        with path.open("rb") as file:
            status = os.fstat(file.fileno())
            if sys.platform != "win32" and (status.st_mode & 0o022 or status.st_uid not in (0, os.geteuid())):
                raise StateDamaged(
                    f"Others on this machine may change the wallet lock {path}.",
                    suggestion=f"See that what it says is right, then run: chmod 600 {path}",
                    code="LOCK_EXPOSED",
                )
            data = file.read(MAX_FILE_BYTES + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise _damaged(path, f"cannot be read ({error.strerror})") from None
    if len(data) > MAX_FILE_BYTES:
        raise _damaged(path, "is larger than 64 KiB")
    return data


def _damaged(path: Path, what: str) -> StateDamaged:
    return StateDamaged(
        f"The wallet lock {path} {what}.",
        suggestion="Mend the file, restore it from a backup, or move it away and run miner-ctrl lock set on the rig.",
        code="LOCK_DAMAGED",
    )


def _not_written(path: Path, error: OSError) -> OperationFailed:
    return OperationFailed(
        f"The wallet lock {path} could not be written: {error.strerror}.",
        suggestion="See to free space on its disk and to its permissions.",
        code="STATE_NOT_WRITTEN",
    )
