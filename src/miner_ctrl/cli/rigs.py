"""The fleet as rows: what ``remote status`` and the live view show of the rigs (``RigView`` in ``model.views``)."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from typing import Any

from miner_ctrl.cli.format import NOTHING, age, duration, hashrate, plural, shown
from miner_ctrl.cli.tables import Column, Table

Rig = Mapping[str, Any]
COLUMNS = (
    Column("RIG", shrinks=True),
    Column("STATE", state=True),
    Column("MINER", shrinks=True),
    Column("HASHRATE", right=True),
    Column("TEMP", right=True),
    Column("ALGO", drop=1),
    Column("ACC/REJ", right=True),
    Column("UP", right=True, drop=2),
    Column("POOL", drop=3, shrinks=True),
    Column("LOCK"),
    Column("SEEN", right=True),
)
_WHERE_KNOWN = {"TEMP", "LOCK"}
"""Columns that are there only while some rig has something in them."""
_LAST_WORDS = " Its last words: "
"""What comes then is for a miner that is down; of one that was restarted since, `remote history --events` has it."""
_HASHING = frozenset({"mining", "unresponsive"})
"""States whose hashrate counts: that of a miner which was just paused is still dying away."""
_REFUSALS = frozenset(
    {"REFUSED", "IDENTITY_MISMATCH", "IDENTITY_CHANGED", "ADDRESS_MOVED", "OWN_KEYS", "RATE_LIMITED", "NOT_ALLOWED"}
)


def state_of(rig: Rig) -> str:
    """Return one word for a rig: ``mining`` (some miner does), ``idle``, ``connected`` (it has not told anything yet),
    ``late`` (connected, but it did not answer), ``pending``, ``refused`` or ``offline``."""
    code = rig.get("errorCode")
    if code == "PENDING_APPROVAL":
        return "pending"
    if code in _REFUSALS:
        return "refused"
    if not rig.get("connected"):
        return "offline"
    if rig.get("error"):
        return "late"
    if rig.get("ageS") is None:
        return "connected"
    return "mining" if any(miner.get("state") == "mining" for miner in rig.get("miners", ())) else "idle"


def in_order(rigs: Mapping[str, Rig]) -> list[Rig]:
    """Return the rigs by name."""
    return sorted(rigs.values(), key=lambda rig: (str(rig.get("nodeName")), str(rig.get("nodeId"))))


def rig_table(rigs: Mapping[str, Rig], *, older_s: float = 0.0) -> Table:
    """Return one row a miner, or one for a rig without any. ``older_s``: seconds since the views were received."""
    rows = [row for rig in in_order(rigs) for row in _rows(rig, older_s)]
    kept = [
        at
        for at, column in enumerate(COLUMNS)
        if column.title not in _WHERE_KNOWN or any(row[at] != NOTHING for row in rows)
    ]
    return Table([COLUMNS[at] for at in kept], [[row[at] for at in kept] for row in rows])


def _rows(rig: Rig, older_s: float) -> Iterator[tuple[str, ...]]:
    name = shown(rig.get("nodeName") or rig.get("nodeId"), 63)
    taken_s = rig.get("ageS")
    seen = age(None if taken_s is None else float(taken_s) + older_s)
    state, miners = state_of(rig), rig.get("miners") or ()
    lock = "yes" if rig.get("locked") else NOTHING
    if not rig.get("connected") or not miners:
        temperature = hottest(rig) if rig.get("connected") else NOTHING
        yield (name, state, NOTHING, NOTHING, temperature, NOTHING, NOTHING, NOTHING, NOTHING, lock, seen)
        return
    for miner in miners:
        yield (
            name,
            shown(miner.get("state"), 20) if state in ("mining", "idle") else state,
            shown(miner.get("name"), 63),
            hashrate_of(miner),
            hottest(rig, miner),
            shown(miner.get("algorithm"), 24),
            f"{miner.get('shares', 0)}/{miner.get('rejected', 0)}",
            duration(miner.get("uptime", 0)),
            shown(miner.get("pool"), 60),
            lock,
            seen,
        )


def hashrate_of(miner: Mapping[str, Any]) -> str:
    """Return the hashrate of a miner that hashes."""
    return hashrate(miner.get("hashrate") if miner.get("state") in _HASHING else None)


def hottest(rig: Rig, miner: Mapping[str, Any] | None = None) -> str:
    """Return the highest temperature known: that of the miner's GPUs, else of the machine's CPU and GPUs."""
    devices = [one.get("temperatureC") for one in (miner or {}).get("devices") or ()]
    if not any(isinstance(one, int | float) for one in devices):
        machine = rig.get("machine") or {}
        devices = [
            machine.get("cpuTemperatureC"),
            *(gpu.get("temperatureC") for gpu in machine.get("gpus") or ()),
        ]
    known = [one for one in devices if isinstance(one, int | float)]
    return f"{max(known):.0f} °C" if known else NOTHING


def remarks(rigs: Mapping[str, Rig], *, errors: bool = True) -> list[str]:
    """Return one line for everything that is not well: why a rig is missing (with ``errors``), what is wrong with a
    miner, and what its watchdog does about it."""
    lines = []
    for rig in in_order(rigs):
        name = shown(rig.get("nodeName") or rig.get("nodeId"), 63)
        if rig.get("error") and errors:
            lines.append(remark(name, rig["error"]))
        if not rig.get("connected"):
            continue  # what was wrong with it then is not known to be now
        for miner in rig.get("miners") or ():
            words_of = watched(miner, schedule=str(rig.get("schedule") or ""))
            lines.extend(f"{name}, {shown(miner.get('name'), 63)}: {words}" for words in words_of)
        lines.extend(remark(name, problem) for problem in rig.get("problems") or ())
    return lines


def watched(miner: Mapping[str, Any], *, schedule: str = "") -> Iterator[str]:
    """Yield what there is to say of one miner beside its numbers. ``schedule``: what its rig's schedule asks for."""
    watch = miner.get("watch") or {}
    next_try = _from_now(watch.get("nextTryAtMs"))
    if miner.get("reason"):
        yield shown(miner["reason"], 1000) + (f" Restarted in {next_try}." if next_try else "")
    elif watch.get("restarts"):
        ago = _from_now(watch.get("lastAtMs"), past=True)
        last = f", last {ago} ago" if ago else ""
        times = plural(int(watch["restarts"]), "restart")
        why = str(watch.get("lastReason") or "").partition(_LAST_WORDS)[0]
        yield f"{times} by the watchdog{last}: {shown(why, 1000)}"
    if miner.get("wanted") == "paused" and (left := _from_now(miner.get("resumeAtMs"))):
        yield f"paused, goes on by itself in {left}"
    elif miner.get("wanted") == "paused" and schedule == "pause":
        yield "paused by the schedule"
    if miner.get("adopted"):
        yield "was started by somebody else, and is watched"


