"""Miner programs that this machine's owner puts on it, takes off it, or asks for newer ones of."""

from __future__ import annotations

import asyncio
import re
import secrets
import stat
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Protocol, TypeVar
from urllib.parse import urlsplit

from miner_ctrl.deploy.digest import Sha256
from miner_ctrl.deploy.versions import numbers
from miner_ctrl.errors import BadInput, Conflict, NotFound, OperationFailed, Refused
from miner_ctrl.model.doctor import MinerProgram
from miner_ctrl.model.installs import InstallOrder, InstallView, NewerProgram, UpdatesView
from miner_ctrl.model.miners import InstalledMiner
from miner_ctrl.model.text import one_line
from miner_ctrl.storage.directories import make_private
from miner_ctrl.telemetry.readings import disk_space
from miner_ctrl.worker.archive_url import check_url
from miner_ctrl.worker.system_packages import SystemPackages

INCOMING = ".incoming"
_VERSION = re.compile(r"(?<![A-Za-z0-9.])v?(\d{1,6}(?:\.\d{1,6}){1,3})(?![\d])")
MAX_ARCHIVE_BYTES = 1024 * 1024 * 1024
_PIECE_BYTES = 1024 * 1024
T = TypeVar("T")


class Programs(Protocol):
    """The programs that were unpacked here."""

    def version(self, miner_type: str) -> str:
        """Return the version that is in use; empty: none."""

    def put(self, archive: Path, *, miner_type: str, version: str, program: str | None) -> None:
        """Unpack an archive safely, try its program, and switch to it. Blocks.

        Raises:
            BadInput, NotFound: it holds what it may not, or no such program.
            OperationFailed: the program does not run here, or the disk is full.
        """

    def remove(self, miner_type: str) -> None:
        """Remove every version of a program. Blocks."""


