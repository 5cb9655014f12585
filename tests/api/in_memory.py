"""The faces as small implementations in memory, and a client that speaks plain HTTP over the node's socket."""

from __future__ import annotations

import asyncio
import http.client
import json
import socket
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from miner_ctrl.access import Access
from miner_ctrl.api.faces import Faces, FleetWatcher
from miner_ctrl.api.live.feed import Feed
from miner_ctrl.api.live.topics import events_topic, jobs_topic, overview_topics, pairing_topics
from miner_ctrl.controller import Jobs
from miner_ctrl.errors import BadToken, Conflict, NotFound, Refused, Unreachable
from miner_ctrl.metrics import Metrics
from miner_ctrl.model.miners import MinerState, MinerStats, NodeInfo
from miner_ctrl.model.nodes import Grant, Grants, Role
from miner_ctrl.model.profiles import ConfigValue
from miner_ctrl.model.rig import BundleOffer, Schedule, ScheduleState
from miner_ctrl.model.views import (
    BundleView,
    CommandView,
    DeployProgress,
    DeployView,
    IdentityView,
    InviteView,
    NodeInfoView,
    PeerView,
    PendingView,
    PingView,
    RigView,
    TlsView,
    TokenView,
)
from miner_ctrl.protocol.messages import Logs
from tests.api.overview import Overview
from tests.api.own_machine import MINER, Audit, Doctor, History, Installs, OwnLock, Rig
from tests.api.profile_faces import Assignments, MinerTypes
from tests.api.profiles_in_memory import Profiles
from tests.api.real_jobs import jobs_in

BASE = "/api/v1/mining"
RIG_ID = "a1b2c3d4e5f60718"
WAITING_ID = "0011223344556677"
GOOD_TOKEN = "a-good-token"


def peer_view(id_: str = RIG_ID, name: str = "rig-alpha", **changes: object) -> PeerView:
    view = PeerView(
        id=id_,
        name=name,
        public_key="eA==",
        signing_key="ZQ==",
        fingerprint=id_ * 4,
        words="one two three four five six seven eight",
        address="192.168.1.100:9091",
        dial_address="192.168.1.100:9091",
        role=Role.WORKER,
        added_at="2026-01-01T00:00:00Z",
        last_seen=None,
        ping_ms=None,
        ping_smoothed_ms=None,
        score=50,
        connected=True,
        state="connected",
        grants=(),
        verified=True,
    )
    return msgspec.structs.replace(view, **changes)


def rig_view(id_: str = RIG_ID, name: str = "rig-alpha", hashrate: float = 1000.0) -> RigView:
    miner = MinerStats(name=MINER, type="xmrig", state=MinerState.MINING, hashrate_hps=hashrate, algorithm="rx/0")
    return RigView(node_id=id_, node_name=name, connected=True, age_s=0.5, miners=(miner,))


class Node:
    """This node: no identity until ``init``; ``on_init`` is told."""

    def __init__(self) -> None:
        self.identity: IdentityView | None = None
        self.on_init: Callable[[], None] = lambda: None

    def info(self) -> NodeInfoView:
        return NodeInfoView(has_identity=self.identity is not None, identity=self.identity)

    async def init(self, name: str | None, role: Role | None, trust: str | None) -> IdentityView:
        if self.identity is not None:
            raise Conflict("This node has an identity.", code="HAS_IDENTITY")
        self.identity = IdentityView(
            id="ffffffffffffffff",
            name=name or "this-machine",
            public_key="eA==",
            signing_key="ZQ==",
            role=role or Role.DUAL,
            created_at="2026-01-01T00:00:00Z",
            fingerprint="ff" * 32,
            words=trust or "eight words",
        )
        self.on_init()
        return self.identity

    def tls(self) -> TlsView:
        return TlsView(certificate="/c/tls.crt", key="/c/tls.key", fingerprint="ab" * 32, made=True)

    def inspect_token(self, token: str) -> TokenView:
        if token != GOOD_TOKEN:
            raise BadToken("This is not a join token.")
        return TokenView(
            issuer_words="one two",
            issuer_fingerprint="aa" * 32,
            for_="rig",
            grants=(Grant.OBSERVE,),
            addresses=("192.168.1.2:9091",),
            expires_at="2026-01-01T01:00:00Z",
        )


