"""What is wrong with a rig at one moment, in words, and what may help. Pure: values in, values out.

A fault says how long it has to be there until it counts (``sure_after_s``) and to be gone until it is over
(``over_after_s``); ``Alerts`` keeps to that.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping

import msgspec

from miner_ctrl.controller.fleet import RigSight
from miner_ctrl.model.miners import MinerState, MinerStats
from miner_ctrl.model.summaries import AlertAction, AlertKind, Severity
from miner_ctrl.model.text import one_line
from miner_ctrl.model.views import RigView

FRESH_FOR_S = 30.0
"""Numbers this old are still of now: a rig sends some every 10 s."""
MAX_FAULTS = 16
"""Of one rig."""
MOST = 1e15
"""Of anything that a rig measures: no miner makes a PH/s, and history keeps no more either."""
_SHORT_OF_BASELINE = 0.7
_NO_SHARE_FACTOR = 8.0
_NO_SHARE_AT_LEAST_S = 600.0
_REJECTED_SHARE = 0.05
_REJECTED_AT_LEAST = 10
_HOT_C = 90.0
_MOST_C = 1000.0
_CLOCK_OFF_MS = 30_000.0
_REFUSALS = frozenset({"NOT_GRANTED", "IDENTITY_MISMATCH", "REFUSED", "ADDRESS_MOVED", "BLOCKED"})
_NUMBERS = re.compile(r"[0-9]+")

Hashes = Mapping[str, str]
"""The content hash of each profile of this node, by its ID."""


class Fault(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that is wrong. ``key`` tells faults of one kind and miner apart, whatever the numbers in ``text``."""

    kind: AlertKind
    severity: Severity
    text: str
    miner: str = ""
    key: str = ""
    suggestion: str = ""
    action: AlertAction | None = None
    sure_after_s: float = 0.0
    over_after_s: float = 30.0


def is_fresh(sight: RigSight, now_s: float) -> bool:
    """Whether a rig's numbers are of now: there is a session, and they are young."""
    return sight.view.connected and sight.stats_at_s is not None and now_s - sight.stats_at_s <= FRESH_FOR_S


def faults_of(sight: RigSight, now_s: float, hashes: Hashes) -> tuple[Fault, ...]:
    """Return what is wrong with a rig, the worst first; at most ``MAX_FAULTS``."""
    view = sight.view
    if not view.connected:
        found = [_away(view)]
    elif not is_fresh(sight, now_s):
        found = [_unseen(sight, now_s)]
    else:
        found = [*_of_machine(view), *_of_clock(sight)]
        for miner in view.miners:
            found += _of_miner(view, miner, hashes)
    found.sort(key=lambda fault: fault.severity.rank)
    return tuple(found[:MAX_FAULTS])


def _away(view: RigView) -> Fault:
    reason = one_line(view.error, 300) or "There is no session with it."
    if view.error_code == "PENDING_APPROVAL":
        return Fault(
            kind=AlertKind.PAIRING,
            severity=Severity.WARNING,
            text="It waits there for somebody to approve this node.",
            suggestion=f"On {view.node_name}, run miner-ctrl peer pending, compare the words, then peer approve.",
            over_after_s=5.0,
        )
    if view.error_code in _REFUSALS:
        return _refused(reason)
    return Fault(
        kind=AlertKind.OFFLINE,
        severity=Severity.CRITICAL,
        text=f"Offline: {reason}",
        suggestion="See whether the machine is up and has a network; it is dialled again by itself.",
        action=AlertAction(
            label="Connect now",
            method="POST",
            path=f"/peers/{view.node_id}/connect",
            command=f"miner-ctrl peer ping {view.node_name}",
        ),
        sure_after_s=10.0,
    )


