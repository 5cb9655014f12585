"""One miner under the watchdog: what its policy remembers, and what of that outlives the agent."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable
from pathlib import Path

import msgspec

from miner_ctrl.miners.heat import heat_of
from miner_ctrl.miners.instance import Instance
from miner_ctrl.miners.process import boot_id
from miner_ctrl.miners.record import PAUSED
from miner_ctrl.miners.watchdog import (
    Action,
    Cause,
    Memory,
    Seen,
    Verdict,
    attempt_failed,
    judge,
    postponed,
    reset,
    share_expected_every_s,
)
from miner_ctrl.model.machine import MachineStats
from miner_ctrl.model.miners import WatchStats
from miner_ctrl.model.rig import WatchdogSettings
from miner_ctrl.model.text import one_line
from miner_ctrl.storage.atomic import write_atomic

log = logging.getLogger(__name__)

WATCH_FILE = "watch.json"
BASELINES_FILE = "baselines.json"
MAX_BASELINES = 256
WORTH_WRITING = 0.01
"""A baseline that moved by less than this share is not written to the disk again."""


class Baselines:
    """What was learned of hashrates on this rig, by profile, part and algorithm; outlives agents and miners."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._known: dict[str, float] = {}

    def load(self) -> None:
        """Read what is there; what cannot be read is learned again."""
        with contextlib.suppress(OSError, msgspec.DecodeError, UnicodeDecodeError):
            self._known = msgspec.json.decode(self._path.read_bytes(), type=dict[str, float])

    def get(self, key: str) -> float | None:
        return self._known.get(key)

    def put(self, key: str, hashrate_hps: float) -> None:
        """Remember; the oldest of too many goes."""
        before = self._known.pop(key, 0.0)
        self._known[key] = hashrate_hps
        while len(self._known) > MAX_BASELINES:
            del self._known[next(iter(self._known))]
        if abs(hashrate_hps - before) > WORTH_WRITING * before:
            self._write()

    def forget(self, key: str) -> None:
        if self._known.pop(key, None) is not None:
            self._write()

    def _write(self) -> None:
        try:
            write_atomic(self._path, msgspec.json.encode(self._known))
        except OSError as error:
            log.warning("the learned hashrates could not be written: %s", error.strerror)