class Pairing:
    def __init__(self) -> None:
        self.known = {RIG_ID: peer_view()}
        self.waiting = {WAITING_ID}
        self.made: dict[str, InviteView] = {}
        self.aliases: dict[str, str] = {}
        """Other IDs of peers: those of the registry that jobs choose from."""
        self.keys = ["a/b+c="]
        self.calls: list[tuple[object, ...]] = []
        self.doors: list[Callable[[], None]] = []

    def peers(self) -> list[PeerView]:
        return list(self.known.values())

    def peer(self, query: str) -> PeerView:
        query = self.aliases.get(query, query)
        for peer in self.known.values():
            if query in (peer.id, peer.name):
                return peer
        raise NotFound(f"There is no peer {query!r}.", suggestion="See `peer list`.", code="PEER_NOT_FOUND")

    async def add(self, address: str, *, name: str | None, fingerprint: str | None) -> PeerView:
        self.calls.append(("add", address, name, fingerprint))
        if "nobody" in address:
            raise Unreachable("Nobody answers there.")
        if "changed" in address:
            raise Refused("The keys have changed.", code="IDENTITY_MISMATCH")
        return peer_view(state="pending", connected=False, name=name or "rig")

    async def join(self, token: str, *, name: str | None, address: str | None) -> PeerView:
        self.calls.append(("join", token, name, address))
        if token != GOOD_TOKEN:
            raise BadToken("This is not a join token.")
        return peer_view(name=name or "controller")

    async def patch(
        self,
        query: str,
        *,
        name: str | None,
        address: str | None,
        tags: tuple[str, ...] | None,
        grants: Grants | None,
    ) -> PeerView:
        self.calls.append(("patch", name, address, tags, grants))
        held = self.peer(query)
        changes = {"address": address, "dial_address": address, "tags": tags}
        changed = {name: value for name, value in changes.items() if value is not None}
        self.known[held.id] = msgspec.structs.replace(held, **changed)
        return self.known[held.id]

    def allowlist(self) -> list[str]:
        return list(self.keys)

    async def allow(self, public_key: str) -> None:
        self.keys.append(public_key)

    async def disallow(self, public_key: str) -> None:
        if public_key not in self.keys:
            raise NotFound("This key is not on the allowlist.", code="KEY_NOT_FOUND")
        self.keys.remove(public_key)

    async def remove(self, query: str) -> None:
        del self.known[self.peer(query).id]

    async def connect(self, query: str) -> None:
        self.peer(query)

    async def disconnect(self, query: str) -> None:
        self.peer(query)

    def pending(self) -> list[PendingView]:
        at = "2026-01-01T00:00:00Z"
        return [
            PendingView(id=id_, name="new", fingerprint="00", words="w", address="a:1", since=at, expires_at=at)
            for id_ in self.waiting
        ]

    async def approve(self, id_: str, grants: Grants | None) -> PeerView:
        await self.deny(id_)
        self.calls.append(("approve", grants))
        return peer_view(id_, grants=tuple(sorted(grants or ())))

    async def deny(self, id_: str) -> None:
        if id_ not in self.waiting:
            raise NotFound("Nobody of that ID waits.", code="PENDING_NOT_FOUND")
        self.waiting.remove(id_)

    def invite(self, *, for_: str | None, addresses: list[str], uses: int, lifetime_s: float) -> InviteView:
        self.calls.append(("invite", for_, addresses, uses, lifetime_s))
        view = InviteView(
            id="inv1",
            status="open",
            for_=for_ or "rig",
            uses=uses,
            used=0,
            created_at="2026-01-01T00:00:00Z",
            expires_at="2026-01-01T01:00:00Z",
            addresses=tuple(addresses),
        )
        self.made[view.id] = view
        return msgspec.structs.replace(view, token=GOOD_TOKEN)

    def invites(self) -> list[InviteView]:
        return list(self.made.values())

    def find_invite(self, id_: str) -> InviteView:
        if id_ not in self.made:
            raise NotFound("There is no such invite.", code="INVITE_NOT_FOUND")
        return self.made[id_]

    def watch_doors(self, told: Callable[[], None]) -> Callable[[], None]:
        self.doors.append(told)
        return lambda: self.doors.remove(told)

    def revoke(self, id_: str) -> InviteView:
        if id_ not in self.made:
            raise NotFound("There is no such invite.", code="INVITE_NOT_FOUND")
        return msgspec.structs.replace(self.made[id_], status="revoked")