def _unseen(sight: RigSight, now_s: float) -> Fault:
    view = sight.view
    if view.error_code in _REFUSALS:
        return _refused(one_line(view.error, 300))
    # The age itself would change the text, and with it the alert, each time somebody looks.
    so_far = "has sent no numbers yet" if sight.stats_at_s is None else "sends no numbers any more"
    reason = one_line(view.error, 300)
    return Fault(
        kind=AlertKind.SILENT,
        severity=Severity.CRITICAL,
        text=f"It is connected and {so_far}{f': {reason}' if reason else '.'}",
        suggestion=f"See what runs there: miner-ctrl remote status {view.node_name}; restart its agent if it hangs.",
        action=AlertAction(label="Look again", method="GET", path=f"/remote/{view.node_id}/stats"),
        sure_after_s=10.0,
        over_after_s=10.0,
    )


def _refused(reason: str) -> Fault:
    return Fault(
        kind=AlertKind.REFUSED,
        severity=Severity.CRITICAL,
        text=reason or "It refuses this node.",
        suggestion="On the rig, run miner-ctrl peer list, and grant this node observe,control.",
        over_after_s=5.0,
    )


def _of_machine(view: RigView) -> Iterator[Fault]:
    for problem in view.problems:
        text = one_line(problem, 300)
        kind = AlertKind.MACHINE
        if text.startswith(("The disk ", "The file system ")):
            kind = AlertKind.DISK
        elif "°C" in text:
            kind = AlertKind.HOT
        yield Fault(kind=kind, severity=Severity.WARNING, text=text, key=_key(text))
    if any("°C" in problem for problem in view.problems):
        return
    hottest = hottest_c(view)
    if hottest is not None and hottest >= _HOT_C:
        yield Fault(
            kind=AlertKind.HOT,
            severity=Severity.WARNING,
            text=f"Its hottest part has {hottest:.0f} °C.",
            suggestion="See to its fans and the air around it.",
        )


def _of_clock(sight: RigSight) -> Iterator[Fault]:
    offset_ms = sight.about.clock_offset_ms
    if offset_ms is not None and abs(offset_ms) > _CLOCK_OFF_MS:
        ahead = "ahead of" if offset_ms > 0 else "behind"
        yield Fault(
            kind=AlertKind.CLOCK,
            severity=Severity.NOTICE,
            text=f"Its clock is {_span(abs(offset_ms) / 1000)} {ahead} this node's.",
            suggestion="Have it synchronised (timedatectl set-ntp true): schedules go by that clock.",
        )


def _of_miner(view: RigView, miner: MinerStats, hashes: Hashes) -> Iterator[Fault]:
    watch = miner.watch
    reason = one_line(miner.reason or (watch.last_reason if watch else ""), 300)
    if miner.wanted == "paused" and miner.state is not MinerState.CRASHED:
        return
    if watch is not None and watch.gave_up:
        yield _down(view, miner, AlertKind.GAVE_UP, f"The watchdog gave up on {miner.name}", reason)
    elif miner.state is MinerState.CRASHED:
        yield _down(view, miner, AlertKind.CRASHED, f"{miner.name} has crashed", reason)
    elif miner.state is MinerState.UNRESPONSIVE:
        yield _down(view, miner, AlertKind.HUNG, f"{miner.name} does not answer", reason)
    elif miner.state is MinerState.MINING:
        yield from _of_running(view, miner)
    profile = one_line(miner.profile_name, 63)
    if miner.profile_id in hashes and miner.profile_hash and hashes[miner.profile_id] != miner.profile_hash:
        yield Fault(
            kind=AlertKind.PROFILE,
            severity=Severity.NOTICE,
            miner=miner.name,
            text=f"{miner.name} runs another version of the profile {profile} than this node has.",
            suggestion="Deploy the profile, then restart the miner.",
            action=AlertAction(
                label="Deploy",
                method="POST",
                path=f"/remote/{view.node_id}/deploy",
                body={"profileId": miner.profile_id},
                command=f"miner-ctrl remote deploy {view.node_name} --profile {profile}",
            ),
            sure_after_s=20.0,
            over_after_s=5.0,
        )


