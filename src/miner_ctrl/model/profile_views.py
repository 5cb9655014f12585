"""What the editor of a profile is told: what is wrong with it, what a miner would get, where it runs, what would
change."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from miner_ctrl.model.miners import MinerState
from miner_ctrl.model.views import View


class ProblemSeverity(StrEnum):
    """``error``: it cannot be kept so. ``warning``: it can, and would not start or not pay you. ``notice``: know it."""

    ERROR = "error"
    WARNING = "warning"
    NOTICE = "notice"


class ProblemView(View, frozen=True, kw_only=True):
    """One thing about a profile. ``field`` is its place as errors name it (``name``, ``minerType``, ``threads``,
    ``failover[0].wallet``); ``pool`` the number of the pool it is in (0 the first, then those of ``failover``, that of
    the GPUs last), ``null`` if in none. ``code`` is stable, for programs."""

    field: str
    pool: int | None = None
    severity: ProblemSeverity
    code: str
    text: str
    suggestion: str = ""


class PoolSightView(View, frozen=True, kw_only=True):
    """A pool of a profile, recognised. ``place`` is where it stands (empty, ``failover[0]``, ``gpuPool``); ``known``
    the ID of the common pool that its host is, ``coin`` what is mined, if that is known; ``wallet`` what kind of
    address is paid, for people."""

    pool: int
    place: str
    host: str
    known: str | None = None
    coin: str = ""
    wallet: str = ""


class ProfileCheckView(View, frozen=True, kw_only=True):
    """``ok``: it would be kept as it is; ``problems`` are all that is wrong (at most 64), errors first. ``hash`` is
    what its content would have, where it is ok; a viewer gets none."""

    ok: bool
    problems: tuple[ProblemView, ...] = ()
    pools: tuple[PoolSightView, ...] = ()
    hash: str = ""


class PoolHostView(View, frozen=True, kw_only=True):
    """One of a pool's hosts; ``region`` is empty where it is for all of the world."""

    host: str
    region: str = ""


class PoolPortView(View, frozen=True, kw_only=True):
    """A port of a pool. A port that takes both is there twice."""

    port: int
    tls: bool


class PoolOfferView(View, frozen=True, kw_only=True):
    """What a pool lets one mine: any of ``hosts`` with any of ``ports``. ``coin`` is empty where the pool chooses."""

    coin: str
    algorithm: str
    hosts: tuple[PoolHostView, ...]
    ports: tuple[PoolPortView, ...]


class KnownPoolView(View, frozen=True, kw_only=True):
    """A common pool. ``user`` is what it takes as the wallet: ``wallet``, ``wallet.worker``, ``wallet.worker/email``,
    ``account.worker``, ``COIN:wallet.worker``, or ``any``; ``note`` what else to know, one sentence."""

    id: str
    name: str
    site: str
    user: str
    offers: tuple[PoolOfferView, ...]
    note: str = ""


class MinerTypeView(View, frozen=True, kw_only=True):
    """A type of miner that this node can write profiles for. ``fields`` are those of a config that it heeds;
    ``simulated``: it earns nothing."""

    name: str
    description: str
    simulated: bool
    fields: tuple[str, ...]


class PreviewFileView(View, frozen=True, kw_only=True):
    """A file that a miner is given, as text."""

    name: str
    text: str


class CommandLineView(View, frozen=True, kw_only=True):
    """How a miner is started: its arguments, quoted for a POSIX shell and for Windows' command prompt. ``windows``
    differs in more than quotes where a path is in it."""

    argv: tuple[str, ...]
    linux: str
    windows: str


class PreviewPartView(View, frozen=True, kw_only=True):
    """One miner that a profile makes: ``part`` is ``cpu`` or ``gpu`` where it makes two. ``env`` is added to its
    environment."""

    part: str
    command: CommandLineView
    files: tuple[PreviewFileView, ...] = ()
    env: dict[str, str] = msgspec.field(default_factory=dict)


class ProfilePreviewView(View, frozen=True, kw_only=True):
    """What the rig's miners would be given. ``depends``: what differs from rig to rig, or at each start, one sentence
    each, with what stands for it here. ``hidden``: there are passwords that the caller may not see."""

    miner_type: str
    parts: tuple[PreviewPartView, ...]
    depends: tuple[str, ...] = ()
    hidden: bool = False


class RunsVersion(StrEnum):
    """Which content a miner runs: what the profile is now, what it was, or neither (changed at the start, or
    forgotten)."""

    SAME = "same"
    OLDER = "older"
    OTHER = "other"


class ProfileUseView(View, frozen=True, kw_only=True):
    """A miner that runs, or last ran, a profile; ``miner`` is empty for a rig whose schedule alone names it.

    ``age_s``: how old that is, in seconds. ``scheduled``: the rig's schedule asks for it now.
    """

    rig: str
    rig_name: str
    connected: bool
    age_s: float | None = None
    miner: str = ""
    part: str = ""
    state: MinerState | None = None
    hash: str = ""
    version: RunsVersion | None = None
    hashrate_hps: float | None = msgspec.field(default=None, name="hashrate")
    scheduled: bool = False


class PlannedChange(StrEnum):
    """What starting a profile would do to a rig. ``start``: a miner more; ``replace``: what runs there makes way;
    ``restart``: another version of the same profile makes way; ``none``: it runs already; ``offline``: the rig would
    have to be reached first; ``refused``: the rig would say no; ``unknown``: it has not told what runs there."""

    START = "start"
    REPLACE = "replace"
    RESTART = "restart"
    NONE = "none"
    OFFLINE = "offline"
    REFUSED = "refused"
    UNKNOWN = "unknown"


class PlannedFieldView(View, frozen=True, kw_only=True):
    """A field that would be another: as it is written in either profile, ``null`` where it is left out."""

    field: str
    before: object = None
    after: object = None


class PlannedMinerView(View, frozen=True, kw_only=True):
    """A miner that is there now."""

    name: str
    type: str
    state: MinerState
    part: str = ""
    profile: str = ""
    hash: str = ""
    version: RunsVersion | None = None
    """Of the profile that is asked about; ``null`` if it runs another one."""


class PlannedRigView(View, frozen=True, kw_only=True):
    """What would change on one rig. ``text`` says it; ``replace`` is what the start would have to say. ``changes`` are
    the fields that differ, if this node knows what runs there (``changes_known``). ``notices``: what else may keep it
    from happening."""

    rig: str
    rig_name: str
    change: PlannedChange
    text: str
    miners: tuple[PlannedMinerView, ...] = ()
    replace: str | None = None
    changes_known: bool = False
    changes: tuple[PlannedFieldView, ...] = ()
    notices: tuple[str, ...] = ()


class PlannedOrderView(View, frozen=True, kw_only=True):
    """A body for ``POST /remote/start`` that does a part of the plan."""

    profile_id: str
    peers: tuple[str, ...]
    replace: str | None = None


class ProfilePlanView(View, frozen=True, kw_only=True):
    """What assigning a profile would do. Nothing is done: ``orders``, each sent to ``POST /remote/start``, do it for
    the rigs that would change. ``counts`` has how many rigs have each ``change``."""

    profile: str
    name: str
    hash: str
    counts: dict[PlannedChange, int]
    rigs: tuple[PlannedRigView, ...]
    orders: tuple[PlannedOrderView, ...] = ()
