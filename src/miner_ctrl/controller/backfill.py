"""Fills the history from the rigs' journals: what happened while nobody looked, and then what goes on."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from miner_ctrl.controller.answers import expect
from miner_ctrl.controller.watch import is_rig
from miner_ctrl.errors import MinerCtrlError, RateLimited, StateDamaged, Unreachable
from miner_ctrl.history import HistoryPart, HistoryStore, Nonsense
from miner_ctrl.history.parts import offset_of
from miner_ctrl.model.history import RigEvent
from miner_ctrl.model.nodes import Grant
from miner_ctrl.peers import Registry
from miner_ctrl.protocol.messages import GetHistory, History
from miner_ctrl.transport import Channel, ChannelDown, ChannelUp, Endpoint

log = logging.getLogger(__name__)

FETCH_EVERY_S = 20.0
"""Once a rig's history is caught up with: a chart's last point is less than 30 s old, and it costs a rig's agent less
than half a second of CPU an hour."""
FETCHES_A_SECOND = 250
"""Of all rigs together: of more than 5,000 each is asked less often."""
PART_WITHIN_S = 15.0
AT_ONCE = 64
"""Rigs whose next part is being fetched and stored at the same time; a part is 1 MiB at most."""
DROPPED_FOR_S = 3600.0
"""How long a rig is not asked that answered nonsense."""


class Backfill:
    """One task for each rig whose session stands and that lets this node observe it.

    ``clock`` is monotonic, in seconds; ``now_ms`` Unix time in ms.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        registry: Registry,
        store: HistoryStore,
        *,
        clock: Callable[[], float],
        now_ms: Callable[[], int],
    ) -> None:
        self.written: Callable[[], None] = lambda: None
        """Called when events of a rig have been written."""
        self._endpoint = endpoint
        self._registry = registry
        self._store = store
        self._clock = clock
        self._now_ms = now_ms
        self._places = asyncio.Semaphore(AT_ONCE)
        self._tasks: dict[Channel, asyncio.Task[None]] = {}
        self._dropped_s: dict[bytes, float] = {}

    def start(self) -> None:
        """Follow sessions, those that stand already among them."""
        self._endpoint.on_event.append(self._session_event)
        for channel in self._endpoint.channels():
            self._session_event(ChannelUp(channel))

    async def close(self) -> None:
        """Fetch no more; what is being stored is stored."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _session_event(self, event: ChannelUp | ChannelDown) -> None:
        channel = event.channel
        if isinstance(event, ChannelDown):
            task = self._tasks.pop(channel, None)
            if task is not None:
                task.cancel()
            return
        record = self._registry.get(channel.fingerprint)
        if record is None or not is_rig(record) or Grant.OBSERVE not in channel.hello.grants:
            return
        self._tasks[channel] = asyncio.get_running_loop().create_task(self._follow(channel), name="backfill")

    async def _follow(self, channel: Channel) -> None:
        """Catch up, then look for new entries until the session ends or the rig turns out not to be in order."""
        rig = channel.fingerprint
        while True:
            if rig in self._dropped_s:
                await asyncio.sleep(max(0.0, self._dropped_s[rig] + DROPPED_FOR_S - self._clock()))
                del self._dropped_s[rig]
            try:
                more = True
                while more:
                    more = await self._fetch(channel)
            except Nonsense as error:
                self._drop(rig, error)
                continue
            except (Unreachable, RateLimited):
                pass  # asked again at the next turn, if the session is there then
            except StateDamaged:
                pass  # the store says so
            except MinerCtrlError as error:
                if error.code != "STATE_NOT_WRITTEN":
                    # an older rig, one that is just joining, or one that refuses: not in this session
                    log.debug("No history from %s: %s", channel.node_id, error.message)
                    return
            except Exception:  # the boundary of this task: one rig's history must not end another's, nor go unsaid
                log.exception("the history of %s could not be fetched", channel.node_id)
                return
            await asyncio.sleep(max(FETCH_EVERY_S, len(self._tasks) / FETCHES_A_SECOND))

    async def _fetch(self, channel: Channel) -> bool:
        """Fetch and store one part; whether there is more."""
        async with self._places:
            place = await self._store.since(channel.fingerprint)
            question = GetHistory(journal=place.journal, after=place.after)
            answer = expect(await channel.request(question, timeout_s=PART_WITHIN_S), History)
            part = HistoryPart(
                journal=answer.journal,
                entries=answer.entries,
                first=answer.first,
                last=answer.last,
                more=answer.more,
                offset_ms=offset_of(answer.at_ms, self._now_ms()),
            )
            await asyncio.shield(self._store.add(channel.fingerprint, part))
        if any(isinstance(entry.what, RigEvent) for entry in part.entries):
            self.written()
        return answer.more

    def _drop(self, rig: bytes, error: Nonsense) -> None:
        record = self._registry.get(rig)
        name = record.name if record is not None else rig.hex()[:16]
        log.warning("%s is not asked for its history for %.0f min: %s", name, DROPPED_FOR_S / 60, error.message)
        self._registry.record_failure(rig, error.message)
        self._dropped_s[rig] = self._clock()
