"""What the application is given: the other rooms, as far as its routes need them."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import msgspec

from miner_ctrl.errors import MinerCtrlError
from miner_ctrl.metrics import Exposition, RequestCounts
from miner_ctrl.model.access import ApiTokenView, LoginView, SessionView
from miner_ctrl.model.audit import Audit
from miner_ctrl.model.audit_views import AuditCheckView, AuditEntryView, AuditStatusView
from miner_ctrl.model.callers import AccessRole, Caller, Visit
from miner_ctrl.model.doctor import Diagnosis, MachineInfo
from miner_ctrl.model.history import HistorySettings
from miner_ctrl.model.installs import InstallOrder, InstallView, UpdatesView
from miner_ctrl.model.jobs import JobPeerView, JobView, Retry, Selection
from miner_ctrl.model.miners import InstalledMiner, MinerStats, NodeInfo
from miner_ctrl.model.nodes import Grants, Role
from miner_ctrl.model.profile_views import MinerTypeView, ProfilePlanView, ProfilePreviewView, ProfileUseView
from miner_ctrl.model.profiles import ConfigValue, ImportOutcome, MinerConfig, Profile, ProfileDraft, ProfileVersion
from miner_ctrl.model.rig import BundleOffer, Lock, Schedule, ScheduleState
from miner_ctrl.model.summaries import Alert, FleetTotals, RigSummary
from miner_ctrl.model.views import (
    BandsView,
    BundleView,
    CommandView,
    DeployProgress,
    DeployView,
    GapView,
    HashratePointView,
    HistoryEventView,
    HistoryPointView,
    HistoryStatusView,
    IdentityView,
    InviteView,
    LockView,
    MetricsView,
    MinerHistoryView,
    NodeInfoView,
    PeerView,
    PendingView,
    PingView,
    RetentionView,
    RigEventView,
    RigView,
    SeriesView,
    TlsView,
    TokenView,
    View,
)

if TYPE_CHECKING:
    from miner_ctrl.api.live.feed import Feed
    from miner_ctrl.profiles import Examination

FleetWatcher = Callable[[str, RigView | None], None]
"""Called with a rig's node ID and its state, or ``None`` when it was removed."""


class LogPart(Protocol):
    """A part of a log: its lines, and how many bytes a slow reader missed before it."""

    @property
    def lines(self) -> Sequence[str]: ...
    @property
    def skipped(self) -> int: ...


class NodeFace(Protocol):
    """This node; there also while it has no identity."""

    def info(self) -> NodeInfoView: ...
    async def init(self, name: str | None, role: Role | None, trust: str | None) -> IdentityView:
        """Make the identity; without a role, what was planned for this node, or dual.

        Raises ``Conflict`` if there is one.
        """

    def tls(self) -> TlsView:
        """Return the listener's certificate, made if there is none."""

    def inspect_token(self, token: str) -> TokenView:
        """Read a join token without using it. Raises ``BadToken``."""


class PairingFace(Protocol):
    """Peers, invites and who waits for approval. ``query`` is a full ID, a unique prefix of one, or a name."""

    def peers(self) -> list[PeerView]: ...
    def peer(self, query: str) -> PeerView: ...
    async def add(self, address: str, *, name: str | None, fingerprint: str | None) -> PeerView: ...
    async def join(self, token: str, *, name: str | None, address: str | None) -> PeerView: ...
    async def patch(
        self,
        query: str,
        *,
        name: str | None,
        address: str | None,
        tags: tuple[str, ...] | None,
        grants: Grants | None,
    ) -> PeerView:
        """Change what is not ``None``."""

    async def remove(self, query: str) -> None: ...
    async def connect(self, query: str) -> None: ...
    async def disconnect(self, query: str) -> None: ...
    def pending(self) -> list[PendingView]: ...
    async def approve(self, id_: str, grants: Grants | None) -> PeerView: ...
    async def deny(self, id_: str) -> None: ...
    def allowlist(self) -> list[str]:
        """The public keys (base64) that may connect: of registered peers, and those noted ahead."""

    async def allow(self, public_key: str) -> None: ...
    async def disallow(self, public_key: str) -> None:
        """Take a key off the list; a peer that has it is removed."""

    def invite(self, *, for_: str | None, addresses: list[str], uses: int, lifetime_s: float) -> InviteView: ...
    def invites(self) -> list[InviteView]: ...
    def find_invite(self, id_: str) -> InviteView: ...
    def watch_doors(self, told: Callable[[], None], /) -> Callable[[], None]:
        """Have ``told`` called when who waits, or an invite, may have changed; the answer undoes it."""

    def revoke(self, id_: str) -> InviteView: ...