class Fleet:
    def __init__(self) -> None:
        self.known = {RIG_ID: rig_view()}
        self.watchers: list[FleetWatcher] = []

    def rigs(self) -> dict[str, RigView]:
        return dict(self.known)

    def rigs_json(self) -> bytes:
        return msgspec.json.encode(self.known)

    def of(self, node_id: str, /) -> RigView | None:
        return self.known.get(node_id)

    def watch(self, watcher: FleetWatcher, /) -> Callable[[], None]:
        self.watchers.append(watcher)
        return lambda: self.watchers.remove(watcher)

    def change(self, rig: RigView) -> None:
        self.known[rig.node_id] = rig
        for watcher in self.watchers:
            watcher(rig.node_id, rig)

    def remove(self, id_: str) -> None:
        del self.known[id_]
        for watcher in self.watchers:
            watcher(id_, None)


class Commands:
    """``feed`` is the log that followers get; ``followers`` counts those that have not been closed."""

    def __init__(self, pairing: Pairing, fleet: Fleet) -> None:
        self._pairing = pairing
        self._fleet = fleet
        self.feed: asyncio.Queue[Logs | Exception | None] = asyncio.Queue()
        self.followers = 0
        self.calls: list[tuple[object, ...]] = []
        self.hanging = asyncio.Event()

    def _reach(self, query: str) -> str:
        if query == "gone":
            raise Unreachable("gone does not answer.", suggestion="Is it on?")
        if query == "broken":
            raise RuntimeError("a bug with a secret in it: hunter2")
        return self._pairing.peer(query).id

    async def ping(self, query: str) -> PingView:
        self._reach(query)
        return PingView(rtt_ms=1.5, clock_offset_ms=-3.0)

    async def sweep(self, timeout_s: float) -> dict[str, RigView]:
        self.calls.append(("sweep", timeout_s))
        return self._fleet.rigs()

    async def stats(self, query: str) -> RigView:
        if query == "hang":
            self.hanging.set()
            await asyncio.Event().wait()
        return self._fleet.known[self._reach(query)]

    async def info(self, query: str) -> NodeInfo:
        return NodeInfo(node_id=self._reach(query), node_name="rig-alpha", version="0.1.0")

    async def start(
        self,
        query: str,
        *,
        profile: str | None,
        miner_type: str | None,
        config: Mapping[str, ConfigValue],
        replace: str | None = None,
        version: str | None = None,
    ) -> CommandView:
        return self._did("start", query, profile, miner_type, dict(config), *filter(None, (replace, version)))

    async def stop(self, query: str, miner: str | None) -> CommandView:
        return self._did("stop", query, miner)

    async def restart(self, query: str, miner: str | None) -> CommandView:
        return self._did("restart", query, miner)

    async def pause(self, query: str, miner: str | None, resume_after_s: int | None = None) -> CommandView:
        return self._did("pause", query, miner, *([resume_after_s] if resume_after_s else []))

    async def resume(self, query: str, miner: str | None) -> CommandView:
        return self._did("resume", query, miner)

    async def set_lock(self, query: str, document: bytes, signature: bytes) -> CommandView:
        return self._did("locked", query, None)

    async def deploy_schedule(self, query: str, schedule: Schedule) -> CommandView:
        return self._did("schedule", query, schedule)

    async def schedule(self, query: str) -> ScheduleState | None:
        self._reach(query)
        return ScheduleState(schedule=Schedule(otherwise="pause"), now="pause", local_time="mon 01:02")

    async def logs(self, query: str, miner: str, lines: int) -> list[str]:
        self._miner(query, miner)
        return [f"line {number}" for number in range(lines)]

    async def follow_logs(self, query: str, miner: str, lines: int) -> AsyncIterator[Logs]:
        self._miner(query, miner)
        self.followers += 1
        try:
            if lines:
                yield Logs(lines=tuple(f"line {number}" for number in range(lines)), more=True)
            while (part := await self.feed.get()) is not None:
                if isinstance(part, Exception):
                    raise part
                yield part
        finally:
            self.followers -= 1

    def _miner(self, query: str, miner: str) -> None:
        self._reach(query)
        if miner != MINER:
            raise NotFound(f"There is no miner {miner!r} there.", code="MINER_NOT_FOUND")

    def _did(self, what: str, query: str, *rest: object) -> CommandView:
        self._reach(query)
        self.calls.append((what, *rest))
        return CommandView(status=what, miner_name=MINER, miners=(MINER,))


