"""The feed: topics with their sources, the readers of each, and when they are told.

A change is told at once if the topic has been quiet, else together with the others of the next tick: about eight
messages a second at most, written once for all readers that keep up. A topic that nobody reads costs nothing.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import Protocol

from miner_ctrl.api.faces import CommandsFace, FleetFace, PairingFace
from miner_ctrl.api.live.logs import FollowedLog
from miner_ctrl.api.live.messages import MAX_LOG_LINES
from miner_ctrl.api.live.reader import POLICY, Reader, Subscription
from miner_ctrl.api.live.tables import Source, State, StateSource, Subject, Table
from miner_ctrl.errors import BadInput, MinerCtrlError, NotFound, RateLimited
from miner_ctrl.model.callers import Caller, Door
from miner_ctrl.model.text import one_line
from miner_ctrl.model.views import RigView

TICK_S = 0.125
STATE_TICK_S = 1.0
SETTLE_S = 0.01
"""Changes within this time after a quiet while go out together."""
MAX_READERS = 256
MAX_READERS_EACH = 64
"""Of one token or one login: who may only look keeps nobody else from looking."""
HOLDS_EVERY_S = 1.0
"""How often it is looked whether readers still may read: tokens expire and are revoked, logins end."""


_WITH_CREDENTIALS = frozenset({Door.TOKEN, Door.LOGIN})


class Later(Protocol):
    """As ``AbstractEventLoop.call_later``."""

    def __call__(self, delay_s: float, callback: Callable[[], None], /) -> object: ...


class _Topic:
    __slots__ = ("dirty", "key", "readings", "subject", "told_s")

    def __init__(self, key: str, subject: Subject) -> None:
        self.key = key
        self.subject = subject
        self.readings: dict[Subscription, None] = {}
        self.dirty = False
        self.told_s = float("-inf")


class Feed:
    """``tables`` and ``states`` are topics by name; rigs and their logs are found by ``pairing``. ``holds``: whether
    what a reader came in with still counts. ``later`` is the running loop's ``call_later`` unless given."""

    def __init__(
        self,
        *,
        tables: Mapping[str, Source],
        states: Mapping[str, StateSource],
        fleet: FleetFace,
        commands: CommandsFace,
        pairing: PairingFace,
        now_ms: Callable[[], int],
        clock: Callable[[], float] = time.monotonic,
        later: Later | None = None,
        holds: Callable[[Caller], bool] = lambda caller: True,
    ) -> None:
        self.now_ms = now_ms
        self.topics = (*tables, *states)
        self._tables = dict(tables)
        self._states = dict(states)
        self._fleet = fleet
        self._peers = _Peers(fleet)
        self._commands = commands
        self._pairing = pairing
        self._clock = clock
        self._later = later
        self._holds = holds
        self._looking = False
        self._open: dict[str, _Topic] = {}
        self._readers: set[Reader] = set()
        self._due_s: float | None = None

    # --- for the doors ----------------------------------------------------------------------------------

    def reader(self, caller: Caller, wake: Callable[[], None]) -> Reader:
        """Return a new reader; close it when it is gone.

        Raises:
            RateLimited: there are too many.
        """
        if len(self._readers) >= MAX_READERS:
            raise RateLimited(
                f"{MAX_READERS} readers follow this node already.", suggestion="Close some pages, then try again."
            )
        of = (caller.door, caller.name)
        if caller.door in _WITH_CREDENTIALS:
            own = sum((each.caller.door, each.caller.name) == of for each in self._readers)
            if own >= MAX_READERS_EACH:
                raise RateLimited(
                    f"{caller.name} follows this node {MAX_READERS_EACH} times already.",
                    suggestion="Close some pages, then try again.",
                )
        reader = Reader(self, caller, wake, clock=self._clock)
        self._readers.add(reader)
        if caller.door in _WITH_CREDENTIALS:
            self._look_later()
        return reader

    def end_readers(self, of: Callable[[Caller], bool], reason: str = "This access has ended.") -> int:
        """End every reader whose caller it is: a token was revoked, somebody logged out. Returns how many."""
        found = [reader for reader in self._readers if of(reader.caller)]
        for reader in found:
            reader.end(POLICY, reason)
        return len(found)

    @property
    def followed(self) -> tuple[str, ...]:
        """The topics that somebody reads."""
        return tuple(self._open)

    # --- for readers ------------------------------------------------------------------------------------

    def join(self, reader: Reader, topic: str, lines: int) -> Subscription:
        """Let ``reader`` hear of ``topic``.

        Raises:
            NotFound, BadInput: there is no such topic.
        """
        key = self._key(topic)
        held = self._open.get(key)
        if held is None:
            held = self._open[key] = _Topic(key, self._subject(key))
            held.subject.open(partial(self._woken, held))
        subscription = Subscription(reader, topic, key, held.subject, held.subject.part(topic, lines))
        held.readings[subscription] = None
        return subscription

    def leave(self, subscription: Subscription) -> None:
        """Let a reader hear of a topic no more; the last one closes it."""
        held = self._open.get(subscription.key)
        if held is None or held.subject is not subscription.subject:
            return
        held.readings.pop(subscription, None)
        if not held.readings:
            del self._open[held.key]
            held.subject.close()

    def left(self, reader: Reader) -> None:
        """A reader is gone."""
        self._readers.discard(reader)

    # --- within -----------------------------------------------------------------------------------------

    def _key(self, topic: str) -> str:
        """Return what ``topic`` is called whoever asks: with a rig's full ID."""
        kind, _, of = topic.partition(":")
        if topic in self._tables or topic in self._states:
            return topic
        if kind == "peer" and of:
            return f"peer:{self._pairing.peer(of).id}"
        rig, _, miner = of.partition("/")
        if kind == "log" and rig and miner:
            if len(miner) > 63 or not miner.isprintable():
                raise BadInput("This is no miner's name.", suggestion="See GET /remote/{peer}/stats.")
            return f"log:{self._pairing.peer(rig).id}/{miner}"
        raise NotFound(
            f"There is no topic {one_line(topic, 80)!r}.",
            suggestion=f"Use {', '.join(self.topics)}, peer:ID or log:PEER/MINER.",
            code="NO_SUCH_TOPIC",
        )

    def _subject(self, key: str) -> Subject:
        if key in self._tables:
            return Table(key, self._tables[key], every_s=TICK_S)
        if key in self._states:
            return State(self._states[key], every_s=STATE_TICK_S)
        kind, _, of = key.partition(":")
        if kind == "peer":
            source = StateSource(partial(self._fleet.of, of), partial(self._peers.watch, of))
            return State(source, every_s=TICK_S)
        rig, _, miner = of.partition("/")
        return FollowedLog(
            key,
            lambda: self._commands.follow_logs(rig, miner, MAX_LOG_LINES),
            partial(self._log_ended, key),
            every_s=TICK_S,
        )

    def _look_later(self) -> None:
        if not self._looking:
            self._looking = True
            self._call_later(HOLDS_EVERY_S, self._look)

    def _look(self) -> None:
        self._looking = False
        self.end_readers(lambda caller: caller.door in _WITH_CREDENTIALS and not self._holds(caller))
        if any(reader.caller.door in _WITH_CREDENTIALS for reader in self._readers):
            self._look_later()

    def _log_ended(self, key: str, error: MinerCtrlError | None) -> None:
        held = self._open.get(key)
        if held is None:
            return
        del self._open[key]
        for subscription in held.readings:
            subscription.over, subscription.error = True, error
            subscription.reader.has_news(subscription.topic)

    def _woken(self, held: _Topic) -> None:
        if held.dirty:
            return
        held.dirty = True
        now_s = self._clock()
        self._tell_at(max(now_s + SETTLE_S, held.told_s + held.subject.every_s), now_s)

    def _tell_at(self, due_s: float, now_s: float) -> None:
        if self._due_s is not None and self._due_s <= due_s:
            return
        self._due_s = due_s
        self._call_later(due_s - now_s, partial(self._tick, due_s))

    def _call_later(self, delay_s: float, callback: Callable[[], None]) -> None:
        (self._later or asyncio.get_running_loop().call_later)(delay_s, callback)

    def _tick(self, due_s: float) -> None:
        if self._due_s != due_s:  # another one was due before it, and came
            return
        self._due_s = None
        now_s = self._clock()
        next_s: float | None = None
        for held in tuple(self._open.values()):
            if not held.dirty:
                continue
            at_s = held.told_s + held.subject.every_s
            if at_s <= now_s + SETTLE_S:
                held.told_s = now_s
                self._tell(held)
            else:
                next_s = at_s if next_s is None else min(next_s, at_s)
        if next_s is not None:
            self._tell_at(next_s, now_s)

    @staticmethod
    def _tell(held: _Topic) -> None:
        held.dirty = False
        change = held.subject.collect()
        if not change:
            return
        for subscription in tuple(held.readings):
            subscription.part.take(change)
            subscription.reader.has_news(subscription.topic)


class _Peers:
    """Who is to be told of which rig: one watch of the fleet for all topics of single rigs."""

    def __init__(self, fleet: FleetFace) -> None:
        self._fleet = fleet
        self._told: dict[str, Callable[[], None]] = {}
        self._unwatch: Callable[[], None] | None = None

    def watch(self, node_id: str, told: Callable[[], None]) -> Callable[[], None]:
        """Have ``told`` called at each change of a rig; the answer undoes it."""
        self._told[node_id] = told
        if self._unwatch is None:
            self._unwatch = self._fleet.watch(self._note)
        return partial(self._unwatch_one, node_id)

    def _note(self, node_id: str, view: RigView | None) -> None:
        del view
        told = self._told.get(node_id)
        if told is not None:
            told()

    def _unwatch_one(self, node_id: str) -> None:
        del self._told[node_id]
        if not self._told and self._unwatch is not None:
            self._unwatch()
            self._unwatch = None
