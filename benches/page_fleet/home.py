"""The home of the simulated fleet's controller, made before it starts: keys, peers, profiles."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from benches.nodes import CONTROLLER, keys_of, now_ms
from benches.page_fleet.hostile import TAGS
from benches.page_fleet.plans import HOUR_MS, Plan, plan_of
from miner_ctrl.config import Home
from miner_ctrl.identity.keyfile import create_secret
from miner_ctrl.identity.keys import PublicKeys
from miner_ctrl.identity.node_file import identity_of, write_node_file
from miner_ctrl.model.nodes import ALL_GRANTS, Role
from miner_ctrl.model.profiles import ConfigValue, Profile
from miner_ctrl.peers.database import open_peers
from miner_ctrl.peers.records import COLUMNS, PeerRecord, to_row
from miner_ctrl.profiles import ProfileStore
from miner_ctrl.storage.sqlite import transaction

WALLET = "44AFFq5kSiGBoZ4NMDwYtN18obc8AemS33DBLWs3H7otXft3XjrpDtQGv7SqSsaBYBb98uNbr2VBBEt7f2wfn3RVGQBEP3A"
ERGO_WALLET = "9fRAWhdxEsTcdb8PhGNrZfwqa65zfkuYHAMmkQLcic1gdLSV5vA"
_PROFILES: dict[str, tuple[str, str, dict[str, ConfigValue]]] = {
    "rx/0": ("main", "xmrig", {"pool": "pool.supportxmr.com:3333", "wallet": WALLET}),
    "kawpow": (
        "ravencoin", "t-rex",
        {"pool": "rvn.2miners.com:6060", "wallet": "RGqEyXjkDmUJpKSu5KJWgiQzLcCTvKrqLK", "algo": "kawpow"},
    ),
    "autolykos2": (
        "ergo", "lolminer",
        {"pool": "ergo.herominers.com:1180", "wallet": ERGO_WALLET, "algo": "autolykos2"},
    ),
}  # fmt: skip
_MORE: dict[str, dict[str, ConfigValue]] = {"night": {"pool": "pool.hashvault.pro:443", "wallet": WALLET, "tls": True}}


def make_home(
    path: Path, count: int, *, hostile: bool
) -> tuple[Home, list[tuple[Plan, PublicKeys]], dict[str, Profile]]:
    """Make the home of a controller that knows ``count`` rigs; return it, them, and a profile for each algorithm."""
    place, keys = Home.resolve(str(path)), keys_of(CONTROLLER).public
    place.prepare()
    create_secret(place.key_file, random_bytes=lambda size: CONTROLLER.to_bytes(size, "big"))
    who = identity_of(keys, name="control-center", role=Role.CONTROLLER, created_at="2026-01-01T00:00:00Z")
    write_node_file(place.node_file, who)
    at_ms = now_ms()
    known = [(plan_of(number, at_ms), keys_of(number).public) for number in range(count)]
    _register(place.peers_database, known, at_ms, hostile=hostile)
    return place, known, _make_profiles(place.profiles_database)


def _register(file: Path, known: Sequence[tuple[Plan, PublicKeys]], at_ms: int, *, hostile: bool) -> None:
    database = open_peers(file)
    columns = COLUMNS.split(", ")
    statement = f"INSERT INTO peer ({COLUMNS}) VALUES ({', '.join('?' * len(columns))})"
    try:
        with transaction(database):
            database.executemany(statement, (to_row(_record(plan, keys, at_ms, hostile)) for plan, keys in known))
    finally:
        database.close()


def _record(plan: Plan, keys: PublicKeys, at_ms: int, hostile: bool) -> PeerRecord:
    tags = plan.tags
    if hostile and plan.number % 3 == 0:
        tags = tuple(dict.fromkeys((*tags, TAGS[plan.number // 3 % len(TAGS)])))
    return PeerRecord(
        keys=keys, name=plan.name, address=plan.address, role=Role.WORKER, granted=ALL_GRANTS, verified=True, tags=tags,
        added_at_ms=at_ms - 60 * 24 * HOUR_MS, last_seen_ms=plan.seen_ms if not plan.connected else at_ms,
        score=20 if not plan.connected else 60 + plan.number % 40,
    )  # fmt: skip


def _make_profiles(file: Path) -> dict[str, Profile]:
    store = ProfileStore(file)
    store.open()
    try:
        for name, config in _MORE.items():
            store.create(name, "xmrig", config)
        return {algorithm: store.create(name, kind, config) for algorithm, (name, kind, config) in _PROFILES.items()}
    finally:
        store.close()
