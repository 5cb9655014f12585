"""Miner programs from peers: offered, received in parts, checked, installed, rolled back (protocol.md, "Programs")."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, TypeVar

from miner_ctrl.deploy.offers import check_offer, check_signature
from miner_ctrl.deploy.refusals import bad_archive
from miner_ctrl.deploy.versions import numbers
from miner_ctrl.errors import BadInput, MinerCtrlError, NotFound, OperationFailed, RateLimited, Refused
from miner_ctrl.model.history import RigEvent
from miner_ctrl.model.nodes import Grant, Grants
from miner_ctrl.model.rig import BundleOffer
from miner_ctrl.protocol.messages import Deploy, DeployAck, DeployChunk
from miner_ctrl.transport import Request

if TYPE_CHECKING:
    from concurrent.futures import ThreadPoolExecutor

    from miner_ctrl.deploy import Incoming, ProgramStore
    from miner_ctrl.deploy.incoming import Partial
    from miner_ctrl.deploy.programs import TryProgram

log = logging.getLogger(__name__)
T = TypeVar("T")

WAITING_AT_MOST_BYTES = 4 * 1024 * 1024
"""Bytes on their way to the disk that a rig holds in memory, of all peers together."""


def deploy_needs(payload: Deploy) -> Grants:
    """Return what a peer must have been granted for this deploy: a program needs ``install``, the rest ``control``."""
    others = payload.profile is not None or payload.schedule is not None or payload.bundle is None
    needs = {Grant.CONTROL} if others else set()
    return frozenset(needs | ({Grant.INSTALL} if payload.bundle is not None else set()))


class DeployDesk:
    """Takes miner programs from peers that were granted ``install``.

    ``try_program`` runs a new program once before it is switched to. ``operator_keys`` are the Ed25519 keys whose
    signature counts whoever sends the bundle; while ``operator_only`` holds, no other counts. ``note`` gets the events.
    Disk and digests are the business of one thread with the lowest priority.
    """

    def __init__(
        self,
        programs: ProgramStore,
        incoming: Incoming,
        *,
        try_program: TryProgram,
        now_ms: Callable[[], int],
        disk_reserve_bytes: int,
        operator_keys: Callable[[], Sequence[bytes]] = lambda: (),
        operator_only: Callable[[], bool] = lambda: False,
        note: Callable[[RigEvent], None] = lambda _: None,
    ) -> None:
        self._programs = programs
        self._incoming = incoming
        self._try_program = try_program
        self._now_ms = now_ms
        self._disk_reserve_bytes = disk_reserve_bytes
        self._operator_keys = operator_keys
        self._operator_only = operator_only
        self._note = note
        self._installing = asyncio.Lock()
        self._waiting_bytes = 0
        self._stopped = threading.Event()
        self._thread: ThreadPoolExecutor | None = None

    async def start(self) -> None:
        """Read what is installed.

        Raises:
            StateDamaged: a pointer to a program is not what was written.
        """
        self._programs.open()
        self._incoming.remove_stale()

    async def close(self) -> None:
        """Take no more. What has come of a bundle stays for the next agent."""
        self._stopped.set()
        thread, self._thread = self._thread, None
        if thread is not None:
            await asyncio.to_thread(thread.shutdown)
        self._incoming.close()

    def problems(self) -> tuple[str, ...]:
        """Return what is wrong with the programs that are here, each one sentence."""
        unsigned = self._programs.not_of(self._operator_keys()) if self._operator_only() else ()
        return (*self._programs.problems(), *unsigned)

    @property
    def programs(self) -> ProgramStore:
        """What is installed."""
        return self._programs

    async def offer(self, request: Request, offer: BundleOffer) -> DeployAck:
        """Say from where on an offered bundle is wanted; once it is all there, install it.

        Raises:
            Refused: nobody who may has signed it, or it is older than what is here and its sender has not signed it.
            BadInput: it is for another system, or holds what a bundle may not; what had come of it is removed.
            OperationFailed: the disk is short, or its program does not run here.
        """
        try:
            check_signature(
                offer,
                peer=request.channel.keys.e,
                operators=tuple(self._operator_keys()),
                operators_only=self._operator_only(),
            )
            check_offer(offer)
            async with self._installing:
                return await self._offer(request, offer)
        except MinerCtrlError as error:
            self._tell("refused", offer.miner_type, request, error.message)
            raise

    async def _offer(self, request: Request, offer: BundleOffer) -> DeployAck:
        programs = self._programs
        here = programs.is_current(offer) or programs.is_previous(offer)
        if here and offer.signing_key in self._operator_keys():
            await self._in_thread(lambda: programs.vouch(offer))
        if programs.is_current(offer):
            self._incoming.discard(offer.sha256)
            return _installed(offer)
        if programs.is_previous(offer):
            await self._in_thread(lambda: programs.rollback(offer.miner_type, try_program=self._try_program))
            self._tell("deployed", offer.miner_type, request, f"Version {offer.version}, which was still there.")
            return _installed(offer)
        if offer.signing_key != request.channel.keys.e and numbers(offer.version) < numbers(
            programs.version(offer.miner_type)
        ):
            raise _older(offer, programs.version(offer.miner_type))
        partial = await self._in_thread(lambda: self._begin(offer))
        if not partial.whole:
            return DeployAck(status="send", next_offset=partial.expected)
        await self._in_thread(lambda: self._install(offer, partial))
        log.info("installed %s %s, as %s asked", offer.miner_type, offer.version, request.channel.node_id)
        self._tell("deployed", offer.miner_type, request, f"Version {offer.version}.")
        return _installed(offer)

    def chunk(self, request: Request) -> DeployAck | Awaitable[DeployAck]:
        """Take the next bytes of a bundle that was offered.

        Raises:
            NotFound: it was not, since this agent started.
            RateLimited: more is on its way to the disk than memory is for.
        """
        payload: DeployChunk = request.payload
        partial = self._incoming.get(payload.sha256)
        if partial is None or self._stopped.is_set():
            raise NotFound("This bundle was not offered.", suggestion="Offer it first.", code="NOT_OFFERED")
        if payload.offset != partial.expected:
            return DeployAck(status="received", next_offset=partial.expected)
        size = len(payload.data)
        if payload.offset + size > partial.size_bytes:
            raise BadInput("More bytes came than the bundle has.", suggestion="Offer it anew.", code="BAD_BUNDLE")
        if self._waiting_bytes + size > WAITING_AT_MOST_BYTES:
            raise RateLimited("Bytes came faster than they can be written.", suggestion="Wait for the answers first.")
        partial.expected += size
        self._waiting_bytes += size
        return self._write(partial, payload)

    async def _write(self, partial: Partial, payload: DeployChunk) -> DeployAck:
        try:
            await self._in_thread(lambda: partial.write(payload.offset, payload.data))
        except OSError as error:
            raise OperationFailed(
                f"The bundle could not be written: {error.strerror}.",
                suggestion="See to free space on the rig's disk, then deploy it again.",
                code="NOT_WRITTEN",
            ) from None
        finally:
            self._waiting_bytes -= len(payload.data)
        return DeployAck(status="received", next_offset=payload.offset + len(payload.data))

    async def rollback(self, request: Request, miner_type: str) -> DeployAck:
        """Go back to the version of a program before the present one. Raises as ``ProgramStore.rollback``."""
        async with self._installing:
            only_of = tuple(self._operator_keys()) if self._operator_only() else None
            try:
                version = await self._in_thread(
                    lambda: self._programs.rollback(miner_type, try_program=self._try_program, only_of=only_of)
                )
            except Refused as error:
                self._tell("refused", miner_type, request, error.message)
                raise
        log.info("rolled %s back to %s, as %s asked", miner_type, version, request.channel.node_id)
        self._tell("rolled_back", miner_type, request, f"To version {version}.")
        return DeployAck(status="rolled back", version=version)

    # --- in the thread ----------------------------------------------------------------------------------

    def _begin(self, offer: BundleOffer) -> Partial:
        held = self._incoming.get(offer.sha256)
        already = held.written if held is not None else 0
        others = self._incoming.missing_bytes(but=offer.sha256)
        self._incoming.check_room(offer.size_bytes - already + offer.unpacked_bytes + others, self._disk_reserve_bytes)
        return self._incoming.begin(offer.sha256, offer.size_bytes)

    def _install(self, offer: BundleOffer, partial: Partial) -> None:
        try:
            if partial.sha256() != offer.sha256:
                error = bad_archive("did not arrive as it was sent: its SHA-256 is another")
                error.code = "BUNDLE_DAMAGED"
                raise error
            self._programs.install(
                offer,
                partial.path,
                try_program=self._try_program,
                now_ms=self._now_ms(),
                stopped=self._stopped.is_set,
            )
        except OperationFailed as error:
            if error.code == "PROGRAM_DOES_NOT_RUN":
                self._incoming.discard(offer.sha256)
            raise
        except BadInput:
            self._incoming.discard(offer.sha256)
            raise
        self._incoming.discard(offer.sha256)

    async def _in_thread(self, work: Callable[[], T]) -> T:
        if self._thread is None:
            if self._stopped.is_set():
                raise OperationFailed("The rig's miner-ctrl is shutting down.", suggestion="Try again when it is back.")
            from miner_ctrl.deploy.low_priority import low_priority_thread  # noqa: PLC0415 - most rigs never need it

            self._thread = low_priority_thread("deploys")
        # Shielded: what waits in the thread is carried out in its order, also when the session it came in has ended.
        return await asyncio.shield(asyncio.get_running_loop().run_in_executor(self._thread, work))

    def _tell(self, kind: str, miner_type: str, request: Request, text: str) -> None:
        self._note(
            RigEvent(at_ms=self._now_ms(), kind=kind, miner=miner_type, by=request.channel.node_id, text=text[:1000])
        )


def _older(offer: BundleOffer, present: str) -> Refused:
    """Return the error for an operator's signature of some time ago, which anybody who was sent it can show again."""
    return Refused(
        f"{offer.miner_type} {offer.version} is older than {present}, which is on the rig, and its sender has not"
        " signed it.",
        suggestion="Go back with miner-ctrl remote rollback, or first remove the program on the rig: miner-ctrl"
        f" uninstall {offer.miner_type}.",
        code="BUNDLE_OLDER",
    )


def _installed(offer: BundleOffer) -> DeployAck:
    return DeployAck(status="installed", next_offset=offer.size_bytes, version=offer.version)