def _of_running(view: RigView, miner: MinerStats) -> Iterator[Fault]:
    watch, hashrate = miner.watch, number(miner.hashrate_hps)
    baseline = number(watch.baseline_hps) if watch else None
    if hashrate is not None and baseline and hashrate < baseline * _SHORT_OF_BASELINE:
        yield Fault(
            kind=AlertKind.SLOW,
            severity=Severity.WARNING,
            miner=miner.name,
            text=f"{miner.name} hashes at {100 * hashrate / baseline:.0f} % of what it usually does.",
            suggestion="See what else runs on the rig, how hot it is, and what its log says.",
            action=_logs(view, miner),
            sure_after_s=60.0,
            over_after_s=60.0,
        )
    expected_s = number(watch.share_expected_every_s) if watch else None
    if watch is not None and watch.last_share_at_ms is not None and expected_s:
        idle_s = (miner.sampled_at_ms - watch.last_share_at_ms) / 1000
        if idle_s > max(_NO_SHARE_AT_LEAST_S, _NO_SHARE_FACTOR * expected_s):
            restarts = f"; restarted {watch.restarts} times" if watch.restarts else ""
            yield Fault(
                kind=AlertKind.NO_SHARES,
                severity=Severity.CRITICAL,
                miner=miner.name,
                text=f"{miner.name} had no accepted share for {_span(idle_s)} (expected every {_span(expected_s)})"
                f"{restarts}.",
                suggestion="See whether its pool answers and its wallet is right.",
                action=_logs(view, miner),
                over_after_s=10.0,
            )
    sent = miner.accepted + miner.rejected
    share = f"{miner.rejected} of {sent} shares ({100 * miner.rejected / max(1, sent):.0f} %)"
    if miner.rejected >= _REJECTED_AT_LEAST and miner.rejected > sent * _REJECTED_SHARE:
        yield Fault(
            kind=AlertKind.REJECTED,
            severity=Severity.WARNING,
            miner=miner.name,
            text=f"{miner.name}'s pool rejected {share}.",
            suggestion="See why in its log: an unstable overclock, a slow link to the pool, or the wrong algorithm.",
            action=_logs(view, miner),
            sure_after_s=20.0,
            over_after_s=60.0,
        )


def _down(view: RigView, miner: MinerStats, kind: AlertKind, what: str, reason: str) -> Fault:
    restarts = miner.watch.restarts if miner.watch else 0
    after = f" after {restarts} restart{'s' if restarts != 1 else ''}" if restarts else ""
    return Fault(
        kind=kind,
        severity=Severity.CRITICAL,
        miner=miner.name,
        text=f"{what}{after}{f': {reason}' if reason else '.'}",
        suggestion=f"See its log: miner-ctrl remote logs {view.node_name} {miner.name}; then restart it.",
        action=AlertAction(
            label="Restart",
            method="POST",
            path=f"/remote/{view.node_id}/restart",
            body={"minerName": miner.name},
            command=f"miner-ctrl remote restart {view.node_name} {miner.name}",
        ),
    )


def _logs(view: RigView, miner: MinerStats) -> AlertAction:
    return AlertAction(
        label="Show its log",
        method="GET",
        path=f"/remote/{view.node_id}/logs/{miner.name}",
        command=f"miner-ctrl remote logs {view.node_name} {miner.name}",
    )


def hottest_c(view: RigView) -> float | None:
    """Return the highest temperature that a rig reports."""
    machine = view.machine
    found = [machine.cpu_temperature_c, *(gpu.temperature_c for gpu in machine.gpus)] if machine else []
    found += [device.temperature_c for miner in view.miners for device in miner.devices]
    return max((value for each in found if (value := number(each, _MOST_C)) is not None), default=None)


def number(value: float | None, at_most: float = MOST) -> float | None:
    """Return a number that a rig sent, if it can be one: finite, not negative, and not beyond all measure."""
    return value if value is not None and 0.0 <= value <= at_most else None


def _key(text: str) -> str:
    return hashlib.blake2s(_NUMBERS.sub("#", text).encode("utf-8", "replace"), digest_size=4).hexdigest()


def _span(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 90 * 60:
        return f"{seconds / 60:.0f} min"
    if seconds < 72 * 3600:
        return f"{seconds / 3600:.0f} h"
    return f"{seconds / 86_400:.0f} days" if seconds < 366 * 86_400 else "more than a year"