BUNDLE = BundleView(
    sha256="ab" * 32,
    miner_type="xmrig",
    version="6.22.2",
    system="linux",
    architecture="x86_64",
    archive="tar.gz",
    size_bytes=1000,
    unpacked_bytes=2000,
    files=2,
    program="xmrig/xmrig",
    signed_by="",
    added_at="2026-01-01T00:00:00Z",
)


class Deploys:
    """``fails`` is what a program's deploy ends with, after it has told how far it is; ``cut_off`` counts those whose
    reader went; ``goes_on`` is waited for in the middle of one."""

    def __init__(self, commands: Commands) -> None:
        self._commands = commands
        self.fails: Exception | None = None
        self.goes_on = asyncio.Event()
        self.goes_on.set()
        self.cut_off = 0

    async def deploy_profile(self, query: str, profile: str, version: str | None = None) -> DeployView:
        return DeployView(status=self._commands._did("deploy", query, profile, *filter(None, (version,))).status)

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
        self._commands._did("deploy program", query, miner_type, version, sha256, restart)
        told(DeployProgress(state="sending", sent_bytes=500, total_bytes=1000))
        try:
            await self.goes_on.wait()
        except asyncio.CancelledError:
            self.cut_off += 1
            raise
        if self.fails is not None:
            raise self.fails
        return DeployView(status="installed", miner_type=miner_type or "xmrig", version=version or "6.22.2")

    async def rollback(self, query: str, miner_type: str, *, restart: bool) -> DeployView:
        self._commands._did("rollback", query, miner_type, restart)
        return DeployView(status="rolled back", miner_type=miner_type, version="6.22.1")

    async def bundles(self) -> list[BundleView]:
        return [BUNDLE]

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
    ) -> BundleView:
        return BUNDLE

    async def remove_bundle(self, query: str) -> BundleView:
        if not BUNDLE.sha256.startswith(query):
            raise NotFound("There is no such bundle here.", code="BUNDLE_NOT_FOUND")
        return BUNDLE


