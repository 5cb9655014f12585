"""The fleet as rows: what ``remote status`` and the live view show of the rigs (``RigView`` in ``model.views``)."""

from __future__ import annotations

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
    Column("ALGO", drop=1),
    Column("ACC/REJ", right=True),
    Column("UP", right=True, drop=2),
    Column("POOL", drop=3, shrinks=True),
    Column("SEEN", right=True),
)
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
    return Table(COLUMNS, [row for rig in in_order(rigs) for row in _rows(rig, older_s)])


def _rows(rig: Rig, older_s: float) -> Iterator[tuple[str, ...]]:
    name = shown(rig.get("nodeName") or rig.get("nodeId"), 63)
    taken_s = rig.get("ageS")
    seen = age(None if taken_s is None else float(taken_s) + older_s)
    state, miners = state_of(rig), rig.get("miners") or ()
    if not rig.get("connected") or not miners:
        yield (name, state, NOTHING, NOTHING, NOTHING, NOTHING, NOTHING, NOTHING, seen)
        return
    for miner in miners:
        yield (
            name,
            shown(miner.get("state"), 20) if state in ("mining", "idle") else state,
            shown(miner.get("name"), 63),
            hashrate(miner.get("hashrate")),
            shown(miner.get("algorithm"), 24),
            f"{miner.get('shares', 0)}/{miner.get('rejected', 0)}",
            duration(miner.get("uptime", 0)),
            shown(miner.get("pool"), 60),
            seen,
        )


def remarks(rigs: Mapping[str, Rig]) -> list[str]:
    """Return one line for everything that is not well: why a rig is missing, what is wrong with a miner."""
    lines = []
    for rig in in_order(rigs):
        name = shown(rig.get("nodeName") or rig.get("nodeId"), 63)
        if rig.get("error"):
            lines.append(remark(name, rig["error"]))
        lines.extend(
            f"{name}, {shown(miner.get('name'), 63)}: {shown(miner['reason'], 1000)}"
            for miner in rig.get("miners") or ()
            if miner.get("reason")
        )
    return lines


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
            if miner.get("hashrate"):
                algorithm = shown(miner.get("algorithm"), 24)
                totals[algorithm] = totals.get(algorithm, 0.0) + float(miner["hashrate"])
    parts = [plural(len(rigs), "rig"), f"{len(connected)} connected"]
    parts += [f"{hashrate(total)} {algorithm}" for algorithm, total in sorted(totals.items())]
    return ", ".join(parts)
