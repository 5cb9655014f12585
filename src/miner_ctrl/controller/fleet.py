"""The fleet's state: what is known of every rig, how old it is, and why it is missing.

A reducer without I/O: events go in through ``apply``, the rigs that changed come out. Times are passed in
(monotonic, seconds). Nothing here forgets a rig because it failed: a rig that is missing is there with its reason.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import msgspec
from msgspec.structs import replace

from miner_ctrl.model.miners import NodeStats
from miner_ctrl.model.nodes import Role
from miner_ctrl.model.views import RigView

_encoder = msgspec.json.Encoder()

NEVER_SEEN = "It has not been reached since this node started."


class RigAbout(msgspec.Struct, frozen=True, kw_only=True):
    """What the registry has of a rig, beside its name. ``remote`` is where its session came from, ``clock_offset_ms``
    its clock minus ours."""

    role: Role = Role.WORKER
    tags: tuple[str, ...] = ()
    address: str = ""
    score: int = 0
    last_seen_ms: int | None = None
    remote: str = ""
    clock_offset_ms: float | None = None


class RigKnown(msgspec.Struct, frozen=True):
    """A peer that is (or was renamed, or otherwise changed as) a rig of ours."""

    fingerprint: bytes
    node_id: str
    name: str
    about: RigAbout = RigAbout()


class RigScored(msgspec.Struct, frozen=True):
    """A rig's score changed."""

    fingerprint: bytes
    score: int


class RigGone(msgspec.Struct, frozen=True):
    """A rig was removed from the registry."""

    fingerprint: bytes


class RigConnected(msgspec.Struct, frozen=True):
    """A session with a rig stands."""

    fingerprint: bytes
    version: str
    remote: str = ""


class RigMissing(msgspec.Struct, frozen=True):
    """A rig cannot be seen: the session ended, a dial failed, or it refused to be watched."""

    fingerprint: bytes
    reason: str
    code: str
    connected: bool = False


class RigReported(msgspec.Struct, frozen=True):
    """A rig's stats arrived."""

    fingerprint: bytes
    stats: NodeStats
    at_s: float


class RigPinged(msgspec.Struct, frozen=True):
    """A round trip was measured, in ms, and the rig's clock against ours."""

    fingerprint: bytes
    ping_ms: float
    clock_offset_ms: float | None = None


FleetEvent = RigKnown | RigGone | RigConnected | RigMissing | RigReported | RigPinged | RigScored


class _Rig:
    __slots__ = (
        "_encodable",
        "about",
        "code",
        "connected",
        "name",
        "node_id",
        "ping_ms",
        "reason",
        "stats",
        "stats_at_s",
        "version",
    )

    def __init__(self, node_id: str, name: str) -> None:
        self.node_id = node_id
        self.name = name
        self.about = RigAbout()
        self.connected = False
        self.version = ""
        self.stats: NodeStats | None = None
        self.stats_at_s = 0.0
        self.ping_ms: float | None = None
        self.reason = NEVER_SEEN
        self.code = "NEVER_SEEN"
        self._encodable: RigView | None = None

    def take(self, event: RigConnected | RigMissing | RigReported | RigPinged | RigScored) -> None:
        """Take in what was heard of it."""
        match event:
            case RigConnected():
                self.connected, self.version, self.reason, self.code = True, event.version, "", ""
                self.about = replace(self.about, remote=event.remote)
            case RigMissing():
                self.connected, self.reason, self.code = event.connected, event.reason, event.code
            case RigReported():
                self.stats, self.stats_at_s, self.reason, self.code = event.stats, event.at_s, "", ""
            case RigPinged():
                self.ping_ms = event.ping_ms
                if event.clock_offset_ms is not None:
                    self.about = replace(self.about, clock_offset_ms=event.clock_offset_ms)
            case RigScored():
                self.about = replace(self.about, score=event.score)

    def changed(self) -> None:
        """What was encoded of it is no longer right."""
        self._encodable = None

    def encodable(self, now_s: float) -> RigView:
        """Return ``view`` for a JSON encoder only: what is large in it is encoded already, once for each
        change."""
        if self._encodable is None:
            view = self.view(now_s)
            miners, machine = (msgspec.Raw(_encoder.encode(part)) for part in (view.miners, view.machine))
            self._encodable = replace(view, miners=miners, machine=machine)
        return replace(self._encodable, age_s=self._age_s(now_s))

    def _age_s(self, now_s: float) -> float | None:
        return None if self.stats is None else round(max(0.0, now_s - self.stats_at_s), 3)

    def view(self, now_s: float) -> RigView:
        stats = self.stats
        if stats is None:
            return RigView(
                node_id=self.node_id,
                node_name=self.name,
                connected=self.connected,
                age_s=self._age_s(now_s),
                error=self.reason,
                error_code=self.code,
                version=self.version,
                ping_ms=self.ping_ms,
            )
        return RigView(
            node_id=self.node_id,
            node_name=self.name,
            connected=self.connected,
            age_s=self._age_s(now_s),
            error=self.reason,
            error_code=self.code,
            uptime_s=stats.uptime_s,
            version=stats.version or self.version,
            ping_ms=self.ping_ms,
            miners=stats.miners,
            machine=stats.machine,
            problems=stats.problems,
            schedule=stats.schedule,
            locked=stats.locked,
        )


