"""What the REST API answers and the command line shows: the JSON shapes of rest-api.md.

Times are RFC 3339 in UTC or ``None`` for never; ages are seconds.
"""

from __future__ import annotations

import msgspec

from miner_ctrl.model.machine import MachineStats
from miner_ctrl.model.miners import MinerStats
from miner_ctrl.model.nodes import Grant, Role
from miner_ctrl.model.rig import ScheduleRule


class View(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One JSON answer."""


class IdentityView(View, frozen=True, kw_only=True):
    id: str
    name: str
    public_key: str
    signing_key: str
    role: Role
    created_at: str
    fingerprint: str
    words: str


class NodeInfoView(View, frozen=True, kw_only=True):
    """``GET /node/info``. ``addresses`` are where this node listens for peers, as a peer would dial them;
    ``api_addresses`` are where this API is served over TCP, ``api_problem`` is why it is not although it should be."""

    has_identity: bool
    identity: IdentityView | None = None
    registered_peers: int = 0
    connected_peers: int = 0
    serving: bool = False
    addresses: tuple[str, ...] = ()
    tls_fingerprint: str = ""
    version: str = ""
    api_addresses: tuple[str, ...] = ()
    api_tls_fingerprint: str = ""
    api_problem: str = ""


class TlsView(View, frozen=True, kw_only=True):
    """The certificate for this node's listener. ``fingerprint`` (SHA-256, hex) is what peers pin; ``made``: now."""

    certificate: str
    key: str
    fingerprint: str
    made: bool


class FailureView(View, frozen=True, kw_only=True):
    reason: str
    at: str


class PeerView(View, frozen=True, kw_only=True):
    """One registered peer. ``state`` is connected, offline, pending (waits for approval there) or refused.

    ``dial_address`` is what this node dials, and what can be edited; empty where the peer dials this node itself.
    ``address`` is for people: that, or else where the peer's session comes from.
    """

    id: str
    name: str
    public_key: str
    signing_key: str
    fingerprint: str
    words: str
    address: str
    dial_address: str
    role: Role
    added_at: str
    last_seen: str | None
    ping_ms: float | None
    ping_smoothed_ms: float | None
    score: int
    connected: bool
    state: str
    grants: tuple[Grant, ...]
    verified: bool
    tags: tuple[str, ...] = ()
    last_failure: FailureView | None = None


class AuthModeView(View, frozen=True, kw_only=True):
    """How it is decided who may connect: always ``allowlist``."""

    mode: str


class AllowlistView(View, frozen=True, kw_only=True):
    """The public keys (X25519, base64) that may connect."""

    public_keys: tuple[str, ...]


class PendingView(View, frozen=True, kw_only=True):
    """A node that dialled here and waits for a person. ``id`` is the full node ID."""

    id: str
    name: str
    fingerprint: str
    words: str
    address: str
    since: str
    expires_at: str


class JoinedView(View, frozen=True, kw_only=True):
    """Who used an invite, and when; ``peer_id`` and ``name`` are empty where that peer was removed since."""

    fingerprint: str
    peer_id: str
    name: str
    at: str


class InviteView(View, frozen=True, kw_only=True):
    """An invite. ``token`` is there only in the answer that made it, as are ``qr``, the token as a QR code (its rows
    from the top, a ``1`` for each dark module; the quiet zone of four modules is not among them), and ``words``.
    ``for_`` is who may use it: rig or controller. ``status`` is open, used, expired or revoked. ``joined`` are the last
    100 who used it, the first of them first."""

    id: str
    status: str
    for_: str = msgspec.field(name="for")
    uses: int
    used: int
    created_at: str
    expires_at: str
    addresses: tuple[str, ...]
    token: str | None = None
    words: str = ""
    qr: tuple[str, ...] = ()
    joined: tuple[JoinedView, ...] = ()


class TokenView(View, frozen=True, kw_only=True):
    """What a join token says, before it is used. ``for_`` is who may use it: rig or controller; ``grants`` is what
    the issuer may do at the node that joins."""

    issuer_words: str
    issuer_fingerprint: str
    for_: str = msgspec.field(name="for")
    grants: tuple[Grant, ...]
    addresses: tuple[str, ...]
    expires_at: str


class RigView(View, frozen=True, kw_only=True):
    """One rig as the controller knows it (``/remote/stats``).

    ``age_s``: seconds since the stats were taken, ``None`` when there never were any; ``error``: why it is missing
    or old, one sentence, empty when all is well; ``error_code`` stable, for programs.
    """

    node_id: str
    node_name: str
    connected: bool
    age_s: float | None
    error: str = ""
    error_code: str = ""
    uptime_s: int | None = msgspec.field(default=None, name="uptime")
    version: str = ""
    ping_ms: float | None = None
    miners: tuple[MinerStats, ...] = ()
    machine: MachineStats | None = None
    problems: tuple[str, ...] = ()
    """What is wrong with the rig itself, each one sentence."""
    schedule: str = ""
    locked: bool = False


class ProfileView(View, frozen=True, kw_only=True):
    id: str
    name: str
    miner_type: str
    config: dict[str, object]
    hash: str


class FieldView(View, frozen=True, kw_only=True):
    """A field that a profile's config may have. ``takes`` and ``meaning`` are for people; ``of_pool``: each pool has
    its own."""

    name: str
    takes: str
    default: object
    meaning: str
    of_pool: bool


class VersionView(View, frozen=True, kw_only=True):
    """What a profile was from ``at`` on (``None``: nobody knows since when); ``current``: what it is now."""

    hash: str
    miner_type: str
    config: dict[str, object]
    at: str | None
    current: bool


class DraftView(View, frozen=True, kw_only=True):
    """A profile as it stands in a file, checked and not kept."""

    name: str
    miner_type: str
    config: dict[str, object]
    hash: str


class DocumentView(View, frozen=True, kw_only=True):
    """Profiles as a file: ``document`` is its text. ``has_passwords``: there are pools' passwords in it."""

    format: str
    document: str
    profiles: int
    has_passwords: bool


class ImportView(View, frozen=True, kw_only=True):
    """The names of the profiles that an import made, replaced, or found there with the same content."""

    created: tuple[str, ...]
    replaced: tuple[str, ...]
    unchanged: tuple[str, ...]


class CommandView(View, frozen=True, kw_only=True):
    """What a command to a rig did. ``miner_name`` is the first of ``miners``."""

    status: str
    miner_name: str | None = None
    miners: tuple[str, ...] = ()


class DeployView(View, frozen=True, kw_only=True):
    """What a deploy did: ``stored`` a profile, ``installed`` a program, or ``rolled back`` to one. ``restarted`` are
    the miners that were restarted with it."""

    status: str
    profile_hash: str = ""
    miner_type: str = ""
    version: str = ""
    sha256: str = ""
    restarted: tuple[str, ...] = ()


class DeployProgress(View, frozen=True, kw_only=True):
    """How far a deploy is. ``state`` is waiting, offering, sending, installing, restarting or away (the link is lost,
    and waited for)."""

    state: str
    sent_bytes: int = 0
    total_bytes: int = 0


class BundleView(View, frozen=True, kw_only=True):
    """A miner program that this node can deploy. ``signed_by`` is the operator's key (base64), empty: this node signs
    it when it is sent."""

    sha256: str
    miner_type: str
    version: str
    system: str
    architecture: str
    archive: str
    size_bytes: int
    unpacked_bytes: int
    files: int
    program: str
    signed_by: str
    added_at: str


class AvailableMinerView(View, frozen=True, kw_only=True):
    """A miner program that this machine has, or could have. ``capabilities``: what can be done with it while it runs;
    ``fields``: what it heeds of a profile's config."""

    name: str
    description: str
    installed: bool
    version: str = ""
    path: str = ""
    simulated: bool = False
    capabilities: tuple[str, ...] = ()
    fields: tuple[str, ...] = ()
    source: str = ""
    previous: str = ""


class HashrateView(View, frozen=True, kw_only=True):
    """One point of a miner's hashrate, in H/s (``None``: not known then)."""

    timestamp: str
    hashrate: float | None


class ScheduleView(View, frozen=True, kw_only=True):
    """A rig's schedule (fields as in ``Schedule``), what it asks for now, and until when (``None``: for ever).
    ``local_time`` is the rig's clock on the wall; ``problem`` why the schedule cannot be kept, or empty."""

    rules: tuple[ScheduleRule, ...] = ()
    otherwise: str = "run"
    now: str = "run"
    until: str | None = None
    local_time: str = ""
    problem: str = ""


class PingView(View, frozen=True, kw_only=True, rename=None):
    """``rtt_ms``: round trip on this node's clock; ``clock_offset_ms``: the peer's clock minus ours."""

    rtt_ms: float
    clock_offset_ms: float


class StatusView(View, frozen=True, kw_only=True):
    status: str


class ReadyView(StatusView, frozen=True, kw_only=True):
    """``problems``: what is wrong with this node, one sentence each; it works in spite of it."""

    problems: tuple[str, ...] = ()


class LockView(View, frozen=True, kw_only=True):
    """The wallet lock of this rig. ``locked`` is false where there is none. ``keys`` are base64; ``stopped`` are the
    miners that were stopped because a new lock forbids what they mined to."""

    locked: bool
    wallets: tuple[str, ...] = ()
    pools: tuple[str, ...] = ()
    keys: tuple[str, ...] = ()
    serial: int = 0
    file: str = ""
    fingerprint: str = ""
    stopped: tuple[str, ...] = ()


class RigEventView(View, frozen=True, kw_only=True):
    """Something that happened on a rig. ``at_ms`` (Unix, ms) is on this node's clock, ``rig_at_ms`` on the rig's;
    ``journal`` and ``seq`` name the entry; ``own``: this node saw or did it, and not the rig."""

    at_ms: int
    rig_at_ms: int
    kind: str
    miner: str = ""
    by: str = ""
    text: str = ""
    journal: str
    seq: int
    own: bool = False


class HistoryEventView(View, frozen=True, kw_only=True):
    """Something that happened. ``peer_id`` and ``peer_name`` say of whom (empty: of none; the name is empty where the
    peer is no longer known); ``own``: this node saw or did it, and not the rig. ``by``: who asked for it. With
    ``cursor`` the events before this one can be asked for."""

    at: str
    at_ms: int
    kind: str
    peer_id: str = ""
    peer_name: str = ""
    miner: str = ""
    by: str = ""
    text: str = ""
    own: bool = False
    cursor: str


class HistoryPointView(View, frozen=True, kw_only=True):
    """A hashrate over a time that begins at ``timestamp``: the mean of the samples in it, in H/s, with the least
    and the most where they are of one miner. ``None``: nothing is known of that time."""

    timestamp: str
    hashrate: float | None
    min_rate: float | None = None
    max_rate: float | None = None
    algorithm: str = ""


class LineView(View, frozen=True, kw_only=True):
    """One line of a chart; a value for each bucket, ``None`` where nothing is known."""

    name: str
    values: tuple[float | None, ...]


class IntervalView(View, frozen=True, kw_only=True):
    """From ``since_ms`` to before ``until_ms``, and why."""

    since_ms: int
    until_ms: int
    reason: str = ""


class SeriesView(View, frozen=True, kw_only=True):
    """Lines over buckets of ``step_ms``, the first of which begins at ``start_ms``. ``table`` (samples, minutes,
    hours) is where they come from; ``offline`` is when the rig is known to have been offline."""

    what: str
    unit: str
    start_ms: int
    step_ms: int
    points: int
    table: str
    lines: tuple[LineView, ...]
    offline: tuple[IntervalView, ...] = ()


class BandEventView(View, frozen=True, kw_only=True):
    """A tick on a band: what happened on a rig (``at_ms``, Unix, on this node's clock), and ``by`` whom; ``own``: this
    node saw or did it, and not the rig."""

    at_ms: int
    kind: str
    miner: str = ""
    by: str = ""
    text: str = ""
    own: bool = False


class BandView(View, frozen=True, kw_only=True):
    """A rig over a time. ``states`` has a letter for each bucket: ``m`` mining, ``p`` paused, ``i`` idle, ``t`` trouble
    (a miner that is wanted is down), ``o`` offline, ``-`` not known. ``hashrate`` is in H/s, a line for each
    algorithm; ``events`` are the last 50, the oldest first, and ``earlier_events``: there are others before them."""

    peer_id: str
    peer_name: str
    states: str
    hashrate: tuple[LineView, ...]
    events: tuple[BandEventView, ...]
    earlier_events: bool = False


class BandsView(View, frozen=True, kw_only=True):
    """Rigs over one time, in buckets as in ``SeriesView``, in the order they were asked for. ``unknown`` are the names
    that no peer has, or that several have."""

    start_ms: int
    step_ms: int
    points: int
    table: str
    bands: tuple[BandView, ...]
    unknown: tuple[str, ...] = ()


class MinerHistoryView(View, frozen=True, kw_only=True):
    """A miner over a time: its samples, and of those with a hashrate the mean, the most and the least (H/s) on the
    algorithm that it mined for longest; ``algorithms`` are all of them."""

    miner_name: str
    peer_id: str
    peer_name: str
    total_points: int
    average_rate: float | None
    max_rate: float | None
    min_rate: float | None
    algorithm: str
    algorithms: tuple[str, ...]
    shares: int
    rejected: int
    mining: float | None
    """Which part of its samples it was mining in, 0 to 1."""
    first_at: str
    last_at: str


class RetentionView(View, frozen=True, kw_only=True):
    """How long what is kept."""

    samples_hours: float
    minutes_days: float
    hours_days: float
    events_days: float


class HistoryStatusView(View, frozen=True, kw_only=True):
    """The history of this node. ``enabled``: it records its rigs; ``problem`` is why nothing is recorded at present, or
    empty. ``bytes`` are on the disk, ``rig_days`` what they hold, ``bytes_per_rig_day`` one by the other."""

    enabled: bool
    retention_days: float
    retention: RetentionView
    database: str
    problem: str
    bytes: int
    rig_days: float
    bytes_per_rig_day: float | None


class HashratePointView(View, frozen=True, kw_only=True):
    """One miner at one moment; times and entry as in ``RigEventView``, the rest as in a rig's miners. ``shares`` and
    ``rejected`` are those since the sample before."""

    at_ms: int
    rig_at_ms: int
    miner: str
    state: str
    algorithm: str = ""
    hashrate_hps: float | None = msgspec.field(default=None, name="hashrate")
    accepted: int = msgspec.field(default=0, name="shares")
    rejected: int = 0
    temperature_c: float | None = None
    power_w: float | None = None
    journal: str
    seq: int


class MetricsView(View, frozen=True, kw_only=True):
    """What ``/metrics`` says, in short. Rigs and miners are counted by state, ``hashrate`` (H/s) is by algorithm; all
    but rigs is of those that are up. ``answers`` are the API's by class of status, ``refused`` by reason; ``values``
    has every other metric without labels, by its name."""

    rigs: dict[str, int]
    miners: dict[str, int]
    hashrate: dict[str, float]
    accepted: int = msgspec.field(name="shares")
    rejected: int
    power_w: float | None
    hottest_c: float | None
    answers: dict[str, int]
    refused: dict[str, int]
    values: dict[str, float]


class GapView(View, frozen=True, kw_only=True):
    """Entries ``first`` to ``last`` of a rig's journal that the rig had forgotten before they could be fetched."""

    journal: str
    first: int
    last: int
    noted_ms: int


class ErrorView(View, frozen=True, kw_only=True, omit_defaults=True):
    """The one error envelope."""

    error: str
    code: str
    details: dict[str, object] = msgspec.field(default_factory=dict)
    suggestion: str = ""
