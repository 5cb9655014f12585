"""Every hostile profile, wallet, program and description there is a table of, tried on a whole rig: signed commands of
a controller that may do everything, over a session. Each is refused with a sentence, and the disk is as it was."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec

from miner_ctrl.deploy.offers import sign_offer
from miner_ctrl.identity.keys import NodeKeys
from miner_ctrl.lock.rules import LOCKED
from miner_ctrl.model.nodes import Role
from miner_ctrl.model.profiles import MinerConfig, Profile
from miner_ctrl.model.rig import BundleOffer
from miner_ctrl.protocol.codec import MESSAGE_CLASS
from miner_ctrl.protocol.messages import (
    Deploy,
    DeployAck,
    DeployChunk,
    Error,
    GetInfo,
    GetStats,
    Info,
    Payload,
    StartMiner,
    Stats,
)
from miner_ctrl.worker.lock_face import LockFace
from tests.deploy import test_hostile_bundles as bundles
from tests.deploy.archives import CONTENTS, offer_of, tar_of
from tests.integration.inside import Inside, running
from tests.integration.raw_peer import RawPeer, dialled
from tests.lock import test_hostile_wallets as wallets
from tests.miners import test_hostile_descriptions as descriptions
from tests.profiles import test_hostile_profiles as profiles

COMMANDS_EACH = 40
"""What one controller may send at once is more (docs/protocol.md, "Limits")."""
PART = 256 * 1024


class Controllers:
    """Controllers that may do everything here: a new one each time that one has said its share."""

    def __init__(self, rig: Inside, sessions: AsyncExitStack) -> None:
        self._rig = rig
        self._sessions = sessions
        self._numbers = itertools.count(1)
        self._left = 0

    async def to_say(self, commands: int) -> RawPeer:
        """Return the session of one that may say so much more."""
        if self._left < commands:
            number = next(self._numbers)
            self.keys = NodeKeys.from_secret(hashlib.sha256(f"controller {number}".encode()).digest())
            self._rig.know_controller(self.keys, f"controller-{number}")
            self._peer = await self._sessions.enter_async_context(dialled(self.keys, self._rig.address))
            self._left = COMMANDS_EACH
        self._left -= commands
        return self._peer


@asynccontextmanager
async def commanded(home: Path) -> AsyncIterator[tuple[Inside, Controllers]]:
    """Run a rig; yield it and those who command it."""
    async with running(home, "rig-alpha", Role.WORKER) as rig, AsyncExitStack() as sessions:
        yield rig, Controllers(rig, sessions)


async def answer(peer: RawPeer, payload: Payload) -> Any:
    asked = await peer.say(payload)
    while True:
        message = await peer.hear()
        if message.reply_to == asked:
            return message.payload


def refused(got: object, what: str) -> Error:
    """Return the error that ``got`` is, a sentence for a person."""
    assert isinstance(got, Error), (what, got)
    assert got.message.endswith("."), (what, got)
    assert got.message.isprintable(), (what, got)
    assert len(got.message) < 600, (what, got)
    assert got.details.get("code") not in ("CONFLICT", "RATE_LIMITED"), (what, got)
    return got


def kept(home: Path) -> dict[str, int]:
    """Return every file of a home and its size, but for the audit log, which has what was refused: of the node's own
    databases only that they are there."""
    files = (path for path in home.rglob("*") if path.is_file())
    return {
        str(path.relative_to(home)): 0 if path.parent.name == "node" else path.stat().st_size
        for path in files
        if not path.name.endswith(("-wal", "-shm", "-journal")) and not path.name.startswith("audit")
    }


def sendable(config: Mapping[str, Any]) -> bool:
    """Whether a message can hold it at all."""
    try:
        msgspec.msgpack.encode(config)
    except (OverflowError, ValueError):
        return False
    return True


def hostile_configs() -> Iterator[tuple[str, dict[str, Any]]]:
    for what, config, _ in profiles.CONFIGS:
        if sendable(config):
            yield what, {**profiles.GOOD, **config}


async def test_profiles(tmp_path: Path) -> None:
    tried = dict(hostile_configs())
    assert len(tried) >= 60
    async with commanded(tmp_path) as (rig, controllers):
        before = kept(tmp_path)
        for what, config in tried.items():
            profile = Profile(id="p", name="p", miner_type="xmrig", config=config)
            peer = await controllers.to_say(3)
            for order in (
                Deploy(profile=profile),
                StartMiner(profile=profile),
                StartMiner(miner_type="xmrig", config=config),
            ):
                refused(await answer(peer, order), what)
            got = await answer(peer, GetStats())
            assert isinstance(got, Stats)
            assert got.stats.miners == (), what
            assert rig.profiles.list() == [], what
            assert rig.profiles.by_hash(profile.content_hash) is None, what
        assert kept(tmp_path) == before


def as_json(trick: Mapping[str, Any]) -> dict[str, Any]:
    """Return a lock's trick as a profile says it: what it leaves out has its default."""
    config = msgspec.to_builtins(MinerConfig(**{**wallets.GOOD, **trick}))
    usual = msgspec.to_builtins(MinerConfig(pool=""))
    return {name: value for name, value in config.items() if name in ("pool", "wallet") or value != usual[name]}


