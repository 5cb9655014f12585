"""Miner programs to rigs: offered, sent in a window, gone on with after a lost link, installed (protocol.md,
"Programs")."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Callable
from contextlib import AsyncExitStack
from typing import Final

from miner_ctrl.controller.answers import expect, wrong_answer
from miner_ctrl.controller.bundle_reader import BundleReaders
from miner_ctrl.controller.commands import ANSWER_WITHIN_S, Commands
from miner_ctrl.controller.sending import Progress, Sending, Told, progress_at
from miner_ctrl.deploy.bundles import Bundle, BundleStore
from miner_ctrl.deploy.offers import sign_offer
from miner_ctrl.errors import BadInput, MinerCtrlError, NotFound, OperationFailed, Refused, Unreachable
from miner_ctrl.model.rig import BundleOffer
from miner_ctrl.model.text import one_line
from miner_ctrl.model.times import time_text
from miner_ctrl.model.views import BundleView, DeployView
from miner_ctrl.peers import PeerRecord
from miner_ctrl.protocol.messages import (
    Deploy,
    DeployAck,
    GetInfo,
    GetStats,
    Info,
    MinerAck,
    RestartMiner,
    RollbackMiner,
    Stats,
)

AT_ONCE = 8
"""Rigs that bytes go to at the same moment; the others wait for their turn."""
INSTALL_WITHIN_S = 600.0
"""Unpacking runs at the lowest priority: on a rig that mines with every thread it takes its time."""
RIG_RETURNS_WITHIN_S = 300.0
"""How long a deploy waits for a rig whose link was lost, each time anew once bytes have arrived."""
REPEAT_EVERY_S = 0.5
OFFERS_AT_MOST = 1000
_OWN_SIGNATURE_MAY_HELP = frozenset({"BUNDLE_KEY_UNKNOWN", "BUNDLE_OLDER"})
"""What a rig says of another's signature: a controller that may install can sign for itself."""
_GO_ON: Final = frozenset({"NOT_OFFERED", "OUTCOME_UNKNOWN"})
"""What a rig says that was restarted meanwhile: offering again finds out how far it is."""


