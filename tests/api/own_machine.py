"""The faces of a machine of one's own as small implementations in memory: doctor, programs, history, lock, miners."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from typing import Any

import msgspec

from miner_ctrl.errors import NotFound
from miner_ctrl.miners import LogPart
from miner_ctrl.model.audit_views import AuditCheckView, AuditEntryView, AuditStatusView
from miner_ctrl.model.callers import Caller
from miner_ctrl.model.doctor import Diagnosis, Finding, MachineInfo, MinerProgram, Severity
from miner_ctrl.model.history import HistorySettings
from miner_ctrl.model.installs import InstallOrder, InstallView, NewerProgram, UpdatesView
from miner_ctrl.model.miners import InstalledMiner, MinerState, MinerStats
from miner_ctrl.model.rig import Lock, Schedule, ScheduleState
from miner_ctrl.model.views import (
    BandsView,
    BandView,
    GapView,
    HashratePointView,
    HistoryEventView,
    HistoryPointView,
    HistoryStatusView,
    LineView,
    LockView,
    MinerHistoryView,
    RetentionView,
    RigEventView,
    SeriesView,
)

MINER = "xmrig-1"


RUNNING = MinerStats(name=MINER, type="xmrig", state=MinerState.MINING, hashrate_hps=1000.0, algorithm="rx/0")


class Doctor:
    """A machine that lacks one thing."""

    async def info(self) -> MachineInfo:
        return MachineInfo(
            os="Debian GNU/Linux 13 (trixie)",
            architecture="x86_64",
            available_cpu_cores=16,
            total_system_ram_gb=31.3,
            timestamp="2026-01-01T00:00:00Z",
            version="0.1.0",
            installed_miners_info=(
                MinerProgram(
                    type="xmrig", is_installed=True, version="6.26.0", path="/usr/bin", miner_binary="/usr/bin/xmrig"
                ),
            ),
        )

    async def examine(self) -> Diagnosis:
        finding = Finding(id="huge-pages", severity=Severity.WARNING, title="No huge pages are reserved")
        return Diagnosis(**msgspec.structs.asdict(await self.info()), findings=(finding,))


class Installs:
    """One type can be installed; what was asked for is in ``calls``."""

    def __init__(self) -> None:
        self.calls: list[tuple[object, ...]] = []

    async def install(self, miner_type: str, order: InstallOrder) -> InstallView:
        self.calls.append(("install", miner_type, order))
        return self._did("installed", miner_type)

    async def uninstall(self, miner_type: str) -> InstallView:
        self.calls.append(("uninstall", miner_type))
        return self._did("uninstalled", miner_type)

    async def updates(self) -> UpdatesView:
        newer = NewerProgram(installed="6.22.2", available="6.26.0", source="package", fix="miner-ctrl install xmrig")
        return UpdatesView(updates_available={"xmrig": newer})

    def _did(self, status: str, miner_type: str) -> InstallView:
        if miner_type != "xmrig":
            raise NotFound("There is no such miner type.", code="UNKNOWN_MINER_TYPE")
        return InstallView(status=status, miner=MinerProgram(type=miner_type, is_installed=status == "installed"))


class History:
    """One event, one sample, one miner of one rig. What a real one answers: ``test_history.py``."""

    def __init__(self) -> None:
        self.happened = ["started"]
        self.kept = RetentionView(samples_hours=24, minutes_days=30, hours_days=730, events_days=730)
        self.told: list[Callable[[], None]] = []

    def happen(self, kind: str) -> None:
        self.happened.append(kind)
        for told in self.told:
            told()

    def watch_events(self, told: Callable[[], None]) -> Callable[[], None]:
        self.told.append(told)
        return lambda: self.told.remove(told)

    async def status(self) -> HistoryStatusView:
        return HistoryStatusView(
            enabled=True, retention_days=730, retention=self.kept, database="sqlite", problem="", bytes=1, rig_days=0,
            bytes_per_rig_day=None,
        )  # fmt: skip

    def retention(self) -> RetentionView:
        return self.kept

    async def keep(self, settings: HistorySettings) -> RetentionView:
        self.kept = RetentionView(**msgspec.structs.asdict(settings))
        return self.kept

    async def bands(self, peers: Sequence[str], *, since_ms: int, until_ms: int, points: int) -> BandsView:
        line = LineView(name="rx/0", values=(1.0, None))
        bands = tuple(
            BandView(peer_id=peer, peer_name=peer, states="m-", hashrate=(line,), events=()) for peer in peers
        )
        return BandsView(start_ms=since_ms, step_ms=60_000, points=2, table="minutes", bands=bands)

    async def miners(
        self, peer: str | None, *, since_ms: int, until_ms: int, offset: int, limit: int
    ) -> tuple[list[MinerHistoryView], int]:
        return [await self.miner(MINER, None, since_ms=since_ms, until_ms=until_ms)][offset : offset + limit], 1

    async def miner(self, name: str, peer: str | None, *, since_ms: int, until_ms: int) -> MinerHistoryView:
        if name != MINER:
            raise NotFound("There is no history of it.", code="MINER_NOT_FOUND")
        return MinerHistoryView(
            miner_name=MINER, peer_id="", peer_name="", total_points=1, average_rate=1.0, max_rate=1.0, min_rate=1.0,
            algorithm="rx/0", algorithms=("rx/0",), shares=0, rejected=0, mining=1.0, first_at="", last_at="",
        )  # fmt: skip

    async def miner_hashrate(
        self, name: str, peer: str | None, *, since_ms: int, until_ms: int, points: int
    ) -> list[HistoryPointView]:
        return [HistoryPointView(timestamp="1970-01-01T00:00:00Z", hashrate=None)]

    async def rig_hashrate(
        self, query: str, *, since_ms: int, until_ms: int, points: int, algorithm: str
    ) -> list[HistoryPointView]:
        return [HistoryPointView(timestamp="1970-01-01T00:00:00Z", hashrate=1.0, algorithm="rx/0")]

    async def series(self, query: str, what: str, *, since_ms: int, until_ms: int, points: int) -> SeriesView:
        line = LineView(name="rx/0", values=(1.0, None))
        return SeriesView(what=what, unit="", start_ms=0, step_ms=1, points=2, table="minutes", lines=(line,))

    async def fleet_hashrate(self, *, since_ms: int, until_ms: int, points: int) -> SeriesView:
        return await self.series("", "hashrate", since_ms=since_ms, until_ms=until_ms, points=points)

    async def rig_events(self, query: str, *, since_ms: int, limit: int) -> list[RigEventView]:
        return [RigEventView(at_ms=5, rig_at_ms=5, kind="started", journal="j", seq=1)] if since_ms <= 5 else []

    async def events(
        self,
        *,
        since_ms: int,
        until_ms: int,
        kinds: tuple[str, ...],
        peer: str | None,
        text: str,
        cursor: str,
        limit: int,
    ) -> list[HistoryEventView]:
        return [
            HistoryEventView(at="1970-01-01T00:00:00Z", at_ms=4 + seq, kind=kind, cursor=f"{4 + seq}-1-{seq}")
            for seq, kind in enumerate(self.happened, 1)
        ][::-1][:limit]

    async def samples(self, query: str, *, since_ms: int, until_ms: int, limit: int) -> list[HashratePointView]:
        point = HashratePointView(
            at_ms=6, rig_at_ms=6, miner=MINER, state="mining", hashrate_hps=1000.0, journal="j", seq=2
        )
        return [point] if since_ms <= 6 <= until_ms else []

    async def gaps(self, query: str) -> list[GapView]:
        return [GapView(journal="j", first=1, last=3, noted_ms=7)]

    async def export(
        self, what: str, form: str, peer: str | None, *, since_ms: int, until_ms: int
    ) -> AsyncGenerator[bytes, None]:
        yield b"time\r\n"


class OwnLock:
    def __init__(self) -> None:
        self.held: Lock | None = None

    def lock(self) -> LockView:
        held = self.held
        return LockView(locked=held is not None, wallets=held.wallets if held else ())

    async def set_lock(self, lock: Lock) -> LockView:
        self.held = lock
        return self.lock()

    async def clear_lock(self) -> LockView:
        self.held = None
        return self.lock()


class Audit:
    """A log in memory: what was asked, in order, with how it ended (``None``: it has not)."""

    def __init__(self) -> None:
        self.log: list[list[Any]] = []
        self.wanted: dict[str, object] = {}
        self.parts: list[bytes | Exception] = [b"one\n", b"two\n"]

    def asked(self, caller: Caller, action: str, target: Mapping[str, str], body: msgspec.Struct | None) -> int:
        self.log.append([caller, action, dict(target), body, None])
        return len(self.log)

    def ended(self, entry: int, code: str) -> None:
        assert self.log[entry - 1][-1] is None, "it has ended already"
        self.log[entry - 1][-1] = code

    def noted(self, caller: Caller, action: str, target: Mapping[str, str], code: str = "") -> None:
        self.log.append([caller, action, dict(target), None, code])

    async def entries(self, **wanted: Any) -> list[AuditEntryView]:
        self.wanted = wanted
        return [
            AuditEntryView(
                seq=4, at_ms=5, kind="asked", of=0, door="owner", role="admin", caller="", caller_id="", address="",
                action="stop_miner", target="{}", body="{}", code="", prev="", hash="", signature="",
            )
        ]  # fmt: skip

    async def status(self) -> AuditStatusView:
        return AuditStatusView(
            entries=4, at_ms=5, hash="aGFzaA==", size_bytes=8192, waiting=0, lost=0, problem="", heads=()
        )

    async def check(self) -> AuditCheckView:
        return AuditCheckView(
            ok=False, found="changed", seq=2, text="Entry 2 was changed.", entries=0, first=1, last_at_ms=0, hash="",
            tail_checked=False,
        )  # fmt: skip

    async def export(self, format_: str, *, since_ms: int) -> AsyncGenerator[bytes, None]:
        self.wanted = {"format": format_, "since_ms": since_ms}
        for part in self.parts:
            if isinstance(part, Exception):
                raise part
            yield part


class Rig:
    """This machine's miners: one that runs, and one that was adopted."""

    def __init__(self) -> None:
        self.calls: list[tuple[object, ...]] = []
        self.kept: Schedule | None = None
        self.feed: asyncio.Queue[LogPart | None] = asyncio.Queue()

    async def miners(self) -> Sequence[MinerStats]:
        down = MinerStats(name="xmrig-2", type="xmrig", state=MinerState.CRASHED, reason="It ended by itself.")
        return (RUNNING, down)

    async def miner(self, name: str) -> MinerStats:
        self._known(name)
        return RUNNING

    async def available(self) -> Sequence[InstalledMiner]:
        return (InstalledMiner(type="xmrig", installed=True, version="6.26.0", capabilities=("pause",)),)

    async def logs(self, name: str, lines: int) -> list[str]:
        self._known(name)
        return [f"line {number}" for number in range(lines)]

    async def follow_logs(self, name: str, lines: int) -> AsyncIterator[LogPart]:
        self._known(name)
        yield LogPart([f"line {number}" for number in range(lines)], 0)
        while (part := await self.feed.get()) is not None:
            yield part

    def hashrates(self, name: str) -> Sequence[tuple[int, float | None]]:
        self._known(name)
        return ((0, None), (10_000, 1000.0))

    async def start(self, profile: str, *, replace: str | None = None) -> Sequence[str]:
        if profile == "gone":
            raise NotFound("There is no such profile.", code="PROFILE_NOT_FOUND")
        return self._did("start", profile, replace)

    async def stop(self, name: str | None) -> Sequence[str]:
        return self._did("stop", name)

    async def restart(self, name: str | None) -> Sequence[str]:
        return self._did("restart", name)

    async def pause(self, name: str | None, resume_after_s: float | None) -> Sequence[str]:
        return self._did("pause", name, resume_after_s)

    async def resume(self, name: str | None) -> Sequence[str]:
        return self._did("resume", name)

    async def type(self, name: str, line: str) -> None:
        self._did("type", name, line)

    async def adopt(self, miner_type: str, *, port: int, token: str, name: str | None) -> str:
        self.calls.append(("adopt", miner_type, port, token, name))
        return name or "xmrig-3"

    async def release(self, name: str) -> None:
        self._did("release", name)

    def schedule(self) -> ScheduleState | None:
        return None if self.kept is None else ScheduleState(schedule=self.kept, now="pause", until_ms=60_000)

    def set_schedule(self, schedule: Schedule) -> None:
        self.kept = schedule

    def _known(self, name: str) -> None:
        if name != MINER:
            raise NotFound(f"There is no miner {name!r} here.", code="MINER_NOT_FOUND")

    def _did(self, what: str, name: str | None, *rest: object) -> Sequence[str]:
        if what != "start" and name is not None:
            self._known(name)
        self.calls.append((what, name, *rest))
        return (MINER,)