class CommandsFace(Protocol):
    """What is asked of rigs over the network."""

    async def ping(self, query: str) -> PingView: ...
    async def sweep(self, timeout_s: float) -> dict[str, RigView]: ...
    async def stats(self, query: str) -> RigView: ...
    async def info(self, query: str) -> NodeInfo: ...
    async def start(
        self,
        query: str,
        *,
        profile: str | None,
        miner_type: str | None,
        config: Mapping[str, ConfigValue],
        replace: str | None = None,
        version: str | None = None,
    ) -> CommandView: ...
    async def stop(self, query: str, miner: str | None) -> CommandView: ...
    async def restart(self, query: str, miner: str | None) -> CommandView: ...
    async def pause(self, query: str, miner: str | None, resume_after_s: int | None = None) -> CommandView: ...
    async def resume(self, query: str, miner: str | None) -> CommandView: ...
    async def set_lock(self, query: str, document: bytes, signature: bytes) -> CommandView: ...
    async def deploy_schedule(self, query: str, schedule: Schedule) -> CommandView: ...
    async def schedule(self, query: str) -> ScheduleState | None: ...
    async def logs(self, query: str, miner: str, lines: int) -> list[str]: ...
    def follow_logs(self, query: str, miner: str, lines: int) -> AsyncIterator[LogPart]:
        """The miner's last ``lines`` lines, then what it adds. Closed (``aclose``) when the reader is gone."""


class DeploysFace(Protocol):
    """What is deployed to rigs: profiles, and miner programs from the bundles here."""

    async def deploy_profile(self, query: str, profile: str, version: str | None = None) -> DeployView: ...
    async def deploy_program(
        self,
        query: str,
        *,
        miner_type: str | None,
        version: str | None,
        sha256: str | None,
        restart: bool,
        told: Callable[[DeployProgress], None],
    ) -> DeployView:
        """Install a program; ``told`` hears how far it is. Cancelled, it leaves what has arrived to be gone on with."""

    async def rollback(self, query: str, miner_type: str, *, restart: bool) -> DeployView: ...
    async def bundles(self) -> list[BundleView]: ...
    async def add_bundle(
        self,
        file: str,
        *,
        miner_type: str | None,
        version: str | None,
        program: str | None,
        system: str | None,
        architecture: str | None,
        offer: BundleOffer | None,
    ) -> BundleView: ...
    async def remove_bundle(self, query: str) -> BundleView: ...


class JobsFace(Protocol):
    """Commands to many rigs at once."""

    async def start(
        self,
        caller: Caller,
        action: str,
        selection: Selection,
        act: Callable[[str, Callable[[DeployProgress], None]], Awaitable[View]],
        *,
        order: msgspec.Struct,
        keeps: msgspec.Struct | None = None,
        retry: Retry | None = None,
        can_be_stopped: bool = False,
        dry_run: bool = False,
    ) -> JobView:
        """Begin to ``act`` on each rig of ``selection`` (by its ID; what it is told goes to the job's progress).
        ``order`` is the request, ``keeps`` what to do if it is to be done again, ``retry`` what this does again."""

    async def all(self) -> list[JobView]: ...
    async def get(self, id_: str) -> JobView: ...
    async def peers(self, id_: str) -> list[JobPeerView]: ...
    async def cancel(self, id_: str) -> JobView: ...
    async def retry(self, id_: str) -> Retry:
        """What is to be done to try a job again, for ``start``."""

    async def retried(self, id_: str) -> JobView | None:
        """The job that this request, by its idempotency key, has made already to try that one again."""

    def watch(
        self, watcher: Callable[[JobView, JobPeerView | None], None], gone: Callable[[str], None] | None = None, /
    ) -> Callable[[], None]:
        """Have ``watcher`` called at each change, and ``gone`` with the ID of each job that is kept no more, in
        the loop's thread; the answer undoes it."""


