"""The half of a node that is a controller: the fleet, commands to it, deploys, its history; built and wired."""

from __future__ import annotations

import secrets
import time
from contextlib import AsyncExitStack

from miner_ctrl.app.audit import NodeAudit
from miner_ctrl.app.history import history_store
from miner_ctrl.config import Home
from miner_ctrl.controller import (
    Assignments,
    Backfill,
    Commands,
    Deeds,
    Deploys,
    Fleet,
    FleetWatch,
    Jobs,
    JobStore,
    Overview,
    OwnJournal,
    RigHistory,
)
from miner_ctrl.deploy.bundles import BundleStore
from miner_ctrl.errors import MinerCtrlError
from miner_ctrl.history.settings import read_history_settings
from miner_ctrl.identity.keys import NodeKeys
from miner_ctrl.model.times import now_ms
from miner_ctrl.pairing import Pairing
from miner_ctrl.peers import PeerRecord, Registry
from miner_ctrl.profiles import ProfileStore
from miner_ctrl.storage.database_url import DatabaseUrl
from miner_ctrl.transport import Endpoint


class ControllerHalf:
    """What commands rigs; ``up`` undoes what is started. A node that only works has one when somebody on it asks for a
    rig, and not before: it is memory that a rig does without.

    ``serving``: it watches its rigs, keeps their history filled, and notes in it what was asked here, which ``audit``
    hears; without, it only commands. ``database`` keeps the history, if not the home's own file.
    """

    def __init__(
        self,
        up: AsyncExitStack,
        *,
        home: Home,
        keys: NodeKeys,
        endpoint: Endpoint,
        registry: Registry,
        profiles: ProfileStore,
        pairing: Pairing,
        audit: NodeAudit,
        serving: bool,
        database: DatabaseUrl | None = None,
    ) -> None:
        self._up = up
        self.endpoint = endpoint
        self._registry = registry
        self._profiles = profiles
        self._audit = audit
        self._serving = serving
        keep = read_history_settings(home.history_file)
        self.store = history_store(home, database, keep, own_journal=keys.public.fingerprint.hex()[:32])
        self.own_journal = OwnJournal(endpoint, registry, self.store, now_ms=now_ms)
        self.fleet = Fleet(clock=time.monotonic)
        self.watch = FleetWatch(endpoint, registry, self.fleet, clock=time.monotonic, subscribe=serving)
        self.overview = Overview(
            self.fleet,
            clock=time.monotonic,
            now_ms=now_ms,
            hashes=lambda: {profile.id: profile.content_hash for profile in profiles.list()},
            pending=pairing.pending,
        )
        self.commands = Commands(
            registry,
            profiles,
            self.fleet,
            reach=pairing.reach,
            live=endpoint.channel,
            clock=time.monotonic,
            new_message_id=lambda: secrets.token_hex(12),
        )
        self.assignments = Assignments(registry, self.fleet, profiles)
        self.history = RigHistory(
            registry,
            self.store,
            settings=keep,
            settings_file=home.history_file,
            recording=serving,
            now_ms=now_ms,
            database="postgresql" if database else "sqlite",
        )
        self.deploys = Deploys(
            self.commands,
            BundleStore(home.bundles, now_ms=now_ms),
            signing_key=keys.public.e,
            sign=keys.sign,
            clock=time.monotonic,
        )
        self.jobs = Jobs(
            registry, self.fleet, JobStore(home.jobs_database), now_ms=now_ms, new_id=lambda: secrets.token_hex(12)
        )
        up.push_async_callback(self.store.close)
        up.push_async_callback(self.watch.close)
        up.push_async_callback(self.overview.close)
        up.push_async_callback(self.jobs.close)

    def start(self) -> None:
        """Enter every registered rig, follow sessions from now on, and fill the history."""
        self.watch.start()
        self.overview.start()
        if self._serving:
            self._up.push_async_callback(self.own_journal.close)
            self.own_journal.start()
            deeds = self._audit.deeds = Deeds(
                self._registry, self.own_journal, now_ms=now_ms, profile_name=self._profile_name
            )
            self.jobs.noted = deeds.job
            self.store.start()
            backfill = Backfill(self.endpoint, self._registry, self.store, clock=time.monotonic, now_ms=now_ms)
            self._up.push_async_callback(backfill.close)
            backfill.written = self.own_journal.written = self.history.written
            backfill.start()

    def _profile_name(self, query: str) -> str:
        try:
            return self._profiles.find(query).name
        except MinerCtrlError:
            return query

    def registered(self, record: PeerRecord) -> None:
        """A peer's entry came, or changed."""
        self.watch.registered(record)
        if self._serving:
            self.own_journal.registered(record)

    def removed(self, fingerprint: bytes) -> None:
        """A peer's entry has gone."""
        self.watch.removed(fingerprint)
        if self._serving:
            self.own_journal.removed(fingerprint)
