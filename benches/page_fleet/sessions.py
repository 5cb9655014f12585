"""Sessions that are made up: an endpoint whose peers are simulated rigs of this process."""

from __future__ import annotations

import asyncio
import itertools
import secrets
import time
from collections.abc import Callable, Mapping
from typing import Any, cast

from benches.page_fleet.logs import lines_of
from benches.page_fleet.plans import Mood
from benches.page_fleet.rigs import SimRig
from miner_ctrl.errors import MinerCtrlError, NotFound, OperationFailed, Unreachable
from miner_ctrl.identity.keys import PublicKeys
from miner_ctrl.model.addresses import Address
from miner_ctrl.model.history import JournalEntry, MinerSample, Sample
from miner_ctrl.model.nodes import ALL_GRANTS, Role
from miner_ctrl.protocol.messages import (
    COMMANDS,
    DeployChunk,
    FollowLogs,
    GetHistory,
    GetInfo,
    GetLogs,
    GetStats,
    Hello,
    History,
    Info,
    Logs,
    Payload,
    Stats,
    SubscribeStats,
)
from miner_ctrl.transport import Channel, ChannelDown, ChannelUp, Endpoint

SAMPLE_EVERY_MS = 10_000
PART_ENTRIES = 500
LOG_EVERY_S = 0.7
BACK_AFTER_S = 1.0
_numbers = itertools.count()


def now_ms() -> int:
    """Return Unix time in ms."""
    return time.time_ns() // 1_000_000


class _Subscription:
    def __init__(self, id_: str, cancelled: Callable[[str], None]) -> None:
        self.id = id_
        self._cancelled = cancelled

    def cancel(self) -> None:
        self._cancelled(self.id)


class SimJournal:
    """A rig's journal from entry ``first`` on, one sample every 10 s, made up when it is asked for."""

    def __init__(self, rig: SimRig, first: int) -> None:
        self.id = f"{rig.plan.number:032x}"
        self._rig = rig
        self._entries: list[JournalEntry] = []
        self._next = first
        self._sampled_ms = now_ms()
        self._told = 0

    def answer(self, question: GetHistory) -> History:
        """Answer as a rig does."""
        self._grow(now_ms())
        if question.journal == self.id:
            self._entries = [entry for entry in self._entries if entry.seq > question.after]
        entries = tuple(self._entries[:PART_ENTRIES])
        first = self._entries[0].seq if self._entries else self._next
        more = len(self._entries) > len(entries)
        last = self._next - 1
        return History(journal=self.id, entries=entries, first=min(first, last), last=last, more=more, at_ms=now_ms())

    def _grow(self, at_ms: int) -> None:
        while self._sampled_ms + SAMPLE_EVERY_MS <= at_ms:
            self._sampled_ms += SAMPLE_EVERY_MS
            stats = self._rig.tell(self._sampled_ms)
            miners = tuple(
                MinerSample(
                    miner.name, miner.state, miner.algorithm, miner.hashrate_hps, miner.accepted, miner.rejected,
                    max((device.temperature_c or 0.0 for device in miner.devices), default=None),
                    sum(device.power_w or 0.0 for device in miner.devices) or None,
                )
                for miner in stats.miners
            )  # fmt: skip
            machine = stats.machine
            self._add(Sample(self._sampled_ms, miners, machine.cpu_temperature_c if machine else None, None))
        for event in self._rig.events[self._told :]:
            self._add(event)
        self._told = len(self._rig.events)

    def _add(self, what: Any) -> None:
        self._entries.append(JournalEntry(self._next, what))
        self._next += 1