class FleetFace(Protocol):
    """What is known of the rigs, from memory."""

    def rigs(self) -> dict[str, RigView]: ...
    def rigs_json(self) -> bytes:
        """``rigs`` as JSON, of which little is encoded anew."""

    def of(self, node_id: str, /) -> RigView | None:
        """One rig by its full ID."""

    def watch(self, watcher: FleetWatcher, /) -> Callable[[], None]:
        """Have ``watcher`` called at each change, in the loop's thread; the answer undoes it."""


class OverviewFace(Protocol):
    """The fleet at a glance, from memory: a row for each rig, totals, alerts."""

    def rows(self) -> Mapping[str, RigSummary]: ...
    def totals(self) -> FleetTotals: ...
    def alerts(self) -> list[Alert]:
        """The worst first."""

    def alerts_by_id(self) -> Mapping[str, Alert]: ...
    def watch_rows(self, watcher: Callable[[str, RigSummary | None], None], /) -> Callable[[], None]:
        """Have ``watcher`` called at each change, in the loop's thread; the answer undoes it."""

    def watch_alerts(self, watcher: Callable[[str, Alert | None], None], /) -> Callable[[], None]:
        """As ``watch_rows``."""


class RigFace(Protocol):
    """This machine's own miners. ``name`` is a miner's; where it may be ``None`` that is all of them."""

    async def miners(self) -> Sequence[MinerStats]: ...
    async def miner(self, name: str) -> MinerStats: ...
    async def available(self) -> Sequence[InstalledMiner]: ...
    async def logs(self, name: str, lines: int) -> list[str]: ...
    def follow_logs(self, name: str, lines: int) -> AsyncIterator[LogPart]:
        """As ``CommandsFace.follow_logs``."""

    def hashrates(self, name: str) -> Sequence[tuple[int, float | None]]:
        """Unix time (ms) and hashrate (H/s) of about the last hour, the oldest first."""

    async def start(self, profile: str, *, replace: str | None = None) -> Sequence[str]: ...
    async def stop(self, name: str | None) -> Sequence[str]: ...
    async def restart(self, name: str | None) -> Sequence[str]: ...
    async def pause(self, name: str | None, resume_after_s: float | None) -> Sequence[str]: ...
    async def resume(self, name: str | None) -> Sequence[str]: ...
    async def type(self, name: str, line: str) -> None: ...
    async def adopt(self, miner_type: str, *, port: int, token: str, name: str | None) -> str: ...
    async def release(self, name: str) -> None: ...
    def schedule(self) -> ScheduleState | None: ...
    def set_schedule(self, schedule: Schedule) -> None: ...


class ProfilesFace(Protocol):
    """The profiles this node keeps. ``query`` is an ID or a name."""

    def list(self) -> Sequence[Profile]: ...
    def find(self, query: str) -> Profile: ...
    def create(self, name: str, miner_type: str, config: Mapping[str, ConfigValue]) -> Profile: ...
    def change(
        self, query: str, name: str, miner_type: str, config: Mapping[str, ConfigValue], *, if_hash: str
    ) -> Profile:
        """Replace all of a profile but its ID; only if its hash is ``if_hash``, where that is given."""

    def versions(self, query: str) -> Sequence[ProfileVersion]: ...
    def version(self, query: str, hash_prefix: str) -> Profile:
        """A profile as it was in one of its versions."""

    def revert(self, query: str, hash_prefix: str) -> Profile: ...
    def import_drafts(self, drafts: Sequence[ProfileDraft], *, replace: bool) -> ImportOutcome:
        """Keep all of them, or none."""

    def delete(self, query: str) -> object: ...
    def examine(self, name: str, miner_type: str, config: Mapping[str, ConfigValue], *, of: str | None) -> Examination:
        """Return everything for which ``create`` (or ``change`` of the profile ``of``) would refuse this."""


