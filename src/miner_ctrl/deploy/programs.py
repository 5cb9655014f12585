"""The miner programs that deploys have put on this rig: a folder for each version, and a pointer to the present one.

``<type>/current.json`` is the pointer, replaced by rename; ``<type>/<first half of the archive's SHA-256>/`` a version.
No links, so that it is the same under Windows. Installing and going back block: for a thread.
"""

from __future__ import annotations

import secrets
import shutil
import sys
from collections.abc import Callable, Collection
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta

from miner_ctrl.deploy.paths import parts_of
from miner_ctrl.deploy.program_heads import HEAD_BYTES, platform_of
from miner_ctrl.deploy.refusals import bad_archive, not_of_the_lock
from miner_ctrl.errors import BadInput, NotFound, OperationFailed, StateDamaged
from miner_ctrl.model.rig import BundleOffer
from miner_ctrl.model.values import ShortText
from miner_ctrl.storage.atomic import sync_directory, write_atomic
from miner_ctrl.storage.directories import make_private

POINTER = "current.json"
PROGRAM_MODE = 0o755
_NEW = ".new-"

BY_THE_OWNER = bytes(32)
"""The key of what nobody has signed: no peer and no owner can have it."""

TryProgram = Callable[[str, Path], None]
"""Runs the program of a miner type once, for a moment; raises ``OperationFailed`` if it does not run here."""