class World:
    """Everything behind one application. Without an identity only ``node`` is there, until ``POST /node/init``.

    ``jobs`` are real ones; they are there if there is a ``folder`` for what they keep.
    """

    def __init__(self, *, identity: bool = True, access: Access | None = None, folder: Path | None = None) -> None:
        self.node = Node()
        self.pairing = Pairing()
        self.fleet = Fleet()
        self.commands = Commands(self.pairing, self.fleet)
        self.deploys = Deploys(self.commands)
        self.jobs: Jobs | None = None
        self.rig_of_jobs = ""
        if folder is not None:
            self.jobs, self.rig_of_jobs = jobs_in(folder)
            self.pairing.aliases[self.rig_of_jobs] = RIG_ID
        self.profiles = Profiles()
        self.history = History()
        self.lock = OwnLock()
        self.audit = Audit()
        self.rig = Rig()
        self.overview = Overview()
        tables, states = overview_topics(self.overview)
        if self.jobs is not None:
            tables["jobs"] = jobs_topic(self.jobs)
        tables["events"] = events_topic(self.history)
        tables |= pairing_topics(self.pairing)
        self.live = Feed(
            tables=tables, states=states, fleet=self.fleet, commands=self.commands, pairing=self.pairing,
            now_ms=lambda: 1_000_000, holds=lambda caller: access is None or access.holds(caller),
        )  # fmt: skip
        self.node.on_init = self._complete
        self.doctor = Doctor()
        self.installs = Installs()
        self.metrics = Metrics()
        self.metrics.fleet = lambda: [(rig, self.overview.rows()[id_]) for id_, rig in self.fleet.known.items()]
        self._faces = Faces(self.node, doctor=self.doctor, installs=self.installs, access=access, metrics=self.metrics)
        if identity:
            self._complete()

    def faces(self) -> Faces:
        return self._faces

    def _complete(self) -> None:
        self._faces = replace(
            self._faces,
            pairing=self.pairing,
            commands=self.commands,
            deploys=self.deploys,
            jobs=self.jobs,
            fleet=self.fleet,
            overview=self.overview,
            live=self.live,
            profiles=self.profiles,
            miner_types=MinerTypes(),
            assignments=Assignments(),
            history=self.history,
            lock=self.lock,
            audit=self.audit,
            rig=self._own_rig,
        )

    async def _own_rig(self) -> Rig:
        return self.rig


class Answer(NamedTuple):
    status: int
    headers: Mapping[str, str]
    text: bytes

    @property
    def data(self) -> Any:
        return json.loads(self.text)


class Client:
    """One connection a request, over the Unix socket, in a thread."""

    def __init__(self, path: Path) -> None:
        self.path = path

    async def __call__(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        raw: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        base: str = BASE,
    ) -> Answer:
        content = raw if raw is not None else None if body is None else json.dumps(body).encode()
        sent = {"Content-Type": "application/json"} if content is not None else {}
        return await asyncio.to_thread(self._call, method, base + path, content, {**sent, **(headers or {})})

    def _call(self, method: str, path: str, content: bytes | None, headers: Mapping[str, str]) -> Answer:
        connection = http.client.HTTPConnection("localhost", timeout=30)
        connection.sock = socket.socket(socket.AF_UNIX)
        connection.sock.settimeout(30)
        connection.sock.connect(str(self.path))
        try:
            connection.request(method, path, content, dict(headers))
            response = connection.getresponse()
            return Answer(response.status, dict(response.getheaders()), response.read())
        finally:
            connection.close()

    async def events(self, path: str, *, limit: int = 2**16, post: object = None) -> EventReader:
        """Open a stream (with ``post``: by posting that); the answer reads its events."""
        reader, writer = await asyncio.open_unix_connection(str(self.path), limit=limit)
        body = b"" if post is None else json.dumps(post).encode()
        kind = "" if post is None else f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
        method = "GET" if post is None else "POST"
        writer.write(f"{method} {BASE}{path} HTTP/1.1\r\nHost: localhost\r\n{kind}\r\n".encode() + body)
        head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 30)
        return EventReader(reader, writer, head)


class EventReader:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, head: bytes) -> None:
        self.reader, self.writer, self.head = reader, writer, head

    @property
    def status(self) -> int:
        return int(self.head.split()[1])

    async def next(self) -> tuple[str, Any] | None:
        """Return the next event, or ``None`` at the proper end of the answer."""
        event = await asyncio.wait_for(self._chunk(), 30)
        if event is None:
            return None
        *_, name, data = event.decode().rstrip("\n").split("\n")
        return name.removeprefix("event: "), json.loads(data.removeprefix("data: "))

    async def _chunk(self) -> bytes | None:
        """One chunk of the chunked answer: the server sends each event as one."""
        size = int(await self.reader.readuntil(b"\r\n"), 16)
        content = await self.reader.readexactly(size + 2)
        return content[:-2] if size else None

    def close(self) -> None:
        self.writer.close()


async def until(condition: Callable[[], bool], within_s: float = 30.0) -> None:
    """Wait until ``condition`` holds."""
    async with asyncio.timeout(within_s):
        while not condition():  # noqa: ASYNC110 - any condition, not one that can set an event
            await asyncio.sleep(0.005)