class RigSight(NamedTuple):
    """All that is known of a rig. ``stats_at_s``: when its stats were taken, on the fleet's clock."""

    view: RigView
    about: RigAbout
    stats_at_s: float | None


Watcher = Callable[[str, RigView | None], None]
Observer = Callable[[str, RigSight | None], None]


class Fleet:
    """All rigs this controller knows, by fingerprint. ``clock`` is monotonic, in seconds."""

    def __init__(self, *, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._rigs: dict[bytes, _Rig] = {}
        self._by_id: dict[str, _Rig] = {}
        self._watchers: list[Watcher] = []
        self._observers: list[Observer] = []

    def apply(self, event: FleetEvent) -> None:
        """Take in one event and tell the watchers which rig it changed. Events of unknown rigs change nothing."""
        if isinstance(event, RigKnown):
            held = self._rigs.setdefault(event.fingerprint, _Rig(event.node_id, event.name))
            self._by_id[held.node_id] = held
            held.name = event.name
            held.about = replace(event.about, remote=held.about.remote, clock_offset_ms=held.about.clock_offset_ms)
            held.changed()
            self._tell(held)
            return
        rig = self._rigs.get(event.fingerprint)
        if rig is None:
            return
        if isinstance(event, RigGone):
            del self._rigs[event.fingerprint], self._by_id[rig.node_id]
            for watcher in tuple(self._watchers):
                watcher(rig.node_id, None)
            for observer in tuple(self._observers):
                observer(rig.node_id, None)
            return
        rig.take(event)
        rig.changed()
        self._tell(rig)

    def rigs(self) -> dict[str, RigView]:
        """Return every rig by its node ID."""
        now_s = self._clock()
        return {rig.node_id: rig.view(now_s) for rig in self._rigs.values()}

    def views(self) -> Iterator[RigView]:
        """Yield every rig as it is when its turn comes: a large fleet can be gone through a little at a time."""
        return (rig.view(self._clock()) for rig in tuple(self._rigs.values()))

    def rigs_json(self) -> bytes:
        """Return ``rigs`` as JSON. For a large fleet this takes a fraction of encoding them all anew."""
        now_s = self._clock()
        return _encoder.encode({rig.node_id: rig.encodable(now_s) for rig in self._rigs.values()})

    def rig(self, fingerprint: bytes) -> RigView | None:
        """Return one rig, or ``None`` if it is not of this fleet."""
        rig = self._rigs.get(fingerprint)
        return None if rig is None else rig.view(self._clock())

    def of(self, node_id: str) -> RigView | None:
        """Return one rig by its ID, or ``None`` if it is not of this fleet."""
        rig = self._by_id.get(node_id)
        return None if rig is None else rig.view(self._clock())

    def fingerprints(self) -> Iterator[bytes]:
        """Yield the fingerprint of every rig."""
        yield from tuple(self._rigs)

    def __contains__(self, fingerprint: object) -> bool:
        return fingerprint in self._rigs

    def watch(self, watcher: Watcher) -> Callable[[], None]:
        """Have ``watcher(node_id, view or None when removed)`` called at each change; the answer undoes it."""
        self._watchers.append(watcher)
        return lambda: self._watchers.remove(watcher)

    def observe(self, observer: Observer) -> Callable[[], None]:
        """As ``watch``, with all that is known of the rig; every rig that is there already is shown at once."""
        self._observers.append(observer)
        now_s = self._clock()
        for rig in tuple(self._rigs.values()):
            observer(rig.node_id, _sight(rig, now_s))
        return lambda: self._observers.remove(observer)

    def _tell(self, rig: _Rig) -> None:
        if self._watchers or self._observers:
            sight = _sight(rig, self._clock())
            for watcher in tuple(self._watchers):
                watcher(rig.node_id, sight.view)
            for observer in tuple(self._observers):
                observer(rig.node_id, sight)


def _sight(rig: _Rig, now_s: float) -> RigSight:
    return RigSight(rig.view(now_s), rig.about, None if rig.stats is None else rig.stats_at_s)