class MinerTypesFace(Protocol):
    """The types of miners that this node knows."""

    def types(self) -> Sequence[MinerTypeView]: ...
    def complaints(self, miner_type: str, config: MinerConfig) -> Sequence[MinerCtrlError]:
        """Return why a miner of this type would not start with this config, as far as its rig does not matter."""

    def preview(self, miner_type: str, config: MinerConfig, *, rig_name: str | None, hide: bool) -> ProfilePreviewView:
        """Return what its miners would be given; ``hide``: without passwords."""


class AssignmentsFace(Protocol):
    """Where profiles are in use, and what another assignment would change; from memory."""

    async def uses(self, query: str) -> Sequence[ProfileUseView]: ...
    async def plan(self, query: str, selection: Selection, *, replace: str | None, hide: bool) -> ProfilePlanView:
        """Return what starting the profile on each rig would change; ``hide``: without passwords."""


class DoctorFace(Protocol):
    """This machine, looked at; there also while the node has no identity."""

    async def info(self) -> MachineInfo: ...
    async def examine(self) -> Diagnosis:
        """Look at the machine now, and say what it lacks."""


class InstallsFace(Protocol):
    """The miner programs of this machine; there also while the node has no identity."""

    async def install(self, miner_type: str, order: InstallOrder) -> InstallView: ...
    async def uninstall(self, miner_type: str) -> InstallView: ...
    async def updates(self) -> UpdatesView: ...


class HistoryFace(Protocol):
    """What is remembered of rigs. Times are Unix, ms; a range ends before ``until_ms``. ``peer`` and ``query`` name a
    peer as in ``PairingFace``; a ``peer`` of ``None`` is every one."""

    async def status(self) -> HistoryStatusView: ...
    def retention(self) -> RetentionView: ...
    async def keep(self, settings: HistorySettings) -> RetentionView:
        """Keep what for how long, from now on and after a restart."""

    async def bands(self, peers: Sequence[str], *, since_ms: int, until_ms: int, points: int) -> BandsView:
        """Return the rigs that ``peers`` name over one time; raises ``BadInput`` for more than 100."""

    async def miners(
        self, peer: str | None, *, since_ms: int, until_ms: int, offset: int, limit: int
    ) -> tuple[list[MinerHistoryView], int]:
        """Return a part of all miners, and how many they are."""

    async def miner(self, name: str, peer: str | None, *, since_ms: int, until_ms: int) -> MinerHistoryView: ...
    async def miner_hashrate(
        self, name: str, peer: str | None, *, since_ms: int, until_ms: int, points: int
    ) -> list[HistoryPointView]: ...
    async def rig_hashrate(
        self, query: str, *, since_ms: int, until_ms: int, points: int, algorithm: str
    ) -> list[HistoryPointView]: ...
    async def series(self, query: str, what: str, *, since_ms: int, until_ms: int, points: int) -> SeriesView: ...
    async def fleet_hashrate(self, *, since_ms: int, until_ms: int, points: int) -> SeriesView: ...
    async def samples(self, query: str, *, since_ms: int, until_ms: int, limit: int) -> list[HashratePointView]:
        """Return the last ``limit``, the oldest first."""

    async def rig_events(self, query: str, *, since_ms: int, limit: int) -> list[RigEventView]:
        """Return the last ``limit``, the oldest first."""

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
        """Return the last ``limit`` of those before ``cursor``, the newest first."""

    def watch_events(self, told: Callable[[], None], /) -> Callable[[], None]:
        """Have ``told`` called when there may be new ones, in the loop's thread; the answer undoes it."""

    async def gaps(self, query: str) -> list[GapView]: ...
    def export(
        self, what: str, form: str, peer: str | None, *, since_ms: int, until_ms: int
    ) -> AsyncGenerator[bytes, None]:
        """Yield a file of samples, minutes, hours or events, as ``csv`` or ``jsonl``, part by part."""