class _Kept(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """``watch.json``. Ages are of the moment it was written. ``boot``: the run of the machine in which the watchdog had
    it rebooted; after that the miner gets another chance."""

    written_at_ms: int
    rung_ages_s: tuple[float, ...] = ()
    restarts: int = 0
    gave_up: Cause | None = None
    reason: str = ""
    at_ms: int | None = None
    hot: bool = False
    boot: str = ""


class Guard:
    """Watches over ``instance``. ``clock`` is monotonic, in seconds; ``now_ms`` Unix time."""

    def __init__(
        self,
        instance: Instance,
        settings: WatchdogSettings,
        baselines: Baselines,
        *,
        machine: Callable[[], MachineStats | None],
        clock: Callable[[], float],
        now_ms: Callable[[], int],
    ) -> None:
        self.instance = instance
        self.memory = Memory()
        self._settings = settings
        self._baselines = baselines
        self._machine = machine
        self._clock = clock
        self._now_ms = now_ms
        self._at_ms: int | None = None
        self._accepted: int | None = None
        self._share_at_ms: int | None = None
        self._expected_s: float | None = None

    # --- looking ----------------------------------------------------------------------------------------

    def look(self) -> Action:
        """Judge the miner as it is now, remember, and return what to do."""
        seen = self._seen()
        if self._accepted is not None and seen.accepted > self._accepted:
            self._share_at_ms = self._now_ms()
        self._accepted = seen.accepted
        self._expected_s = share_expected_every_s(seen)
        verdict = judge(self._settings, self.memory, seen, self._clock())
        if verdict.baseline_hps is not None:
            self._baselines.put(seen.key, verdict.baseline_hps)
        return self._take(verdict)

    def failed(self, why: str) -> Action:
        """A restart of the watchdog's did not work: go on by the ladder."""
        return self._take(attempt_failed(self._settings, self.memory, why, self._clock()))

    def postponed(self, why: str) -> None:
        """A restart of the watchdog's could not be tried for lack of disk."""
        self._take(postponed(self._settings, self.memory, why, self._clock()))

    def give_up(self, why: str) -> None:
        """Try no more: what stands in the way does not go away by trying."""
        self._take(Verdict(msgspec.structs.replace(self.memory, gave_up=Cause.EXITED, reason=why, due_s=None)))

    def commanded(self) -> None:
        """A command came: the ladder begins anew. A hashrate that the miner was given up for is learned again."""
        if self.memory.gave_up is Cause.SLOW:
            self._baselines.forget(self.memory.key)
        self._at_ms = None
        self._take(Verdict(reset(self.memory)))

    def rebooting(self) -> None:
        """The machine is about to be rebooted for this miner: it gets another chance afterwards."""
        self._write(boot_id())

    @property
    def next_look_s(self) -> float | None:
        """When it is worth looking again before the next sample (monotonic)."""
        return self.memory.due_s

    def _take(self, verdict: Verdict) -> Action:
        before, self.memory = self.memory, verdict.memory
        told_before = (before.rungs, before.restarts, before.gave_up, before.reason, before.hot)
        told = (self.memory.rungs, self.memory.restarts, self.memory.gave_up, self.memory.reason, self.memory.hot)
        if told != told_before:
            if self.memory.reason and told[1:] != told_before[1:]:
                self._at_ms = self._now_ms()
            self._write("")
        self.describe()
        return verdict.action

    def _seen(self) -> Seen:
        instance = self.instance
        reading = instance.reading
        heat = heat_of(self._settings, self._machine(), reading, instance.record.config, instance.record.part)
        algorithm = reading.algorithm if reading else self.memory.key.rpartition(" ")[2]
        key = f"{instance.content_hash} {instance.record.part} {algorithm}" if algorithm else ""
        return Seen(
            state=instance.state,
            wanted_paused=instance.record.wanted == PAUSED,
            down=instance.reason,
            hot=heat.hot,
            cool=heat.cool,
            key=key,
            baseline_hps=self._baselines.get(key),
            hashrate_hps=reading.hashrates_hps.s10 if reading else None,
            difficulty=reading.difficulty if reading else None,
            accepted=reading.accepted if reading else self.memory.accepted,
            pool_there=bool(reading and reading.pool_connected),
            pool_away=bool(reading and reading.pool_connected is False),
        )

    # --- telling ----------------------------------------------------------------------------------------

    def describe(self) -> None:
        """Put into the miner's statistics what there is to know."""
        memory = self.memory
        due_ms = None
        if memory.due_s is not None:
            due_ms = self._now_ms() + max(0, round((memory.due_s - self._clock()) * 1000))
        self.instance.watch = WatchStats(
            restarts=memory.restarts,
            gave_up=memory.gave_up is not None,
            last_reason=one_line(memory.reason, 900),
            last_at_ms=self._at_ms,
            next_try_at_ms=due_ms,
            baseline_hps=self._baselines.get(memory.key) if memory.key else None,
            share_expected_every_s=self._expected_s,
            last_share_at_ms=self._share_at_ms,
        )
        self.instance.remark = one_line(self._remark(), 1000)

    def _remark(self) -> str:
        memory = self.memory
        if memory.hot and memory.gave_up is Cause.HOT:
            return f"Paused until a command says otherwise, for it became too hot again and again: {memory.reason}"
        if memory.hot:
            return (
                f"Paused by the watchdog: {memory.reason} It goes on by itself {self._settings.cool_by_c:g} °C lower."
            )
        if memory.gave_up is not None:
            tried = len(memory.rungs) or memory.restarts
            after = f" after {tried} restart{'s' if tried != 1 else ''}" if tried else ""
            return f"The watchdog has given up{after}: {memory.reason}"
        if memory.cause in (Cause.SLOW, Cause.NO_SHARES) and memory.due_s is not None:
            return memory.reason
        return ""

    # --- what outlives the agent ------------------------------------------------------------------------

    def load(self) -> None:
        """Take up what the last agent left; what cannot be read counts for nothing."""
        try:
            kept = msgspec.json.decode((self.instance.folder / WATCH_FILE).read_bytes(), type=_Kept)
        except FileNotFoundError:
            return
        except (OSError, msgspec.DecodeError, UnicodeDecodeError) as error:
            log.warning("what the watchdog knew of %s cannot be read: %s", self.instance.record.name, error)
            return
        since_s = max(0.0, (self._now_ms() - kept.written_at_ms) / 1000)
        another_chance = bool(kept.boot) and kept.boot != boot_id()
        self._at_ms = kept.at_ms
        self.memory = Memory(
            rungs=tuple(self._clock() - age_s - since_s for age_s in kept.rung_ages_s),
            restarts=kept.restarts,
            gave_up=None if another_chance else kept.gave_up,
            reason=kept.reason,
            hot=kept.hot,
        )
        self.describe()

    def _write(self, boot: str) -> None:
        memory, now_s = self.memory, self._clock()
        kept = _Kept(
            written_at_ms=self._now_ms(),
            rung_ages_s=tuple(now_s - rung for rung in memory.rungs),
            restarts=memory.restarts,
            gave_up=memory.gave_up,
            reason=memory.reason,
            at_ms=self._at_ms,
            hot=memory.hot,
            boot=boot,
        )
        try:
            write_atomic(self.instance.folder / WATCH_FILE, msgspec.json.encode(kept))
        except OSError as error:
            log.warning("what the watchdog knows of %s could not be written: %s", self.instance.record.name, error)