class SimChannel:
    """A session with a simulated rig, as far as a controller uses one. ``journal`` is ``None`` for a rig that keeps
    none."""

    def __init__(self, endpoint: SimEndpoint, rig: SimRig, journal: SimJournal | None) -> None:
        self.rig = rig
        self.fingerprint = rig.fingerprint
        self.keys: PublicKeys = rig.keys
        self.node_id: str = rig.keys.node_id
        self.remote_host = rig.plan.address.rpartition(":")[0] or f"192.168.1.{rig.plan.number % 250 + 2}"
        self.dialled: Address | None = None
        self.opened_at = time.monotonic()
        self.closed = False
        self.writable = True
        self.hello = Hello(
            name=rig.plan.name, role=Role.WORKER, version="0.1.0", capabilities=("profiles", "history"),
            instance=secrets.token_hex(8),
            grants=() if rig.plan.mood is Mood.REFUSED else tuple(sorted(ALL_GRANTS)),
        )  # fmt: skip
        self._endpoint = endpoint
        self._journal = journal
        self._stats: dict[str, Callable[[Payload], None]] = {}
        self._streams: dict[str, asyncio.Task[None]] = {}

    def push(self) -> None:
        """Tell who subscribed how the rig is now."""
        if self._stats and self.rig.plan.mood is not Mood.SILENT:
            payload = Stats(stats=self.rig.tell(now_ms()))
            for reply in tuple(self._stats.values()):
                reply(payload)

    # --- as a channel -----------------------------------------------------------------------------------

    async def request(self, payload: Payload, *, timeout_s: float, message_id: str | None = None) -> Payload:
        """Return the rig's reply."""
        return await self.ask(payload, timeout_s=timeout_s)

    def ask(self, payload: Payload, *, timeout_s: float, message_id: str | None = None) -> asyncio.Future[Payload]:
        """Return the future of the rig's reply."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Payload] = loop.create_future()
        slow = type(payload) in COMMANDS

        def answer() -> None:
            if future.done():
                return
            try:
                future.set_result(self._answer(payload))
            except MinerCtrlError as error:
                future.set_exception(error)
            if slow:
                self.push()

        loop.call_later(0.05 + 0.4 * (self.rig.plan.number % 7) / 7 if slow else 0.001, answer)
        return future

    def subscribe(
        self, payload: Payload, on_reply: Callable[[Payload], None], on_end: Callable[[MinerCtrlError], None]
    ) -> _Subscription:
        """Begin to answer many times."""
        id_ = f"sim-{next(_numbers)}"
        if isinstance(payload, SubscribeStats):
            self._stats[id_] = on_reply
        else:
            assert isinstance(payload, GetLogs | FollowLogs)
            writing = self._log(payload, on_reply, on_end)
            self._streams[id_] = asyncio.get_running_loop().create_task(writing, name=f"log of {self.rig.plan.name}")
        return _Subscription(id_, self._cancelled)

    def post(self, payload: Payload, *, reply_to: str | None = None) -> None:
        """Hear of something that needs no answer."""
        if isinstance(payload, FollowLogs) and payload.cancel:
            self._cancelled(payload.cancel)

    async def ping(self, timeout_s: float) -> tuple[float, float]:
        """Return a round trip in seconds, and the rig's clock minus this one's in ms."""
        return 0.002 + self.rig.plan.number % 40 / 1000, 45_000.0 if self.rig.plan.mood is Mood.CLOCK else 3.0

    async def drained(self) -> None:
        """Everything is sent at once."""

    async def close(self, reason: str) -> None:
        """End the session."""
        self.disconnect(reason)

    def disconnect(self, reason: str) -> None:
        """End the session."""
        self._endpoint.end(self, reason)

    def end(self) -> None:
        """Let go of what goes on."""
        self.closed = True
        self._stats.clear()
        for task in self._streams.values():
            task.cancel()

    # --- within -----------------------------------------------------------------------------------------

    def _answer(self, payload: Payload) -> Payload:
        if self.closed:
            raise Unreachable("The session has ended.")
        if isinstance(payload, GetStats):
            return Stats(stats=self.rig.tell(now_ms()))
        if isinstance(payload, GetInfo):
            return Info(info=self.rig.info())
        if isinstance(payload, GetHistory):
            if self._journal is None:
                raise OperationFailed("It keeps no journal.", code="UNKNOWN_MESSAGE")
            return self._journal.answer(payload)
        if type(payload) in COMMANDS or isinstance(payload, DeployChunk):
            return self.rig.do(payload, self._endpoint.own_id, now_ms())
        raise OperationFailed("A simulated rig does not know this message.", code="UNKNOWN_MESSAGE")

    def _cancelled(self, id_: str) -> None:
        self._stats.pop(id_, None)
        task = self._streams.pop(id_, None)
        if task is not None:
            task.cancel()

    async def _log(
        self,
        question: GetLogs | FollowLogs,
        on_reply: Callable[[Payload], None],
        on_end: Callable[[MinerCtrlError], None],
    ) -> None:
        miner = self.rig.miners.get(question.miner)
        if miner is None and not question.miner.startswith(("xmrig-", "t-rex-", "lolminer-")):
            on_end(NotFound(f"There is no miner {question.miner!r} here.", code="MINER_NOT_FOUND"))
            return
        written = lines_of(miner, self.rig.plan.number, hostile=self.rig.hostile)
        follows, cursor = isinstance(question, FollowLogs), 0
        had = tuple(itertools.islice(written, question.lines))
        cursor += sum(map(len, had))
        on_reply(Logs(lines=had, more=follows, cursor=cursor))
        while follows:
            await asyncio.sleep(LOG_EVERY_S)
            lines = tuple(itertools.islice(written, 1 + next(_numbers) % 3))
            cursor += sum(map(len, lines))
            on_reply(Logs(lines=lines, more=True, cursor=cursor))


class SimEndpoint(Endpoint):
    """The node's endpoint, with the sessions of ``rigs`` beside its real ones. ``journals`` says from which entry on
    the rigs that keep one tell theirs."""

    def __init__(
        self, rigs: Mapping[bytes, SimRig], journals: Mapping[bytes, int], *arguments: Any, **named: Any
    ) -> None:
        super().__init__(*arguments, **named)
        self.own_id = str(self._shared.keys.public.node_id)
        self._rigs = rigs
        self._addresses = {rig.plan.address: rig for rig in rigs.values() if rig.plan.address}
        self._journals = {key: SimJournal(rigs[key], first) for key, first in journals.items()}
        self.sessions: dict[bytes, SimChannel] = {}

    def open(self, rig: SimRig) -> Channel:
        """Let a session with a rig stand."""
        held = self.sessions.get(rig.fingerprint)
        if held is None:
            held = SimChannel(self, rig, self._journals.get(rig.fingerprint))
            self.sessions[rig.fingerprint] = held
            self._emit(ChannelUp(cast("Channel", held)))
            held.push()
        return cast("Channel", held)

    def end(self, session: SimChannel, reason: str) -> None:
        """End a session."""
        if self.sessions.get(session.fingerprint) is session:
            del self.sessions[session.fingerprint]
            session.end()
            for callback in list(self.on_event):
                callback(ChannelDown(session.fingerprint, cast("Channel", session), reason, clean=True))

    def channel(self, fingerprint: bytes) -> Channel | None:
        found = self.sessions.get(fingerprint)
        return super().channel(fingerprint) if found is None else cast("Channel", found)

    def channels(self) -> list[Channel]:
        return [*super().channels(), *(cast("Channel", each) for each in self.sessions.values())]

    async def dial(self, address: Address, **named: Any) -> Channel:
        rig = self._addresses.get(str(address))
        if rig is None:
            return await super().dial(address, **named)
        await asyncio.sleep(0.2)
        if not rig.plan.connected:
            raise Unreachable(
                f"{address} does not answer: connection timed out.",
                suggestion="See whether the machine is up and miner-ctrl runs there.",
            )
        return self.open(rig)

    def keep_dialled(self, fingerprint: bytes, address: Address) -> None:
        if fingerprint not in self._rigs:
            super().keep_dialled(fingerprint, address)

    def redial_now(self, fingerprint: bytes) -> None:
        rig = self._rigs.get(fingerprint)
        if rig is None:
            super().redial_now(fingerprint)
        elif rig.plan.connected:
            asyncio.get_running_loop().call_later(BACK_AFTER_S, self._back, rig)

    def drop(self, fingerprint: bytes, reason: str) -> None:
        session = self.sessions.get(fingerprint)
        if session is None:
            super().drop(fingerprint, reason)
        else:
            self.end(session, reason)

    def _back(self, rig: SimRig) -> None:
        self.open(rig)

    async def close(self) -> None:
        for session in self.sessions.values():
            session.end()
        self.sessions.clear()
        await super().close()
