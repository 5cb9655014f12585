"""The fleet at a glance: what counts as now, what is trouble, and alerts that do not flap."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from miner_ctrl.controller.alerts import MAX_ALERTS, MORE_ID, Alerts
from miner_ctrl.controller.faults import FRESH_FOR_S, MAX_FAULTS, Fault
from miner_ctrl.controller.fleet import (
    Fleet,
    RigAbout,
    RigConnected,
    RigGone,
    RigKnown,
    RigMissing,
    RigPinged,
    RigReported,
    RigScored,
)
from miner_ctrl.controller.overview import RIGS_AT_ONCE, Overview
from miner_ctrl.controller.summaries import MAX_ALGORITHMS
from miner_ctrl.model.machine import GpuStats, MachineStats
from miner_ctrl.model.miners import DeviceStats, MinerState, MinerStats, NodeStats, WatchStats
from miner_ctrl.model.summaries import Alert, AlertKind, FleetTotals, RigState, RigSummary, Severity
from miner_ctrl.model.views import PendingView

ALPHA, ALPHA_ID = b"a" * 32, "a" * 16
BETA, BETA_ID = b"b" * 32, "b" * 16
DAY_MS = 1_700_000_000_000


class Desk:
    """A fleet and its overview, with a clock that a test moves."""

    def __init__(self, *, rigs: bool = True) -> None:
        self.now_s = 1000.0
        self.hashes: dict[str, str] = {}
        self.pending: list[PendingView] = []
        self.fleet = Fleet(clock=lambda: self.now_s)
        self.overview = Overview(
            self.fleet,
            clock=lambda: self.now_s,
            now_ms=lambda: DAY_MS + round((self.now_s - 1000) * 1000),
            hashes=lambda: self.hashes,
            pending=lambda: self.pending,
        )
        self.fleet.observe(self.overview._see)
        if rigs:
            about = RigAbout(tags=("shed",), address="10.0.0.1:9091", score=70, last_seen_ms=5)
            self.fleet.apply(RigKnown(ALPHA, ALPHA_ID, "rig-alpha", about))
            self.fleet.apply(RigKnown(BETA, BETA_ID, "rig-beta"))

    def pass_time(self, seconds: float, step_s: float = 1.0) -> None:
        end_s = self.now_s + seconds
        while self.now_s < end_s:
            self.now_s = min(end_s, self.now_s + step_s)
            self.overview.tick()

    def connect(self, fingerprint: bytes = ALPHA) -> None:
        self.fleet.apply(RigConnected(fingerprint, "1.2", "10.0.0.9"))

    def report(self, *miners: MinerStats, fingerprint: bytes = ALPHA, **stats: Any) -> None:
        report = NodeStats(node_id="x", node_name="x", at_ms=1, version="1.3", miners=miners, **stats)
        self.fleet.apply(RigReported(fingerprint, report, self.now_s))

    def row(self, node_id: str = ALPHA_ID) -> RigSummary:
        return self.overview.rows()[node_id]

    def kinds(self) -> list[AlertKind]:
        return [alert.kind for alert in self.overview.alerts()]


def mining(name: str = "xmrig-1", hashrate: float | None = 1000.0, **fields: Any) -> MinerStats:
    fields = {"algorithm": "rx/0", "profile_name": "main", "state": MinerState.MINING, **fields}
    return MinerStats(name=name, type="xmrig", hashrate_hps=hashrate, **fields)


@pytest.fixture
def desk() -> Desk:
    return Desk()


# --- rows -------------------------------------------------------------------------------------------------------


def test_a_row_says_what_a_rig_is_and_does(desk: Desk) -> None:
    desk.connect()
    machine = MachineStats(cpu_temperature_c=61.0, gpus=(GpuStats(index=0, temperature_c=72.0, power_w=110.0),))
    desk.report(
        mining(accepted=5, rejected=1), mining("xmrig-2", 500.0, accepted=2, algorithm="gr", profile_name="other"),
        mining("xmrig-3", 250.04), mining("xmrig-4", 99.0, state=MinerState.STOPPED),
        machine=machine, schedule="profile:night", locked=True,
    )  # fmt: skip
    desk.fleet.apply(RigPinged(ALPHA, 12.5, 3.0))
    assert desk.row() == RigSummary(
        id=ALPHA_ID, name="rig-alpha", state=RigState.MINING, since_ms=DAY_MS, seen_at_ms=DAY_MS, connected=True,
        tags=("shed",), address="10.0.0.1:9091", hashrate_hps={"rx/0": 1250.0, "gr": 500.0}, miners=4, mining=3,
        shares=7, rejected=1, temperature_c=72.0, power_w=110.0, ping_ms=12.5, score=70, running=("main", "other"),
        assigned="night", version="1.3", locked=True, schedule="profile:night",
    )  # fmt: skip


def test_a_row_is_compact(desk: Desk) -> None:
    desk.connect()
    desk.report(mining(accepted=123), machine=MachineStats(cpu_temperature_c=61.0))
    assert len(msgspec.json.encode(desk.row())) < 420


def test_what_the_registry_changes_flows_into_the_row(desk: Desk) -> None:
    desk.fleet.apply(RigKnown(ALPHA, ALPHA_ID, "renamed", RigAbout(tags=("barn",), score=70)))
    desk.connect()
    desk.fleet.apply(RigScored(ALPHA, 71))
    row = desk.row()
    assert (row.name, row.tags, row.score, row.address) == ("renamed", ("barn",), 71, "10.0.0.9")
    desk.fleet.apply(RigGone(ALPHA))
    assert list(desk.overview.rows()) == [BETA_ID]


def test_a_rig_that_goes_offline_has_no_numbers_of_now(desk: Desk) -> None:
    desk.connect()
    desk.report(mining(), machine=MachineStats(cpu_temperature_c=61.0))
    desk.pass_time(5)
    desk.fleet.apply(RigMissing(ALPHA, "The link was lost.", "DISCONNECTED"))
    row = desk.row()
    assert (row.state, row.since_ms, row.seen_at_ms) == (RigState.OFFLINE, DAY_MS + 5000, DAY_MS)
    assert (row.hashrate_hps, row.miners, row.mining, row.temperature_c, row.running) == ({}, 0, 0, None, ())
    assert (row.problem, row.problem_code, row.version) == ("The link was lost.", "DISCONNECTED", "1.3")
    assert desk.overview.totals().hashrate_hps == {}


def test_since_when_a_rig_is_away_is_known_from_before_this_node_started(desk: Desk) -> None:
    assert (desk.row().state, desk.row().since_ms) == (RigState.OFFLINE, 5)
    assert desk.row(BETA_ID).since_ms is None


def test_numbers_that_are_old_are_not_of_now(desk: Desk) -> None:
    desk.connect()
    desk.report(mining())
    desk.pass_time(FRESH_FOR_S - 1)
    assert desk.row().state is RigState.MINING
    desk.pass_time(3)
    assert (desk.row().state, desk.row().hashrate_hps) == (RigState.IDLE, {})
    desk.pass_time(12)
    row = desk.row()
    assert (row.state, row.problem_code) == (RigState.TROUBLE, "silent")
    assert row.problem == "It is connected and sends no numbers any more."
    desk.report(mining())
    assert (desk.row().state, desk.row().problem) == (RigState.MINING, "")


def test_a_fleet_that_gets_old_at_once_is_looked_at_in_parts() -> None:
    desk = Desk(rigs=False)
    fingerprints = [f"rig-{number:028}".encode() for number in range(5 * RIGS_AT_ONCE)]
    ids = {fingerprint: f"{number:016x}" for number, fingerprint in enumerate(fingerprints)}
    for fingerprint, node_id in ids.items():
        desk.fleet.apply(RigKnown(fingerprint, node_id, node_id))
        desk.connect(fingerprint)
        desk.report(mining(), fingerprint=fingerprint)
    told: list[str] = []
    desk.overview.watch_rows(lambda node_id, _: told.append(node_id))
    removed, back = fingerprints[-1], fingerprints[-2]
    parts: list[int] = []
    for passed_s in (FRESH_FOR_S + 1, 11.0):  # they are old; then it is sure that they are silent
        desk.now_s += passed_s
        for _ in desk.overview.tick_in_parts():
            parts.append(len(told))
            told.clear()
            if removed in ids:  # meanwhile one goes, and one is heard of
                del ids[removed]
                desk.fleet.apply(RigGone(removed))
                desk.report(mining(), fingerprint=back)
                told.clear()
        parts.append(len(told))
        told.clear()
    assert max(parts) <= RIGS_AT_ONCE
    rows = desk.overview.rows()
    assert rows.keys() == set(ids.values())
    states = {row.id: row.state for row in rows.values()}
    assert states.pop(ids[back]) is RigState.MINING
    assert set(states.values()) == {RigState.TROUBLE}


@pytest.mark.parametrize(
    ("miners", "state"),
    [
        ((), RigState.IDLE),
        ((mining(state=MinerState.STARTING),), RigState.IDLE),
        ((mining(state=MinerState.STOPPED),), RigState.IDLE),
        ((mining(state=MinerState.PAUSED),), RigState.PAUSED),
        ((mining(state=MinerState.PAUSED), mining("b")), RigState.MINING),
        ((mining(state=MinerState.CRASHED), mining("b")), RigState.TROUBLE),
        ((mining(state=MinerState.UNRESPONSIVE),), RigState.TROUBLE),
    ],
)
def test_the_state_in_one_word(desk: Desk, miners: tuple[MinerStats, ...], state: RigState) -> None:
    desk.connect()
    desk.report(*miners)
    assert desk.row().state is state


def test_hostile_numbers_and_names_are_bounded(desk: Desk) -> None:
    desk.connect()
    wild = [mining(f"m{number}", 1.0, algorithm=f"a{number}\x1b{'x' * 100}") for number in range(60)]
    desk.report(
        mining("nan", float("nan")), mining("inf", float("inf")), mining("minus", -5.0), *wild,
        mining("most", 1.7e308), mining("beyond", 1.01e15), mining("shares", 1.0, accepted=2**53, rejected=2**53),
        mining("few", 1.0, accepted=7, rejected=1),
        machine=MachineStats(cpu_temperature_c=float("inf"), gpus=(GpuStats(index=0, power_w=float("nan")),)),
    )  # fmt: skip
    row = desk.row()
    assert "rx/0" not in row.hashrate_hps, "none of these can be a hashrate"
    assert len(row.hashrate_hps) == MAX_ALGORITHMS
    assert all("\x1b" not in name and len(name) <= 32 for name in row.hashrate_hps)
    assert set(row.hashrate_hps.values()) == {1.0}
    assert (row.power_w, row.temperature_c) == (None, None)
    assert (row.shares, row.rejected) == (7, 1)
    assert b"null" not in msgspec.json.encode(row)


# --- totals -----------------------------------------------------------------------------------------------------


def test_what_one_rig_makes_up_stands_behind_what_many_mine(desk: Desk) -> None:
    for fingerprint in (ALPHA, BETA):
        desk.connect(fingerprint)
    made_up = [mining(f"m{number}", 1e15, algorithm=f"0{number}") for number in range(8)]
    desk.report(*made_up)
    desk.report(mining(hashrate=20.0), mining("b", 5.0), fingerprint=BETA)
    desk.report(mining(hashrate=10.0), *made_up[:7])
    totals = desk.overview.totals()
    assert next(iter(totals.hashing.items())) == ("rx/0", 2), "two rigs, not three miners"
    assert list(totals.hashrate_hps) == list(totals.hashing) == ["rx/0", *(f"0{number}" for number in range(7))]
    assert totals.hashrate_hps["rx/0"] == 35.0
    desk.fleet.apply(RigMissing(BETA, "gone", "GONE"))
    assert desk.overview.totals().hashing["rx/0"] == 1


def test_totals_never_sum_across_algorithms(desk: Desk) -> None:
    desk.connect()
    desk.connect(BETA)
    desk.report(mining(hashrate=10.0), mining("b", 5.0, algorithm="gr", accepted=3))
    desk.report(mining(hashrate=20.0, rejected=1, devices=(DeviceStats(index=0, power_w=55.0),)), fingerprint=BETA)
    totals = desk.overview.totals()
    assert totals.hashrate_hps == {"rx/0": 30.0, "gr": 5.0}
    assert (totals.rigs, totals.mining, totals.miners, totals.miners_mining) == (2, 2, 3, 3)
    assert (totals.shares, totals.rejected, totals.power_w, totals.power_known) == (3, 1, 55.0, 1)
    desk.report(mining(hashrate=7.0))
    assert desk.overview.totals().hashrate_hps == {"rx/0": 27.0}
    desk.fleet.apply(RigMissing(BETA, "gone", "GONE"))
    assert desk.overview.totals().hashrate_hps == {"rx/0": 7.0}


events = st.lists(
    st.tuples(
        st.sampled_from(["report", "miss", "connect", "gone", "time"]),
        st.integers(0, 3),
        st.lists(
            st.builds(
                mining,
                name=st.sampled_from(["a", "b"]),
                hashrate=st.none() | st.floats(0, 1e6) | st.just(float("nan")),
                algorithm=st.sampled_from(["rx/0", "gr"]),
                state=st.sampled_from(MinerState),
                accepted=st.integers(0, 9),
            ),
            max_size=2,
        ),
    ),
    max_size=40,
)


def test_efficiency_is_of_rigs_that_say_their_power_and_hash_one_algorithm(desk: Desk) -> None:
    drawn = (DeviceStats(index=0, power_w=50.0),)
    desk.connect()
    desk.connect(BETA)
    desk.report(mining(hashrate=100.0, devices=drawn))
    desk.report(mining(hashrate=300.0), fingerprint=BETA)
    assert desk.overview.totals().efficiency == {"rx/0": 2.0}, "of beta no power is known"
    desk.report(mining(hashrate=300.0, devices=drawn), fingerprint=BETA)
    assert desk.overview.totals().efficiency == {"rx/0": 4.0}
    desk.report(mining(hashrate=300.0, devices=drawn), mining("b", 5.0, algorithm="gr"), fingerprint=BETA)
    assert desk.overview.totals().efficiency == {"rx/0": 2.0}, "what beta draws is for two things"
    desk.fleet.apply(RigGone(ALPHA))
    assert desk.overview.totals().efficiency == {}


@pytest.mark.parametrize(
    ("miners", "part"),
    [
        ([], None),
        ([mining(hashrate=900.0)], None),
        ([mining(hashrate=900.0, watch=WatchStats(baseline_hps=1000.0))], 0.9),
        ([mining(hashrate=900.0, watch=WatchStats(baseline_hps=1000.0)), mining("b", 7.0)], 0.9),
        ([mining(hashrate=900.0, watch=WatchStats(baseline_hps=1000.0)),
          mining("b", 3e7, algorithm="gr", watch=WatchStats(baseline_hps=6e7))], 0.7),
        ([mining(hashrate=1e9, watch=WatchStats(baseline_hps=1.0))], 9.99),
        ([mining(hashrate=1.0, watch=WatchStats(baseline_hps=0.0))], None),
        ([mining(hashrate=1.0, watch=WatchStats(baseline_hps=float("nan")))], None),
        ([mining(state=MinerState.PAUSED, watch=WatchStats(baseline_hps=1000.0))], None),
    ],
)  # fmt: skip
def test_a_row_says_which_part_of_the_usual_its_miners_make(
    desk: Desk, miners: list[MinerStats], part: float | None
) -> None:
    desk.connect()
    desk.report(*miners)
    assert desk.row().of_baseline == part


@settings(max_examples=200, deadline=None)
@given(events)
def test_totals_are_those_of_the_rows_whatever_came_and_went(events: list[Any]) -> None:
    desk = Desk(rigs=False)
    for what, number, miners in events:
        fingerprint = bytes([number]) * 32
        desk.fleet.apply(RigKnown(fingerprint, f"rig-{number}", f"rig-{number}"))
        match what:
            case "report":
                desk.connect(fingerprint)
                desk.report(*miners, fingerprint=fingerprint)
            case "miss":
                desk.fleet.apply(RigMissing(fingerprint, "gone", "GONE"))
            case "connect":
                desk.connect(fingerprint)
            case "gone":
                desk.fleet.apply(RigGone(fingerprint))
            case _:
                desk.pass_time(17)
    rows = desk.overview.rows().values()
    totals = desk.overview.totals()
    counted: dict[str, float] = {}
    for row in rows:
        for name, rate in row.hashrate_hps.items():
            counted[name] = counted.get(name, 0.0) + rate
    assert totals.hashrate_hps == pytest.approx(counted)
    assert totals.rigs == len(rows) == totals.mining + totals.paused + totals.idle + totals.trouble + totals.offline
    assert totals.miners_mining == sum(row.mining for row in rows)
    assert totals.shares == sum(row.shares for row in rows)
    for name in totals.hashrate_hps:
        alone = [row for row in rows if set(row.hashrate_hps) == {name} and row.power_w is not None]
        rates = [(row.hashrate_hps[name], row.power_w or 0.0) for row in alone]
        watts, rate = sum(power for _, power in rates), sum(rate for rate, _ in rates)
        expected = round(rate / watts, 4) if watts and rate else None
        assert totals.efficiency.get(name) == pytest.approx(expected)
    assert totals.critical == sum(alert.severity is Severity.CRITICAL for alert in desk.overview.alerts())


# --- alerts -----------------------------------------------------------------------------------------------------


def test_a_crash_is_an_alert_at_once_with_its_cause_and_what_helps(desk: Desk) -> None:
    desk.connect()
    desk.report(mining(state=MinerState.CRASHED, reason="Killed by signal 9.", watch=WatchStats(restarts=2)))
    [alert] = [alert for alert in desk.overview.alerts() if alert.rig == ALPHA_ID]
    assert (alert.kind, alert.severity, alert.miner) == (AlertKind.CRASHED, Severity.CRITICAL, "xmrig-1")
    assert (alert.rig_name, alert.since_ms) == ("rig-alpha", DAY_MS)
    assert alert.text == "xmrig-1 has crashed after 2 restarts: Killed by signal 9."
    assert alert.action is not None
    assert (alert.action.method, alert.action.path) == ("POST", f"/remote/{ALPHA_ID}/restart")
    assert alert.action.command == "miner-ctrl remote restart rig-alpha xmrig-1"
    assert desk.row().problem == alert.text


def test_a_rig_that_flaps_is_one_alert(desk: Desk) -> None:
    desk.connect()
    heard: list[tuple[str, Alert | None]] = []
    for _ in range(5):
        desk.report(mining(state=MinerState.CRASHED))
        desk.pass_time(5)
        desk.report(mining())
        desk.pass_time(10)
    desk.overview.watch_alerts(lambda id_, alert: heard.append((id_, alert)))
    [alert] = [alert for alert in desk.overview.alerts() if alert.rig == ALPHA_ID]
    assert (alert.times, alert.easing, alert.since_ms) == (5, True, DAY_MS)
    assert desk.row().state is RigState.MINING
    desk.report(mining())
    desk.pass_time(25)
    assert (alert.id, None) in heard
    assert not [alert for alert in desk.overview.alerts() if alert.rig == ALPHA_ID]
    desk.report(mining(state=MinerState.CRASHED))
    [later] = [alert for alert in desk.overview.alerts() if alert.rig == ALPHA_ID]
    assert later.id != alert.id


def test_a_link_that_blinks_is_no_alert(desk: Desk) -> None:
    desk.connect()
    desk.connect(BETA)
    desk.report(mining())
    desk.report(mining(), fingerprint=BETA)
    desk.fleet.apply(RigMissing(ALPHA, "The link was lost.", "DISCONNECTED"))
    desk.pass_time(9)
    assert desk.kinds() == []
    desk.connect()
    desk.report(mining())
    desk.pass_time(2)
    desk.fleet.apply(RigMissing(ALPHA, "The link was lost.", "DISCONNECTED"))
    desk.pass_time(9)
    assert desk.kinds() == []
    desk.pass_time(2)
    [alert] = desk.overview.alerts()
    assert (alert.kind, alert.text, alert.rig_name) == (
        AlertKind.OFFLINE,
        "Offline: The link was lost.",
        "rig-alpha",
    )


SLOW_WATCH = WatchStats(baseline_hps=1000.0)
LONG_AGO = WatchStats(share_expected_every_s=180.0, last_share_at_ms=-(2**62))
NO_SHARE = WatchStats(share_expected_every_s=180.0, last_share_at_ms=0)


@pytest.mark.parametrize(
    ("stats", "kind", "words"),
    [
        ({"miners": [mining(state=MinerState.UNRESPONSIVE)]}, AlertKind.HUNG, "does not answer"),
        (
            {"miners": [mining(state=MinerState.CRASHED, watch=WatchStats(restarts=5, gave_up=True))]},
            AlertKind.GAVE_UP,
            "gave up on xmrig-1 after 5 restarts",
        ),
        ({"miners": [mining(hashrate=400.0, watch=SLOW_WATCH)]}, AlertKind.SLOW, "hashes at 40 %"),
        (
            {"miners": [mining(watch=NO_SHARE, sampled_at_ms=41 * 60_000)]},
            AlertKind.NO_SHARES,
            "no accepted share for 41 min (expected every 3 min)",
        ),
        (
            {"miners": [mining(watch=LONG_AGO, sampled_at_ms=41 * 60_000)]},
            AlertKind.NO_SHARES,
            "no accepted share for more than a year (expected every 3 min)",
        ),
        ({"miners": [mining(accepted=50, rejected=50)]}, AlertKind.REJECTED, "50 of 100 shares (50 %)"),
        ({"machine": MachineStats(cpu_temperature_c=97.0)}, AlertKind.HOT, "97 °C"),
        ({"problems": ("The CPU has 99 °C, its limit is 95 °C: see to it.",)}, AlertKind.HOT, "99 °C"),
        ({"problems": ("The disk that holds /x has 3 MB left: free some.",)}, AlertKind.DISK, "3 MB left"),
        ({"problems": ("The schedule names a lost profile.",)}, AlertKind.MACHINE, "lost profile"),
        ({"miners": [mining(profile_id="p", profile_hash="old")]}, AlertKind.PROFILE, "another version"),
    ],
)
def test_every_kind_of_alert_comes_and_goes(desk: Desk, stats: dict[str, Any], kind: AlertKind, words: str) -> None:
    desk.fleet.apply(RigGone(BETA))
    desk.hashes = {"p": "new"}
    desk.overview.tick()
    desk.connect()
    for _ in range(8):
        desk.report(*stats.get("miners", ()), **{name: value for name, value in stats.items() if name != "miners"})
        desk.pass_time(10)
    [alert] = desk.overview.alerts()
    assert alert.kind is kind
    assert words in alert.text
    assert alert.suggestion or kind in (AlertKind.DISK, AlertKind.MACHINE, AlertKind.HOT)
    assert desk.row().problem_code == kind
    for _ in range(8):
        desk.report(mining(), machine=MachineStats(cpu_temperature_c=60.0))
        desk.pass_time(10)
    assert (desk.overview.alerts(), desk.row().problem) == ([], "")


def test_a_number_that_changes_in_a_sentence_is_the_same_alert(desk: Desk) -> None:
    desk.connect()
    ids = set()
    for free in range(200, 210):
        desk.report(problems=(f"The disk that holds /x has {free} MB left.",))
        ids |= {alert.id for alert in desk.overview.alerts() if alert.kind is AlertKind.DISK}
    assert len(ids) == 1


@pytest.mark.parametrize(
    ("code", "kind"), [("NOT_GRANTED", AlertKind.REFUSED), ("PENDING_APPROVAL", AlertKind.PAIRING)]
)
def test_a_rig_that_does_not_let_us_is_named_as_that(desk: Desk, code: str, kind: AlertKind) -> None:
    desk.fleet.apply(RigMissing(ALPHA, "It said no.", code, connected=code == "NOT_GRANTED"))
    desk.pass_time(1)
    assert desk.kinds() == [kind]


def test_a_clock_that_is_off_is_noticed(desk: Desk) -> None:
    desk.connect()
    desk.report(mining())
    desk.fleet.apply(RigPinged(ALPHA, 1.0, -3_600_000.0))
    [alert] = [alert for alert in desk.overview.alerts() if alert.rig == ALPHA_ID]
    assert (alert.kind, alert.text) == (AlertKind.CLOCK, "Its clock is 60 min behind this node's.")
    assert desk.row().state is RigState.MINING


def test_who_waits_for_approval_here_is_an_alert_until_it_does_not(desk: Desk) -> None:
    waiting = PendingView(
        id="c" * 16, name="new\x1brig", fingerprint="", words="one two", address="10.0.0.3", since="", expires_at=""
    )
    desk.pending = [waiting]
    desk.pass_time(6)
    [alert] = [alert for alert in desk.overview.alerts() if alert.kind is AlertKind.PAIRING]
    assert (alert.rig, alert.text) == ("", "new rig (10.0.0.3) waits for approval: one two.")
    desk.pending = []
    desk.pass_time(6)
    assert AlertKind.PAIRING not in desk.kinds()


def test_the_worst_is_first_and_a_rig_is_bounded(desk: Desk) -> None:
    desk.connect()
    desk.report(
        *(mining(f"m{number}", accepted=1, rejected=99) for number in range(40)),
        mining("down", state=MinerState.CRASHED),
    )
    desk.pass_time(21)
    alerts = [alert for alert in desk.overview.alerts() if alert.rig == ALPHA_ID]
    assert alerts[0].severity is Severity.CRITICAL
    assert len(alerts) == MAX_FAULTS


def test_a_fleet_that_is_all_away_is_bounded_and_the_rest_is_counted() -> None:
    alerts = Alerts()
    heard: dict[str, Alert | None] = {}
    alerts.watch(lambda id_, alert: heard.update({id_: alert}))
    fault = Fault(kind=AlertKind.OFFLINE, severity=Severity.CRITICAL, text="Offline.", over_after_s=0.0)
    for number in range(MAX_ALERTS + 50):
        alerts.see(f"rig-{number}", f"rig-{number}", [fault], 0.0, number)
    assert len(alerts.all()) == MAX_ALERTS + 1
    assert "50 more alerts" in alerts.by_id()[MORE_ID].text
    for number in range(30):
        alerts.see(f"rig-{number}", f"rig-{number}", [], 1.0, number)
    assert "20 more alerts" in alerts.by_id()[MORE_ID].text
    assert len(alerts.all()) == MAX_ALERTS + 1
    for number in range(MAX_ALERTS + 50):
        alerts.gone(f"rig-{number}")
    assert alerts.all() == []
    assert {id_: alert for id_, alert in heard.items() if alert is not None} == {}


def test_removing_a_rig_removes_its_alerts(desk: Desk) -> None:
    desk.pass_time(15)
    assert desk.kinds() == [AlertKind.OFFLINE] * 2
    desk.fleet.apply(RigGone(ALPHA))
    desk.fleet.apply(RigGone(BETA))
    assert (desk.overview.alerts(), desk.overview.totals()) == ([], FleetTotals())