def _from_now(moment_ms: Any, *, past: bool = False) -> str:
    """Return how far a moment (Unix, ms) lies ahead, or back; empty when there is none."""
    if not isinstance(moment_ms, int | float):
        return ""
    ahead_s = moment_ms / 1000 - time.time()
    return duration(-ahead_s if past else ahead_s)


def remark(name: str, reason: object) -> str:
    """Return ``reason`` with the rig's name before it, unless it begins with the name itself."""
    text = shown(reason, 1000)
    return text if text.startswith(f"{name} ") else f"{name}: {text}"


def summary(rigs: Mapping[str, Rig]) -> str:
    """Return ``3 rigs, 2 connected, 24.3 kH/s rx/0``: hashrates of different algorithms are never added."""
    connected = [rig for rig in rigs.values() if rig.get("connected")]
    totals: dict[str, float] = {}
    for rig in connected:
        for miner in rig.get("miners") or ():
            if miner.get("hashrate") and miner.get("state") in _HASHING:
                algorithm = shown(miner.get("algorithm"), 24)
                totals[algorithm] = totals.get(algorithm, 0.0) + float(miner["hashrate"])
    parts = [plural(len(rigs), "rig"), f"{len(connected)} connected"]
    parts += [f"{hashrate(total)} {algorithm}" for algorithm, total in sorted(totals.items())]
    return ", ".join(parts)
