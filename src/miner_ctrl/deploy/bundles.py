"""The bundles a controller keeps, by the SHA-256 of their archive. Adding blocks: for a thread."""

from __future__ import annotations

import os
import secrets
import shutil
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta

from miner_ctrl.deploy.offers import UNSIGNED, check_offer, is_signed
from miner_ctrl.deploy.program_heads import Platform
from miner_ctrl.errors import BadInput, Conflict, NotFound, OperationFailed, StateDamaged
from miner_ctrl.model.rig import BundleOffer
from miner_ctrl.model.text import one_line
from miner_ctrl.storage.atomic import sync_directory, write_atomic
from miner_ctrl.storage.directories import make_private

INCOMING = "incoming"
ARCHIVE, OFFER = "archive", "offer.json"
IncomingName = Annotated[str, Meta(pattern=r"^[A-Za-z0-9]{1,64}\Z")]
_NEW = ".new-"


class Bundle(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One bundle: its offer (unsigned, unless an operator has signed it) and when it was added (Unix, ms)."""

    offer: BundleOffer
    added_at_ms: int

    @property
    def by_operator(self) -> bool:
        """Whether the offer carries a signature of its own."""
        return self.offer.signature != UNSIGNED


class BundleStore:
    """The bundles in ``folder`` (``<data>/bundles``). Archives to be added are put into its ``incoming`` first."""

    def __init__(self, folder: Path, *, now_ms: Callable[[], int]) -> None:
        self._folder = folder
        self._now_ms = now_ms

    def all(self) -> list[Bundle]:
        """Return every bundle, the newest first.

        Raises:
            StateDamaged: one is not what was written.
        """
        if not self._folder.is_dir():
            return []
        places = [place for place in self._folder.iterdir() if (place / OFFER).exists() and len(place.name) == 64]
        return sorted(map(_read, places), key=lambda bundle: bundle.added_at_ms, reverse=True)

    def find(self, query: str) -> Bundle:
        """Return the bundle whose SHA-256 begins with ``query``.

        Raises:
            NotFound: there is none.
            Conflict: there are several.
        """
        found = [bundle for bundle in self.all() if query and bundle.offer.sha256.startswith(query.lower())]
        if len(found) > 1:
            raise Conflict(f"Several bundles begin with {one_line(query, 64)!r}.", suggestion="Give more digits.")
        if not found:
            raise NotFound(
                f"There is no bundle {one_line(query, 64)!r} here.",
                suggestion="See miner-ctrl bundle list.",
                code="BUNDLE_NOT_FOUND",
            )
        return found[0]

    def of_type(self, miner_type: str, version: str | None) -> list[Bundle]:
        """Return the bundles of a miner type and version (``None``: of the version added last), the newest first.

        Raises:
            NotFound: there are none.
        """
        found = [bundle for bundle in self.all() if bundle.offer.miner_type == miner_type]
        wanted = version if version is not None or not found else found[0].offer.version
        found = [bundle for bundle in found if bundle.offer.version == wanted]
        if not found:
            of_version = f" of version {one_line(version, 64)}" if version else ""
            raise NotFound(
                f"There is no bundle for {one_line(miner_type, 40)}{of_version} here.",
                suggestion=f"Add one: miner-ctrl bundle add FILE --miner {one_line(miner_type, 40)} --version V.",
                code="BUNDLE_NOT_FOUND",
            )
        return found

    def archive(self, bundle: Bundle) -> Path:
        """Return where a bundle's archive is."""
        return self._folder / bundle.offer.sha256 / ARCHIVE

    def add(
        self,
        name: str,
        *,
        miner_type: str | None = None,
        version: str | None = None,
        program: str | None = None,
        system: str | None = None,
        architecture: str | None = None,
        offer: BundleOffer | None = None,
    ) -> Bundle:
        """Take the file ``name`` out of ``incoming`` and keep it, described by ``offer`` (signed by an operator) or
        else as the other values say. What is there already gets the new description.

        Raises:
            NotFound, BadInput: there is no such file; it is no bundle; the offer is not of this archive.
        """
        from miner_ctrl.deploy.making import make_offer  # noqa: PLC0415 - not for who only lists

        source = self._incoming(name)
        try:
            made = make_offer(
                source,
                miner_type=offer.miner_type if offer else miner_type or "",
                version=offer.version if offer else version or "",
                program=offer.program if offer else program,
                system=offer.system if offer else system,
                architecture=offer.architecture if offer else architecture,
            )
            check_offer(made, Platform(made.system, made.architecture))
            if offer is not None:
                _check_same(offer, made)
            bundle = Bundle(offer=offer or made, added_at_ms=self._now_ms())
            self._keep(source, bundle)
        except OSError as error:
            raise OperationFailed(
                f"The bundle could not be kept: {error.strerror}.", suggestion="See to free space on this disk."
            ) from None
        finally:
            source.unlink(missing_ok=True)
        return bundle

    def remove(self, query: str) -> Bundle:
        """Remove a bundle. Raises as ``find``."""
        bundle = self.find(query)
        place = self._folder / bundle.offer.sha256
        gone = self._folder / f"{_NEW}{secrets.token_hex(8)}"
        try:
            place.rename(gone)  # whole or not at all
            sync_directory(self._folder)
            shutil.rmtree(gone)
        except OSError as error:
            raise OperationFailed(f"The bundle could not be removed: {error.strerror}.") from None
        return bundle

    def _keep(self, source: Path, bundle: Bundle) -> None:
        make_private(self._folder)
        for left in self._folder.glob(f"{_NEW}*"):
            shutil.rmtree(left, ignore_errors=True)
        place, new = self._folder / bundle.offer.sha256, self._folder / f"{_NEW}{secrets.token_hex(8)}"
        offer_file = msgspec.json.format(msgspec.json.encode(bundle)) + b"\n"
        if place.exists():
            write_atomic(place / OFFER, offer_file)
            return
        try:
            new.mkdir(mode=0o700)
            _settle(source, new / ARCHIVE)
            write_atomic(new / OFFER, offer_file)
            new.rename(place)
        finally:
            shutil.rmtree(new, ignore_errors=True)
        sync_directory(self._folder)

    def _incoming(self, name: str) -> Path:
        """Return the file that was put into ``incoming``: a plain one, nobody's link."""
        try:
            msgspec.convert(name, IncomingName)
            path = self._folder / INCOMING / name
            if stat.S_ISREG(path.lstat().st_mode):
                return path
        except (msgspec.ValidationError, OSError):
            pass
        raise NotFound(
            f"No archive called {one_line(name, 64)!r} was put into this node's incoming bundles.",
            suggestion="Use miner-ctrl bundle add FILE, which puts it there.",
            code="BUNDLE_NOT_FOUND",
        )


def put_incoming(file: Path, folder: Path) -> str:
    """Put a copy of ``file`` into ``folder`` (a store's), and return the name to ``add`` it by.

    Raises:
        NotFound: it cannot be read.
        OperationFailed: it cannot be put there.
    """
    name = secrets.token_hex(16)
    try:
        opened = file.open("rb")
    except OSError as error:
        raise NotFound(f"{file} cannot be read: {error.strerror}.", suggestion="Name the archive's file.") from None
    make_private(folder)
    target = make_private(folder / INCOMING) / name
    with opened:
        try:
            with target.open("xb") as copy:
                shutil.copyfileobj(opened, copy, 1024 * 1024)
        except OSError as error:
            target.unlink(missing_ok=True)
            raise OperationFailed(
                f"{file} could not be copied into this node's bundles: {error.strerror}.",
                suggestion="See to free space on this disk.",
            ) from None
    return name


def _settle(source: Path, target: Path) -> None:
    """Move a file to its place, and flush it to the disk."""
    source.rename(target)
    descriptor = os.open(target, os.O_RDWR | getattr(os, "O_BINARY", 0))
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _check_same(offer: BundleOffer, made: BundleOffer) -> None:
    if msgspec.structs.replace(offer, signing_key=made.signing_key, signature=made.signature) != made:
        raise BadInput(
            "The offer describes another archive than this one.",
            suggestion="Sign this archive: miner-ctrl bundle sign FILE --key KEYFILE -o OFFER.json.",
            code="OFFER_OF_ANOTHER",
        )
    if not is_signed(offer):
        raise BadInput("The offer's signature is wrong.", suggestion="Sign the archive again.", code="BUNDLE_SIGNATURE")


def _read(place: Path) -> Bundle:
    try:
        bundle: Bundle | None = msgspec.json.decode((place / OFFER).read_bytes(), type=Bundle)
    except (OSError, ValueError):
        bundle = None
    if bundle is None or bundle.offer.sha256 != place.name:
        raise StateDamaged(
            f"The bundle's description {place / OFFER} is damaged.",
            suggestion="Remove that folder and add the bundle again.",
        )
    return bundle
