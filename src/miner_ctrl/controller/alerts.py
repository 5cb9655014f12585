"""What needs somebody's attention: a pure reducer from faults as they are seen to alerts that do not flap.

A fault becomes an alert once it has been there for long enough, and stops being one once it has been gone for long
enough; if it comes back meanwhile, it is the same alert. Rigs, faults and the time (seconds, of a monotonic clock, and
Unix ms) go in. There are at most ``MAX_ALERTS``; those beyond are counted, in one alert more.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import msgspec
from msgspec.structs import replace

from miner_ctrl.controller.faults import Fault
from miner_ctrl.model.summaries import Alert, AlertKind, Severity

MAX_ALERTS = 1000
MORE_ID = "more"

Watcher = Callable[[str, Alert | None], None]
_Key = tuple[str, AlertKind, str, str]


class _Held(msgspec.Struct, kw_only=True):
    """A fault that was seen: not yet an alert while ``alert`` is ``None``."""

    fault: Fault
    name: str
    first_s: float
    first_ms: int
    gone_s: float | None = None
    alert: Alert | None = None


class Alerts:
    """The alerts of all rigs; ``rig`` is a node ID, empty for what is of none."""

    def __init__(self) -> None:
        self._rigs: dict[str, dict[_Key, _Held]] = {}
        self._turning: set[_Key] = set()
        """Those for which time decides: not sure yet, or gone and not over yet."""
        self._standing: dict[str, Alert] = {}
        self._beyond: dict[str, _Held] = {}
        """Alerts for which there is no room, the oldest first."""
        self._watchers: list[Watcher] = []

    def see(self, rig: str, name: str, faults: Iterable[Fault], now_s: float, now_ms: int) -> None:
        """Take in what is wrong with a rig now; what is not among ``faults`` is not."""
        held_all = self._rigs.setdefault(rig, {})
        seen: set[_Key] = set()
        for fault in faults:
            key = (rig, fault.kind, fault.miner, fault.key)
            seen.add(key)
            held = held_all.get(key)
            if held is None:
                held = held_all[key] = _Held(fault=fault, name=name, first_s=now_s, first_ms=now_ms)
                self._turning.add(key)
            elif held.gone_s is not None:
                held.gone_s = None
                if held.alert is None:  # it was not sure yet: it begins anew
                    held.first_s, held.first_ms = now_s, now_ms
                else:
                    self._put(held, replace(held.alert, easing=False, times=held.alert.times + 1))
            held.fault, held.name = fault, name
            if held.alert is None:
                self._appear_if_sure(key, held, now_s)
            else:
                self._turning.discard(key)
                self._put(held, _told(held.alert, held))
        for key in held_all.keys() - seen:
            held = held_all[key]
            if held.gone_s is None:
                held.gone_s = now_s
                self._turning.add(key)
                if held.alert is not None:
                    self._put(held, replace(held.alert, easing=True))
            self._end_if_over(key, held, now_s)
        if not held_all:
            self._rigs.pop(rig, None)

    def gone(self, rig: str) -> None:
        """A rig was removed, and what was wrong with it."""
        for key, held in self._rigs.pop(rig, {}).items():
            self._turning.discard(key)
            self._drop(held)

    def turning(self) -> tuple[_Key, ...]:
        """Return those for which time decides."""
        return tuple(self._turning)

    def tick(self, now_s: float, turning: Iterable[_Key]) -> set[str]:
        """Let time pass for some of ``turning``; return the rigs whose alerts came or went."""
        changed: set[str] = set()
        for key in turning:
            if key not in self._turning:  # it was decided meanwhile
                continue
            held = self._rigs[key[0]][key]
            before = held.alert
            if held.gone_s is None:
                self._appear_if_sure(key, held, now_s)
            else:
                self._end_if_over(key, held, now_s)
            if held.alert is not before:
                changed.add(key[0])
        return changed

    def all(self) -> list[Alert]:
        """Return every alert, the worst first, and of those as bad the newest first."""
        return sorted(self.by_id().values(), key=lambda alert: (alert.severity.rank, -alert.since_ms, alert.id))

    def by_id(self) -> dict[str, Alert]:
        """Return every alert by its ID."""
        more = self._more()
        return {**self._standing, MORE_ID: more} if more else dict(self._standing)

    def worst(self, rig: str) -> Alert | None:
        """Return the worst that stands of a rig and is not easing."""
        found = [
            held.alert for held in self._rigs.get(rig, {}).values() if held.alert is not None and not held.alert.easing
        ]
        return min(found, key=lambda alert: (alert.severity.rank, alert.since_ms), default=None)

    def counts(self) -> dict[Severity, int]:
        """Return how many stand, by severity."""
        found = dict.fromkeys(Severity, 0)
        for alert in self._standing.values():
            found[alert.severity] += 1
        return found

    def watch(self, watcher: Watcher) -> Callable[[], None]:
        """Have ``watcher(id, alert or None when over)`` called at each change; the answer undoes it."""
        self._watchers.append(watcher)
        return lambda: self._watchers.remove(watcher)

    def _appear_if_sure(self, key: _Key, held: _Held, now_s: float) -> None:
        if now_s - held.first_s < held.fault.sure_after_s:
            return
        self._turning.discard(key)
        fault = held.fault
        id_ = "-".join(part for part in (key[0], fault.kind.value, fault.miner, fault.key, str(held.first_ms)) if part)
        alert = Alert(
            id=id_, kind=fault.kind, severity=fault.severity, text="", since_ms=held.first_ms, rig=key[0],
            miner=fault.miner,
        )  # fmt: skip
        self._put(held, _told(alert, held))

    def _end_if_over(self, key: _Key, held: _Held, now_s: float) -> None:
        wait_s = held.fault.over_after_s if held.alert is not None else 0.0
        if held.gone_s is None or now_s - held.gone_s < wait_s:
            return
        self._turning.discard(key)
        held_all = self._rigs[key[0]]
        del held_all[key]
        if not held_all:
            del self._rigs[key[0]]
        self._drop(held)

    def _put(self, held: _Held, alert: Alert) -> None:
        if held.alert == alert:
            return
        is_new = held.alert is None
        held.alert = alert
        if is_new and len(self._standing) >= MAX_ALERTS:
            self._beyond[alert.id] = held
            self._tell_of_more()
        elif is_new or alert.id in self._standing:
            self._stand(alert)

    def _drop(self, held: _Held) -> None:
        if held.alert is None:
            return
        id_, held.alert = held.alert.id, None
        if self._beyond.pop(id_, None) is not None:
            self._tell_of_more()
            return
        del self._standing[id_]
        self._tell(id_, None)
        if self._beyond:
            waiting = self._beyond.pop(next(iter(self._beyond)))
            if waiting.alert is not None:
                self._stand(waiting.alert)
            self._tell_of_more()

    def _stand(self, alert: Alert) -> None:
        self._standing[alert.id] = alert
        self._tell(alert.id, alert)

    def _tell_of_more(self) -> None:
        self._tell(MORE_ID, self._more())

    def _more(self) -> Alert | None:
        if not self._beyond:
            return None
        first = next(iter(self._beyond.values()))
        return Alert(
            id=MORE_ID,
            kind=AlertKind.MORE,
            severity=Severity.CRITICAL,
            text=f"There are {len(self._beyond):,} more alerts than the {MAX_ALERTS:,} that are listed.",
            since_ms=first.first_ms,
            suggestion="See to what many rigs have in common: a switch, a pool, the power.",
        )

    def _tell(self, id_: str, alert: Alert | None) -> None:
        for watcher in tuple(self._watchers):
            watcher(id_, alert)


def _told(alert: Alert, held: _Held) -> Alert:
    fault = held.fault
    return replace(
        alert,
        severity=fault.severity,
        text=fault.text,
        rig_name=held.name,
        suggestion=fault.suggestion,
        action=fault.action,
    )