class Installs:
    """One at a time. ``installed`` asks every program there is for its version, and blocks; ``bundles`` are type and
    version of the archives that this node keeps to deploy."""

    def __init__(
        self,
        folder: Path,
        programs: Programs,
        *,
        installed: Callable[[], Sequence[InstalledMiner]],
        bundles: Callable[[], Iterable[tuple[str, str]]] = tuple,
        packages: SystemPackages | None = None,
        reserve_bytes: int = 256 * 1024 * 1024,
    ) -> None:
        self._folder = folder
        self._programs = programs
        self._installed = installed
        self._bundles = bundles
        self._packages = packages or SystemPackages()
        self._reserve_bytes = reserve_bytes
        self._one = asyncio.Lock()
        self.running: Callable[[], Iterable[str]] = tuple
        """The types that have a live miner."""

    async def install(self, miner_type: str, order: InstallOrder) -> InstallView:
        """Put the program of ``miner_type`` on this machine, from where ``order`` says.

        Raises:
            BadInput: the order is not clear, or the archive is none that is taken.
            NotFound: there is no such miner type, file or package.
            Refused: its hash is another one, or only root may.
            OperationFailed, Unreachable: it was tried, and did not work.
        """
        check_order(order)
        async with self._one:
            before = await _in_thread(self._known, miner_type)
            if before.simulated:
                raise Conflict(f"{miner_type} comes with miner-ctrl: there is nothing to install.", code="BUILT_IN")
            if order.system:
                await _in_thread(self._packages.install, miner_type)
            else:
                await _in_thread(self._put, miner_type, order)
            after = await _in_thread(self._known, miner_type)
        if not after.installed:
            raise OperationFailed(
                f"{miner_type} was installed, and it cannot be started: {after.path or 'it is not on the PATH'}.",
                suggestion="Run it by hand to see what it says.",
                code="NOT_INSTALLED",
            )
        runs = miner_type in set(self.running())
        note = "A miner of this type runs: it takes the new program when it is restarted." if runs else ""
        return InstallView(status="installed", miner=MinerProgram.of(after), note=note)

    async def uninstall(self, miner_type: str) -> InstallView:
        """Remove the program that was installed or deployed here; packages of the system are the system's.

        Raises:
            NotFound: there is no such type, or nothing of it to remove.
            Conflict: a miner of it runs.
            Refused: it is the system's.
        """
        async with self._one:
            known = await _in_thread(self._known, miner_type)
            if known.simulated:
                raise Conflict(f"{miner_type} comes with miner-ctrl and cannot be removed.", code="BUILT_IN")
            if not self._programs.version(miner_type):
                raise _not_ours(known)
            if miner_type in set(self.running()):
                raise Conflict(
                    f"A miner of the type {miner_type} runs.",
                    suggestion="Stop it first, then remove its program.",
                    code="MINER_RUNS",
                )
            await _in_thread(self._programs.remove, miner_type)
            after = await _in_thread(self._known, miner_type)
        note = f"The one at {after.path} is used now." if after.installed else ""
        return InstallView(status="uninstalled", miner=MinerProgram.of(after), note=note)

    async def updates(self) -> UpdatesView:
        """Return which programs are older than what is at hand: the system's package lists as they are on this disk,
        and the bundles that this node keeps. Asks nobody outside this machine."""
        found = await _in_thread(self._newer)
        if found:
            return UpdatesView(updates_available=found)
        return UpdatesView(
            status="No newer program is at hand. miner-ctrl asks nobody outside this machine: "
            "`apt-get update` renews the system's lists, and publishers tell of their releases."
        )

    def _known(self, miner_type: str) -> InstalledMiner:
        installed = self._installed()
        for miner in installed:
            if miner.type == miner_type:
                return miner
        raise NotFound(
            f"There is no miner type {one_line(miner_type, 32)!r}.",
            suggestion=f"Those there are: {', '.join(miner.type for miner in installed)}.",
            code="UNKNOWN_MINER_TYPE",
        )

    def _put(self, miner_type: str, order: InstallOrder) -> None:
        incoming = self._folder / INCOMING
        archive = incoming / secrets.token_hex(16)
        try:
            for folder in (self._folder, incoming):
                make_private(folder)
            if order.url is not None and order.sha256 is not None:
                from miner_ctrl.worker.download import download  # noqa: PLC0415 - 2 MB, for who downloads

                most = min(MAX_ARCHIVE_BYTES, self._room_bytes())
                download(order.url, archive, sha256=order.sha256, max_bytes=most)
                name = urlsplit(order.url).path
            else:
                name = order.file or ""
                sha256 = copy_checked(Path(name), archive, room_bytes=self._room_bytes())
                if order.sha256 is not None and sha256 != order.sha256.lower():
                    raise Refused(
                        f"{one_line(name, 200)} has the SHA-256 {sha256}, and not the one that was named.",
                        suggestion="Compare the hash with the one its publisher gives.",
                        code="WRONG_HASH",
                    )
            version = order.version or version_in(name) or f"sha256-{_digest(archive)[:12]}"
            self._programs.put(archive, miner_type=miner_type, version=version, program=order.program)
        finally:
            archive.unlink(missing_ok=True)

    def _room_bytes(self) -> int:
        """Return what the disk has for an archive, so that it can be unpacked too."""
        _, free = disk_space(self._folder)
        if free is None:
            return MAX_ARCHIVE_BYTES
        room = (free - self._reserve_bytes) // 3
        if room <= 0:
            raise OperationFailed(
                f"The disk that holds {one_line(str(self._folder), 200)} has {free // 1024**2} MB left: too little.",
                suggestion="Make room first.",
                code="DISK_FULL",
            )
        return room

    def _newer(self) -> dict[str, NewerProgram]:
        kept: dict[str, str] = {}
        for miner_type, version in self._bundles():
            if numbers(version) > numbers(kept.get(miner_type, "")):
                kept[miner_type] = version
        found: dict[str, NewerProgram] = {}
        for miner in self._installed():
            if not miner.installed or miner.simulated:
                continue
            bundle = kept.get(miner.type, "")
            package = self._packages.newer(miner.type, miner.path)
            if package is not None:
                found[miner.type] = NewerProgram(
                    installed=package[0],
                    available=package[1],
                    source="package",
                    fix=f"miner-ctrl install {miner.type} --system",
                )
            elif numbers(bundle) > numbers(miner.version):
                found[miner.type] = NewerProgram(
                    installed=miner.version,
                    available=bundle,
                    source="bundle",
                    fix=f"miner-ctrl remote deploy PEER --miner {miner.type}",
                )
        return found


