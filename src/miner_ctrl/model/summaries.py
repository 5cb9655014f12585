"""A fleet at a glance: one row for each rig, its totals, and what needs somebody's attention.

Times are Unix ms on this node's clock, ``None`` for never. Fields at their default are left out of the JSON.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec

from miner_ctrl.model.nodes import Role


class RigState(StrEnum):
    """What a rig is doing, in one word.

    ``mining``: at least one miner hashes. ``paused``: its miners are. ``idle``: it is there and nothing hashes yet or
    any more, as wanted. ``trouble``: something is wrong that costs all of a miner's hashrate. ``offline``: no session.
    """

    MINING = "mining"
    PAUSED = "paused"
    IDLE = "idle"
    TROUBLE = "trouble"
    OFFLINE = "offline"


class Severity(StrEnum):
    """``critical``: nothing is earned meanwhile. ``warning``: less is. ``notice``: somebody should know."""

    CRITICAL = "critical"
    WARNING = "warning"
    NOTICE = "notice"

    @property
    def rank(self) -> int:
        """The worst is 0."""
        return _RANKS[self]


_RANKS = {Severity.CRITICAL: 0, Severity.WARNING: 1, Severity.NOTICE: 2}


class RigSummary(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """One rig as a wall or a table shows it.

    What is said of now (hashrate, miners, shares, temperature, power, profiles) is empty for a rig that is offline or
    has sent no numbers for 30 s. ``hashrate_hps`` is by algorithm, in H/s, of the miners that hash; ``shares`` are
    accepted ones; ``running`` are the names of the profiles that run, ``assigned`` the one that its schedule asks for;
    ``problem`` is the worst that is wrong, one sentence.
    """

    id: str
    name: str
    state: RigState
    since_ms: int | None = None
    """Since when it is in this state; ``None`` where that was never seen."""
    seen_at_ms: int | None = None
    """When its numbers were taken."""
    connected: bool = False
    role: Role = Role.WORKER
    tags: tuple[str, ...] = ()
    address: str = ""
    hashrate_hps: dict[str, float] = msgspec.field(default_factory=dict, name="hashrate")
    of_baseline: float | None = None
    """Which part its miners make of what they usually do (1: all of it), the mean of those of which that is known."""
    miners: int = 0
    mining: int = 0
    shares: int = 0
    rejected: int = 0
    temperature_c: float | None = None
    """The hottest of its CPU and its devices."""
    power_w: float | None = None
    ping_ms: float | None = None
    score: int = 0
    problem: str = ""
    problem_code: str = ""
    """The alert's kind (``AlertKind``), or the code of the error for which it cannot be seen."""
    running: tuple[str, ...] = ()
    assigned: str = ""
    version: str = ""
    locked: bool = False
    schedule: str = ""


class FleetTotals(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """The fleet counted: rigs by state, miners, and hashrate by algorithm (there is no sum across algorithms).

    ``hashing`` is how many rigs hash each algorithm: what one rig alone says of itself is to stand behind what many do.
    ``power_w`` is of the ``power_known`` rigs that report any. ``efficiency`` is by algorithm, in H/s for each W, of
    those of them that hash nothing else. ``shares`` and ``rejected`` are what the miners counted since they were
    started. ``critical``, ``warnings`` and ``notices`` are the alerts that stand.
    """

    rigs: int = 0
    mining: int = 0
    paused: int = 0
    idle: int = 0
    trouble: int = 0
    offline: int = 0
    miners: int = 0
    miners_mining: int = 0
    hashrate_hps: dict[str, float] = msgspec.field(default_factory=dict, name="hashrate")
    hashing: dict[str, int] = msgspec.field(default_factory=dict)
    shares: int = 0
    rejected: int = 0
    power_w: float | None = None
    power_known: int = 0
    efficiency: dict[str, float] = msgspec.field(default_factory=dict)
    critical: int = 0
    warnings: int = 0
    notices: int = 0


class TagView(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A tag, and how many rigs have it: in all, and by state."""

    tag: str
    rigs: int
    mining: int = 0
    paused: int = 0
    idle: int = 0
    trouble: int = 0
    offline: int = 0


class AlertKind(StrEnum):
    """What an alert is about."""

    OFFLINE = "offline"
    REFUSED = "refused"
    """The rig does not let this node watch it, or is not the one it was."""
    PAIRING = "pairing"
    """Somebody has to approve a node, here or there."""
    SILENT = "silent"
    """Connected, and no numbers come."""
    CRASHED = "crashed"
    HUNG = "hung"
    GAVE_UP = "gave_up"
    SLOW = "slow"
    NO_SHARES = "no_shares"
    HOT = "hot"
    REJECTED = "rejected"
    DISK = "disk"
    MACHINE = "machine"
    """Something else is wrong with the machine."""
    PROFILE = "profile"
    """A miner runs another version of a profile than this node has."""
    CLOCK = "clock"
    MORE = "more"
    """There are more alerts than are listed."""


class AlertAction(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """What may help: a request to this API (``path`` below its base path) and the command line that does the same."""

    label: str
    method: str = ""
    path: str = ""
    body: dict[str, str] = msgspec.field(default_factory=dict)
    command: str = ""


class Alert(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """One thing that needs attention. ``id`` stays while it lasts, also when it comes and goes (``times``); ``easing``:
    it looks well again, and goes when it has been for a while."""

    id: str
    kind: AlertKind
    severity: Severity
    text: str
    since_ms: int
    rig: str = ""
    """The rig's node ID; empty where it is of none."""
    rig_name: str = ""
    miner: str = ""
    suggestion: str = ""
    action: AlertAction | None = None
    times: int = 1
    easing: bool = False