class LockFace(Protocol):
    """This rig's wallet lock; to change it here is the owner's word."""

    def lock(self) -> LockView: ...
    async def set_lock(self, lock: Lock) -> LockView: ...
    async def clear_lock(self) -> LockView: ...


class AuditFace(Audit, Protocol):
    """The log of who asked for what: written (``Audit``), read, checked and exported. Times are Unix, ms."""

    async def entries(
        self, *, limit: int, before: int, caller: str, action: str, peer: str, q: str, since_ms: int, until_ms: int
    ) -> Sequence[AuditEntryView]:
        """Return entries, the newest first; what is empty or 0 narrows nothing."""

    async def status(self) -> AuditStatusView: ...
    async def check(self) -> AuditCheckView:
        """Check all of it, and ask the peers that are connected what they hold of it."""

    def export(self, format_: str, *, since_ms: int) -> AsyncGenerator[bytes, None]:
        """Yield all of it as a file, ``jsonl`` or ``csv``, in parts."""


class MetricsFace(Protocol):
    """What this node counts; there also while it has no identity."""

    @property
    def requests(self) -> RequestCounts:
        """Where what serves the routes counts them."""

    async def exposition(self, form: Exposition) -> Sequence[bytes]:
        """Return the page that Prometheus reads, in parts."""

    async def summary(self) -> MetricsView: ...
    def problems(self) -> Sequence[str]:
        """Return what is wrong with this node, one sentence each; none of it keeps it from its work."""


class AccessFace(Protocol):
    """Who may ask over the port: tokens, logins and sessions; there also while the node has no identity."""

    async def log_in(self, name: str, password: str, visit: Visit) -> tuple[str, SessionView]:
        """Return a new session's secret, and who that is now. Raises ``Refused`` or ``RateLimited``."""

    async def log_out(self, session: str) -> None:
        """End a session; one that is over stays so."""

    def holds(self, caller: Caller) -> bool:
        """Whether what ``caller`` came in with still counts; asked while it follows the feed, which uses a session."""

    async def session(self, caller: Caller) -> SessionView: ...
    async def change_own_password(self, caller: Caller, current: str, new: str) -> tuple[str, SessionView]:
        """Give who has logged in another password. Returns another secret for this session, and whose it is.

        Raises ``Refused``, ``BadInput`` or ``RateLimited``.
        """

    async def tokens(self) -> list[ApiTokenView]: ...
    async def create_token(self, caller: Caller, name: str, role: AccessRole, lifetime_s: float | None) -> ApiTokenView:
        """Make a token, which can do no more than ``caller`` and for no longer; the answer alone holds its text."""

    async def revoke_token(self, query: str) -> ApiTokenView: ...
    async def logins(self) -> list[LoginView]: ...
    async def set_login(self, caller: Caller, name: str, role: AccessRole, password: str) -> LoginView:
        """Make a login, or give the one of this name another password and role: its sessions end."""

    async def remove_login(self, query: str) -> LoginView: ...


@dataclass(frozen=True)
class Faces:
    """Everything the routes reach. All but ``node``, ``doctor``, ``installs``, ``access`` and ``metrics``, which a node
    always has, are ``None`` while it has no identity.

    ``rig`` is called at each request, and returns the rig, brought up if it was not needed before.
    """

    node: NodeFace
    pairing: PairingFace | None = None
    commands: CommandsFace | None = None
    deploys: DeploysFace | None = None
    jobs: JobsFace | None = None
    fleet: FleetFace | None = None
    overview: OverviewFace | None = None
    live: Feed | None = None
    profiles: ProfilesFace | None = None
    miner_types: MinerTypesFace | None = None
    assignments: AssignmentsFace | None = None
    doctor: DoctorFace | None = None
    installs: InstallsFace | None = None
    history: HistoryFace | None = None
    lock: LockFace | None = None
    audit: AuditFace | None = None
    metrics: MetricsFace | None = None
    access: AccessFace | None = None
    rig: Callable[[], Awaitable[RigFace]] | None = None
