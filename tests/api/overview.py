"""The fleet at a glance as a test puts it there."""

from __future__ import annotations

from collections.abc import Callable

from miner_ctrl.model.summaries import Alert, AlertKind, FleetTotals, RigState, RigSummary, Severity

RIG_ID = "a1b2c3d4e5f60718"


def rig_row(id_: str = RIG_ID, name: str = "rig-alpha", hashrate: float = 1000.0) -> RigSummary:
    return RigSummary(id=id_, name=name, state=RigState.MINING, since_ms=5, hashrate_hps={"rx/0": hashrate}, mining=1)


def alert(id_: str = "a1", rig: str = RIG_ID, severity: Severity = Severity.CRITICAL) -> Alert:
    return Alert(id=id_, kind=AlertKind.CRASHED, severity=severity, text="It crashed.", since_ms=7, rig=rig)


class Overview:
    """Rows and alerts that a test puts there."""

    def __init__(self) -> None:
        self.row_of: dict[str, RigSummary] = {RIG_ID: rig_row()}
        self.alert_of: dict[str, Alert] = {"a1": alert()}
        self.row_watchers: list[Callable[[str, RigSummary | None], None]] = []
        self.alert_watchers: list[Callable[[str, Alert | None], None]] = []

    def rows(self) -> dict[str, RigSummary]:
        return dict(self.row_of)

    def totals(self) -> FleetTotals:
        return FleetTotals(rigs=len(self.row_of), critical=len(self.alert_of))

    def alerts(self) -> list[Alert]:
        return list(self.alert_of.values())

    def alerts_by_id(self) -> dict[str, Alert]:
        return dict(self.alert_of)

    def watch_rows(self, watcher: Callable[[str, RigSummary | None], None], /) -> Callable[[], None]:
        self.row_watchers.append(watcher)
        return lambda: self.row_watchers.remove(watcher)

    def watch_alerts(self, watcher: Callable[[str, Alert | None], None], /) -> Callable[[], None]:
        self.alert_watchers.append(watcher)
        return lambda: self.alert_watchers.remove(watcher)

    def put(self, row: RigSummary) -> None:
        self.row_of[row.id] = row
        for watcher in tuple(self.row_watchers):
            watcher(row.id, row)

    def drop(self, id_: str) -> None:
        del self.row_of[id_]
        for watcher in tuple(self.row_watchers):
            watcher(id_, None)

    def raise_alert(self, alert: Alert) -> None:
        self.alert_of[alert.id] = alert
        for watcher in tuple(self.alert_watchers):
            watcher(alert.id, alert)