THE_OWNERS_ALL_THE_SAME = frozenset({"a scheme"})
"""What a profile may write before the owner's own pool: it is taken off before the lock sees it."""


async def test_wallets_and_pools_that_are_not_the_owners(tmp_path: Path) -> None:
    assert len(wallets.HOSTILE) >= 60
    locked = 0
    async with commanded(tmp_path) as (rig, controllers):
        face = rig.node._faces.lock
        assert isinstance(face, LockFace)
        await face.set_lock(wallets.LOCK)
        before = kept(tmp_path)
        for what in wallets.HOSTILE.keys() - THE_OWNERS_ALL_THE_SAME:
            trick = wallets.HOSTILE[what]
            profile = Profile(id="p", name="p", miner_type="simulated", config=as_json(trick))
            peer = await controllers.to_say(2)
            codes = [
                refused(await answer(peer, order), what).details["code"]
                for order in (Deploy(profile=profile), StartMiner(profile=profile))
            ]
            locked += codes == [LOCKED, LOCKED]
            assert rig.profiles.by_hash(profile.content_hash) is None, what
        assert kept(tmp_path) == before
    assert locked >= 40, "the others are no values of their fields"


async def install(peer: RawPeer, keys: NodeKeys, offer: BundleOffer, data: bytes) -> Any:
    """Offer a program, send what is wanted of it, and offer it again; return the last answer."""
    signed = sign_offer(offer, key=keys.public.e, sign=keys.sign)
    got = await answer(peer, Deploy(bundle=signed))
    while isinstance(got, DeployAck) and (at := got.next_offset) < len(data):
        got = await answer(peer, DeployChunk(sha256=offer.sha256, offset=at, data=data[at : at + PART]))
    return await answer(peer, Deploy(bundle=signed)) if isinstance(got, DeployAck) else got


async def test_programs(tmp_path: Path) -> None:
    assert len(bundles.HOSTILE) >= 60
    async with commanded(tmp_path) as (_, controllers):
        before = kept(tmp_path)
        for what, (kind, make) in bundles.HOSTILE.items():
            data = make()
            peer = await controllers.to_say(2)
            error = refused(await install(peer, controllers.keys, offer_of(data, kind), data), what)
            assert bundles.SAYS.get(what, "") in error.message, what
            assert kept(tmp_path) == before, what


async def test_offers(tmp_path: Path) -> None:
    data = tar_of(CONTENTS)
    good = msgspec.to_builtins(offer_of(data, "tar"))
    async with commanded(tmp_path) as (rig, controllers):
        before = kept(tmp_path)
        for what, changes in bundles.HOSTILE_OFFERS.items():
            peer = await controllers.to_say(1)
            message = MESSAGE_CLASS[Deploy](
                id=what, sender=controllers.keys.public.node_id, recipient=rig.id, ts=0, payload=Deploy()
            )
            said = {**msgspec.to_builtins(message), "payload": {"bundle": {**good, **changes}}}
            await peer.say_bytes(msgspec.msgpack.encode(said), sign=True)
            refused(await peer.hear_a(Error, reply_to=what), what)
            assert kept(tmp_path) == before, what


async def test_descriptions(tmp_path: Path) -> None:
    """A description is a file of the owner's: no message carries one. Those that cannot be used are no miners."""
    folder = tmp_path / "config" / "miners"
    folder.mkdir(parents=True, mode=0o700)
    for number, (written, _) in enumerate(descriptions.HOSTILE.values()):
        (folder / f"hostile-{number}.toml").write_text(written, "utf-8")
    async with commanded(tmp_path) as (_, controllers):
        before = kept(tmp_path)
        peer = await controllers.to_say(1)
        info = await answer(peer, GetInfo())
        assert isinstance(info, Info)
        assert {"xmrig", "lolminer", "simulated"} <= {one.type for one in info.info.miners}
        assert "some-miner" not in {one.type for one in info.info.miners}
        stats = (await answer(peer, GetStats())).stats
        assert any("hostile-0.toml" in problem for problem in stats.problems)
        for number, what in enumerate(descriptions.HOSTILE):
            peer = await controllers.to_say(2)
            for miner_type in (f"hostile-{number}", "some-miner"):
                refused(await answer(peer, StartMiner(miner_type=miner_type, config=profiles.GOOD)), what)
        assert kept(tmp_path) == before