def check_order(order: InstallOrder) -> None:
    """See that an order names one source, and what belongs to it.

    Raises:
        BadInput: it does not.
    """
    named = [name for name in ("file", "url", "system") if getattr(order, name)]
    if len(named) != 1:
        raise BadInput(
            "Nothing says where the program comes from." if not named else f"{' and '.join(named)} cannot be together.",
            suggestion="Use one of --file, --url with --sha256, and --system.",
            code="WHICH_SOURCE",
        )
    if order.url is not None:
        check_url(order.url)
        if order.sha256 is None:
            raise BadInput(
                "A download needs the hash that it must have.",
                suggestion="Name it with --sha256; its publisher gives it beside the archive.",
                code="HASH_NEEDED",
            )
    if order.system and (order.sha256 or order.version or order.program):
        raise BadInput(
            "A package of the system is what the system says it is.",
            suggestion="Leave --sha256, --version and --program out.",
            code="WHICH_SOURCE",
        )
    if order.file is not None and not Path(order.file).is_absolute():
        raise BadInput("The file is not named by its whole path.", suggestion="Begin it with /.", code="BAD_FILE")


def copy_checked(source: Path, to: Path, *, room_bytes: int) -> str:
    """Copy a plain file to the new file ``to`` and return its SHA-256: what is unpacked is what was hashed.

    Raises:
        NotFound: there is no such file.
        OperationFailed: it is too large.
    """
    digest, size = Sha256(), 0
    try:
        if not stat.S_ISREG(source.stat().st_mode):
            raise NotFound(f"{one_line(str(source), 200)} is no file.", suggestion="Name the archive.", code="NO_FILE")
        with source.open("rb") as file, to.open("xb") as copy:
            while piece := file.read(_PIECE_BYTES):
                size += len(piece)
                if size > min(MAX_ARCHIVE_BYTES, room_bytes):
                    raise OperationFailed(
                        f"{one_line(str(source), 200)} is larger than this machine takes or has room for.",
                        suggestion="See that it is a miner's archive, and that the disk has room.",
                        code="ARCHIVE_TOO_LARGE",
                    )
                digest.update(piece)
                copy.write(piece)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "its name cannot be used"
        raise NotFound(
            f"{one_line(str(source), 200)} cannot be read: {reason}.", suggestion="Name the archive.", code="NO_FILE"
        ) from None
    return digest.hexdigest()


def version_in(name: str) -> str:
    """Return the version in an archive's name: ``6.22.2`` of ``xmrig-6.22.2-linux-static-x64.tar.gz``."""
    found = _VERSION.search(name.replace("\\", "/").rpartition("/")[2])
    return found[1] if found else ""


def _digest(archive: Path) -> str:
    digest = Sha256()
    with archive.open("rb") as file:
        while piece := file.read(_PIECE_BYTES):
            digest.update(piece)
    return digest.hexdigest()


def _not_ours(known: InstalledMiner) -> NotFound | Refused:
    if not known.installed:
        return NotFound(f"{known.type} is not on this machine.", code="MINER_NOT_INSTALLED")
    return Refused(
        f"{known.type} at {known.path} was not installed by miner-ctrl.",
        suggestion="Remove it as it was installed: with apt, `sudo apt-get remove` and the package's name.",
        code="NOT_OURS",
    )


async def _in_thread(act: Callable[..., T], *arguments: object) -> T:
    return await asyncio.to_thread(act, *arguments)