class Version(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One version of a program: ``folder`` is its name beside the pointer, ``program`` a path in it. ``signing_key`` is
    that of the offer it came with: all zeros where the rig's owner put it here."""

    version: ShortText
    sha256: Annotated[str, Meta(pattern=r"^[0-9a-f]{64}\Z")]
    folder: Annotated[str, Meta(pattern=r"^[0-9a-f]{32}\Z")]
    program: ShortText
    installed_at_ms: int = 0
    signing_key: Annotated[bytes, Meta(min_length=32, max_length=32)] | None = None

    def counts_under(self, keys: Collection[bytes]) -> bool:
        """Whether it may be switched to on a rig that is locked to the programs of ``keys``."""
        return self.signing_key == BY_THE_OWNER or self.signing_key in keys


class Pointer(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What ``current.json`` holds."""

    current: Version
    previous: Version | None = None


class ProgramStore:
    """The programs in ``folder`` (``<data>/programs``). Reads pointers once; only this object changes them."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._pointers: dict[str, Pointer] = {}

    def open(self) -> None:
        """Read the pointers, and remove what an agent that was killed has left half done.

        Raises:
            StateDamaged: a pointer is not what was written; it stays as it is.
        """
        if not self._folder.is_dir():
            return
        for place in sorted(self._folder.iterdir()):
            for left in place.glob(f"{_NEW}*") if place.is_dir() else ():
                shutil.rmtree(left, ignore_errors=True)
            if (place / POINTER).exists():
                self._pointers[place.name] = _read_pointer(place / POINTER)

    def program(self, miner_type: str) -> Path | None:
        """Return the deployed program of a type, or ``None`` if there is none (any more)."""
        pointer = self._pointers.get(miner_type)
        if pointer is None:
            return None
        path = self._program(miner_type, pointer.current)
        return path if path.is_file() else None

    def version(self, miner_type: str) -> str:
        """Return the version that was deployed last, or went back to; empty: none."""
        pointer = self._pointers.get(miner_type)
        return pointer.current.version if pointer else ""

    def previous(self, miner_type: str) -> str:
        """Return the version that ``rollback`` would go back to; empty: none."""
        pointer = self._pointers.get(miner_type)
        return pointer.previous.version if pointer and pointer.previous else ""

    def types(self) -> tuple[str, ...]:
        """Return the types that have a deployed program."""
        return tuple(self._pointers)

    def problems(self) -> tuple[str, ...]:
        """Return one sentence for each deployed program that is gone from the disk."""
        return tuple(
            f"The deployed program of {miner_type} ({pointer.current.version}) is gone from this rig's disk: deploy it"
            " again, or roll it back."
            for miner_type, pointer in self._pointers.items()
            if not self._program(miner_type, pointer.current).is_file()
        )

    def is_current(self, offer: BundleOffer) -> bool:
        """Whether what is offered is installed, and switched to."""
        pointer = self._pointers.get(offer.miner_type)
        return pointer is not None and _is(pointer.current, offer) and self.program(offer.miner_type) is not None

    def is_previous(self, offer: BundleOffer) -> bool:
        """Whether what is offered is the version that ``rollback`` would go back to."""
        pointer = self._pointers.get(offer.miner_type)
        return pointer is not None and pointer.previous is not None and _is(pointer.previous, offer)

    def vouch(self, offer: BundleOffer) -> None:
        """Note that the key of ``offer`` has signed a version that is here already. Blocks.

        Raises:
            OperationFailed: it could not be written.
        """
        pointer = self._pointers[offer.miner_type]
        changes = {
            name: msgspec.structs.replace(version, signing_key=offer.signing_key)
            for name, version in (("current", pointer.current), ("previous", pointer.previous))
            if version is not None and _is(version, offer) and version.signing_key != offer.signing_key
        }
        if not changes:
            return
        try:
            self._point(offer.miner_type, msgspec.structs.replace(pointer, **changes))
        except OSError as error:
            raise OperationFailed(
                f"Who has signed the program could not be written: {error.strerror}.",
                suggestion="See to free space on the rig's disk and to the data folder's permissions.",
                code="NOT_INSTALLED",
            ) from None

    def install(
        self,
        offer: BundleOffer,
        archive_file: Path,
        *,
        try_program: TryProgram,
        now_ms: int,
        stopped: Callable[[], bool] = lambda: False,
    ) -> None:
        """Unpack a bundle whose bytes were checked, try its program, and switch to it; durable when this returns. After
        a failure everything is as it was.

        Raises:
            BadInput: it holds what a bundle may not.
            OperationFailed: its program does not run here, or the disk is full or broken.
        """
        from miner_ctrl.deploy.unpacking import Bounds, unpack  # noqa: PLC0415 - half a megabyte, needed seldom

        place = self._folder / offer.miner_type
        before = self._pointers.get(offer.miner_type)
        version = Version(
            version=offer.version, sha256=offer.sha256, folder=offer.sha256[:32], program=offer.program,
            installed_at_ms=now_ms, signing_key=offer.signing_key,
        )  # fmt: skip
        was_there, new = place.exists(), place / f"{_NEW}{secrets.token_hex(8)}"
        try:
            make_private(place)
            new.mkdir()
            bounds = Bounds(files=offer.files, unpacked_bytes=offer.unpacked_bytes)
            unpack(archive_file, offer.archive, bounds, new, stopped=stopped)
            self._check_program(offer.miner_type, new / offer.program, try_program)
            final = place / version.folder
            if before is not None and version.folder == before.current.folder:  # damaged, or it would not be replaced
                final.rename(place / f"{_NEW}{secrets.token_hex(8)}")
            elif final.exists():
                shutil.rmtree(final)
            new.rename(final)
            sync_directory(place)
            self._point(offer.miner_type, Pointer(current=version, previous=_kept(before, version)))
        except OSError as error:
            raise OperationFailed(
                f"The bundle could not be installed: {error.strerror or error}.",
                suggestion="See to free space on the rig's disk and to the data folder's permissions.",
                code="NOT_INSTALLED",
            ) from None
        finally:
            shutil.rmtree(new, ignore_errors=True)
            if not was_there:
                with suppress(OSError):
                    place.rmdir()  # only if nothing came of it
        self._remove_older(offer.miner_type)

    def not_of(self, keys: Collection[bytes]) -> tuple[str, ...]:
        """Return one sentence for each program in use that does not count on a rig locked to the programs of ``keys``:
        it was here before the lock."""
        return tuple(
            f"The program of {miner_type} ({pointer.current.version}) was here before the lock, and none of its keys"
            " has signed it: deploy one that is signed, unless you trust it."
            for miner_type, pointer in self._pointers.items()
            if not pointer.current.counts_under(keys)
        )

    def rollback(self, miner_type: str, *, try_program: TryProgram, only_of: Collection[bytes] | None = None) -> str:
        """Go back to the version before the present one, and return it; the present one can be gone back to then.
        ``only_of``: the rig is locked to the programs of these keys.

        Raises:
            NotFound: there is none.
            Refused: none of the keys has signed it.
            OperationFailed: its program does not run here (any more).
        """
        pointer = self._pointers.get(miner_type)
        if pointer is None or pointer.previous is None:
            raise NotFound(
                f"This rig has no earlier version of {miner_type} to go back to.",
                suggestion="Deploy the version that you want: miner-ctrl remote deploy PEER --miner TYPE --version V.",
                code="NO_EARLIER_VERSION",
            )
        if only_of is not None and not pointer.previous.counts_under(only_of):
            raise not_of_the_lock()
        self._check_program(miner_type, self._program(miner_type, pointer.previous), try_program)
        try:
            self._point(miner_type, Pointer(current=pointer.previous, previous=pointer.current))
        except OSError as error:
            raise OperationFailed(
                f"The rollback could not be written: {error.strerror}.", code="NOT_INSTALLED"
            ) from None
        return pointer.previous.version

    def remove(self, miner_type: str) -> None:
        """Remove every version of a program, the pointer first: what is cut off half way is no program any more.

        Raises:
            NotFound: there is none.
            OperationFailed: the disk does not let go of it.
        """
        if miner_type not in self._pointers:
            raise NotFound(f"There is no deployed program of {miner_type} here.", code="MINER_NOT_INSTALLED")
        place = self._folder / miner_type
        try:
            (place / POINTER).unlink(missing_ok=True)
            sync_directory(place)
            del self._pointers[miner_type]
            shutil.rmtree(place)
        except OSError as error:
            raise OperationFailed(
                f"The program of {miner_type} could not be removed: {error.strerror}.",
                suggestion=f"See to the permissions of {place}.",
                code="NOT_REMOVED",
            ) from None

    def _check_program(self, miner_type: str, program: Path, try_program: TryProgram) -> None:
        if not program.is_file():
            raise bad_archive("does not hold the program that it names")
        if sys.platform != "win32":
            program.chmod(PROGRAM_MODE)
        with program.open("rb") as file:
            if platform_of(file.read(HEAD_BYTES)) is None:
                raise bad_archive("names a program that is none")
        try_program(miner_type, program)

    def _point(self, miner_type: str, pointer: Pointer) -> None:
        data = msgspec.json.format(msgspec.json.encode(pointer)) + b"\n"
        write_atomic(self._folder / miner_type / POINTER, data)
        self._pointers[miner_type] = pointer

    def _remove_older(self, miner_type: str) -> None:
        """What is still in use somewhere and cannot be removed (Windows) goes after the next deploy."""
        pointer = self._pointers[miner_type]
        kept = {POINTER, pointer.current.folder, pointer.previous.folder if pointer.previous else ""}
        for path in (self._folder / miner_type).iterdir():
            if path.name not in kept and path.is_dir():
                shutil.rmtree(path, ignore_errors=True)

    def _program(self, miner_type: str, version: Version) -> Path:
        return self._folder / miner_type / version.folder / version.program


def _kept(before: Pointer | None, version: Version) -> Version | None:
    """Return what can be gone back to once ``version`` is the present one."""
    seen = (before.current, before.previous) if before else ()
    return next((one for one in seen if one is not None and one.folder != version.folder), None)


def _is(version: Version, offer: BundleOffer) -> bool:
    return (version.sha256, version.version, version.program) == (offer.sha256, offer.version, offer.program)


def _read_pointer(path: Path) -> Pointer:
    try:
        pointer = msgspec.json.decode(path.read_bytes(), type=Pointer)
        for version in filter(None, (pointer.current, pointer.previous)):
            parts_of(version.program)
    except (OSError, ValueError, BadInput):
        raise StateDamaged(
            f"The file {path} does not say which version of a miner program is in use.",
            suggestion="Restore it from a backup, or move its folder away and deploy the program again.",
        ) from None
    return pointer