class Deploys:
    """What this controller can deploy, and the deploys under way. ``sign`` signs with the private half of
    ``signing_key``."""

    def __init__(
        self,
        commands: Commands,
        bundles: BundleStore,
        *,
        signing_key: bytes,
        sign: Callable[[bytes], bytes],
        clock: Callable[[], float],
    ) -> None:
        self._commands = commands
        self._bundles = bundles
        self._signing_key = signing_key
        self._sign = sign
        self._clock = clock
        self._turns = asyncio.Semaphore(AT_ONCE)
        self._readers = BundleReaders()

    # --- the bundles here -------------------------------------------------------------------------------

    async def bundles(self) -> list[BundleView]:
        """Return every bundle of this node, the newest first."""
        return [_view(bundle) for bundle in await asyncio.to_thread(self._bundles.all)]

    async def add_bundle(
        self,
        file: str,
        *,
        miner_type: str | None,
        version: str | None,
        program: str | None,
        system: str | None,
        architecture: str | None,
        offer: BundleOffer | None,
    ) -> BundleView:
        """Keep an archive that was put into the incoming bundles. Raises as ``BundleStore.add``."""
        if offer is None and (not miner_type or not version):
            raise BadInput("A bundle needs a miner type and a version.", suggestion="Give --miner TYPE --version V.")
        added = await asyncio.to_thread(
            self._bundles.add, file, miner_type=miner_type, version=version, program=program, system=system,
            architecture=architecture, offer=offer,
        )  # fmt: skip
        return _view(added)

    async def remove_bundle(self, query: str) -> BundleView:
        """Remove a bundle, by the beginning of its SHA-256. Rigs keep what they have."""
        return _view(await asyncio.to_thread(self._bundles.remove, query))

    # --- to a rig ---------------------------------------------------------------------------------------

    async def deploy_program(
        self,
        query: str,
        *,
        miner_type: str | None = None,
        version: str | None = None,
        sha256: str | None = None,
        restart: bool = False,
        told: Told = lambda _: None,
    ) -> DeployView:
        """Install a program on a rig: the bundle ``sha256``, or the newest of a miner type (and version).

        A link that is lost is waited for, and the transfer goes on where it was. Running miners go on with the old
        program; with ``restart`` those of this type are restarted.

        Raises:
            NotFound: there is no such rig, or no such bundle here.
            Refused, BadInput, OperationFailed, Unreachable: why the rig has not installed it.
        """
        record = self._commands.rig(query)
        bundle = await self._choose(record, miner_type, version, sha256)
        ack = await self._bring(record, bundle, told)
        restarted: tuple[str, ...] = ()
        if restart:
            told(progress_at("restarting", bundle.offer, bundle.offer.size_bytes))
            restarted = await self._restart(record, bundle.offer.miner_type)
        return DeployView(
            status=one_line(ack.status),
            miner_type=bundle.offer.miner_type,
            version=one_line(ack.version, 64),
            sha256=bundle.offer.sha256,
            restarted=restarted,
        )

    async def deploy_profile(self, query: str, profile: str, version: str | None = None) -> DeployView:
        """Store one of our profiles on a rig, under its name; in the ``version`` with that hash, else as it is now."""
        await self._commands.deploy_profile(query, profile, version)
        return DeployView(status="stored")

    async def rollback(self, query: str, miner_type: str, *, restart: bool = False) -> DeployView:
        """Have a rig go back to the version of a program that it had before."""
        record = self._commands.rig(query)
        payload = RollbackMiner(miner_type=miner_type)
        with _install_advised(record):
            ack = expect(await self._commands.command(record, payload), DeployAck)
        restarted = await self._restart(record, miner_type) if restart else ()
        return DeployView(
            status=one_line(ack.status), miner_type=miner_type, version=one_line(ack.version, 64), restarted=restarted
        )

    async def _choose(
        self, record: PeerRecord, miner_type: str | None, version: str | None, sha256: str | None
    ) -> Bundle:
        if sha256 is not None:
            return await asyncio.to_thread(self._bundles.find, sha256)
        found = await asyncio.to_thread(self._bundles.of_type, miner_type or "", version)
        if len({(one.offer.system, one.offer.architecture) for one in found}) == 1:
            return found[0]  # the rig says so if it is not for it
        info = expect(await self._commands.ask(record, GetInfo(), within_s=ANSWER_WITHIN_S), Info).info
        system = "windows" if "windows" in info.os.lower() else "darwin" if "macos" in info.os.lower() else "linux"
        architecture = {"amd64": "x86_64", "arm64": "aarch64"}.get(info.architecture.lower(), info.architecture.lower())
        for bundle in found:
            if (bundle.offer.system, bundle.offer.architecture) == (system, architecture):
                return bundle
        raise NotFound(
            f"There is no bundle of {found[0].offer.miner_type} {found[0].offer.version} for {system} on"
            f" {one_line(architecture, 40)}, which {record.name} is.",
            suggestion="Add one with miner-ctrl bundle add.",
            code="BUNDLE_NOT_FOUND",
        )

    async def _bring(self, record: PeerRecord, bundle: Bundle, told: Told) -> DeployAck:
        """Offer and send until the rig says that it has installed it."""
        offer = bundle.offer if bundle.by_operator else self._signed(bundle.offer)
        progress = Progress(self._clock)
        async with AsyncExitStack() as stack:
            reader = await stack.enter_async_context(self._readers.opened(self._bundles.archive(bundle), offer))
            for _ in range(OFFERS_AT_MOST):
                try:
                    with _install_advised(record):
                        ack = await self._offer(record, offer, progress, told)
                        if ack.status == "installed":
                            return ack
                        if ack.status != "send" or ack.next_offset >= offer.size_bytes:
                            raise wrong_answer()
                        told(progress_at("waiting", offer, progress.arrived))
                        async with self._turns:  # only while bytes go: a rig that is away or unpacks holds up nobody
                            progress.heard()
                            channel = await self._commands.reach(record)
                            sending = Sending(channel, offer, reader, progress, told=told, clock=self._clock)
                            await sending.run(ack.next_offset)
                except Unreachable:
                    if progress.lost_for_s() > RIG_RETURNS_WITHIN_S:
                        raise
                    told(progress_at("away", offer, progress.arrived))
                    await asyncio.sleep(REPEAT_EVERY_S)
                except MinerCtrlError as error:
                    if error.code in _OWN_SIGNATURE_MAY_HELP and offer.signing_key != self._signing_key:
                        offer = self._signed(bundle.offer)
                    elif error.code == "BUNDLE_DAMAGED" and not progress.sent_again:
                        progress.sent_again = True
                    elif error.code not in _GO_ON:
                        raise
                    await asyncio.sleep(REPEAT_EVERY_S)
        raise OperationFailed(
            f"{record.name} asks for the same bundle again and again.",
            suggestion="Look at the rig's log.",
            code="WRONG_ANSWER",
        )

    async def _offer(self, record: PeerRecord, offer: BundleOffer, progress: Progress, told: Told) -> DeployAck:
        state = "installing" if progress.arrived >= offer.size_bytes else "offering"
        told(progress_at(state, offer, progress.arrived))
        answer = await self._commands.command(record, Deploy(bundle=offer), within_s=INSTALL_WITHIN_S, each_anew=True)
        ack = expect(answer, DeployAck)
        progress.arrived_up_to(ack.next_offset)
        return ack

    def _signed(self, offer: BundleOffer) -> BundleOffer:
        return sign_offer(offer, key=self._signing_key, sign=self._sign)

    async def _restart(self, record: PeerRecord, miner_type: str) -> tuple[str, ...]:
        """Restart the miners of a type that live on a rig, and return their names."""
        stats = expect(await self._commands.ask(record, GetStats(), within_s=ANSWER_WITHIN_S), Stats).stats
        restarted: list[str] = []
        for miner in stats.miners:
            if miner.type == miner_type and miner.state.alive:
                answer = await self._commands.command(record, RestartMiner(miner=miner.name))
                restarted += expect(answer, MinerAck).miners
        return tuple(restarted)


class _install_advised:  # noqa: N801 - used as a function
    """Say what to do about a rig that has not granted ``install``."""

    def __init__(self, record: PeerRecord) -> None:
        self._record = record

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, Refused) and "not granted install" in error.message:
            error.suggestion = (
                f"On {self._record.name}, let this node install miner programs:"
                " miner-ctrl peer grant PEER observe,control,install."
            )


def _view(bundle: Bundle) -> BundleView:
    offer = bundle.offer
    return BundleView(
        sha256=offer.sha256,
        miner_type=offer.miner_type,
        version=offer.version,
        system=offer.system,
        architecture=offer.architecture,
        archive=offer.archive,
        size_bytes=offer.size_bytes,
        unpacked_bytes=offer.unpacked_bytes,
        files=offer.files,
        program=offer.program,
        signed_by=base64.b64encode(offer.signing_key).decode() if bundle.by_operator else "",
        added_at=time_text(bundle.added_at_ms),
    )
