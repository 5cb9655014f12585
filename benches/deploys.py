"""A miner program to many rigs at once, the link to each cut twice: how fast, and what it takes of memory."""

from __future__ import annotations

import asyncio
import hashlib
import os
import subprocess
import tarfile
import time
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import psutil
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from benches.figures import Figure, Spread, Target
from benches.nodes import CONTROLLER, Controller, keys_of, now_ms, until
from benches.real_nodes import program
from benches.scale import Scale
from miner_ctrl.config import Home
from miner_ctrl.controller import Deploys
from miner_ctrl.deploy.bundles import BundleStore, put_incoming
from miner_ctrl.identity.first_start import make_identity
from miner_ctrl.model.nodes import ALL_GRANTS, Role
from miner_ctrl.model.views import DeployProgress
from miner_ctrl.peers import Registry
from miner_ctrl.transport import Channel

MIB = 2**20
PART_BYTES = 256 * 1024
CUTS = 2
ANSWERS_WITHIN_S = 120.0
SAMPLED_EVERY_S = 0.02
SCRIPT = b"#!/bin/sh\necho 'XMRig 6.22.2 with GCC 14.2.0'\n"


async def measure(scale: Scale, home: Path) -> list[Figure]:
    """Return the figures of one deploy to ``scale.deployed_to`` rigs."""
    size = scale.bundle_mb * 1_000_000
    archive = _archive(home / "xmrig.tar", size)
    raw = [_plain(home / "plain", archive) for _ in range(2)]
    run = await _Run(home, archive).deployed_to(scale.deployed_to)
    raw.append(_plain(home / "plain", archive))
    mb = scale.deployed_to * scale.bundle_mb
    plain = Spread.of([size / 1e6 / seconds for seconds in raw])
    return [
        Figure(f"{scale.deployed_to} rigs, arrived", "MB/s", Spread(mb / run.arrived_s), plain),
        Figure("  unpacked and switched to", "MB/s", Spread(mb / run.installed_s), plain, Target(20, at_least=True)),
        Figure("  links cut", "", Spread(run.cuts)),
        Figure("  controller CPU, each MB", "ms", Spread(run.controller_cpu_s * 1000 / mb)),
        Figure("  rig CPU, each MB", "ms", Spread(run.rig_cpu_s * 1000 / mb)),
        Figure("  controller, more memory (RSS)", "MiB", Spread(run.controller_more / MIB), None, Target(48, reach=24)),
        Figure("  a rig, more memory (RSS)", "MiB", Spread.of([more / MIB for more in run.rigs_more]), None,
               Target(24, reach=12)),
        Figure("  the rig with the most", "MiB", Spread(max(run.rigs_more) / MIB), None, Target(32, reach=16)),
    ]  # fmt: skip


def _archive(path: Path, size: int) -> Path:
    """Return an archive of a program and ``size`` bytes that cannot be made smaller."""
    with tarfile.open(path, "w") as tar:
        for name, data, mode in (("x/xmrig", SCRIPT, 0o755), ("x/data", os.urandom(size), 0o644)):
            info = tarfile.TarInfo(name)
            info.size, info.mode = len(data), mode
            tar.addfile(info, BytesIO(data))
    return path


def _plain(path: Path, archive: Path) -> float:
    """Return the seconds that one copy takes that is only sealed, hashed and written to the disk, in one process."""
    aead, digest, number = ChaCha20Poly1305(bytes(32)), hashlib.sha256(), 0
    began = time.perf_counter()
    with archive.open("rb") as source, path.open("wb") as target:
        while part := source.read(PART_BYTES):
            aead.encrypt(number.to_bytes(12, "little"), part, b"")
            digest.update(part)
            target.write(part)
            number += 1
        target.flush()
        os.fsync(target.fileno())
    took = time.perf_counter() - began
    path.unlink()
    return took


class _Run:
    """One deploy, measured."""

    def __init__(self, home: Path, archive: Path) -> None:
        self._home = home
        self._archive = archive
        with tarfile.open(archive) as tar:
            self._data_at = tar.getmember("x/data").offset_data
        self._controller = Controller(0, home)
        self._rigs: list[psutil.Popen] = []
        self._names: list[str] = []
        self.cuts = 0
        self.arrived_s = self.installed_s = self.controller_cpu_s = self.rig_cpu_s = 0.0
        self.controller_more = 0
        self.rigs_more: list[int] = []

    async def deployed_to(self, count: int) -> _Run:
        """Start ``count`` rigs, deploy to all of them, and end them."""
        controller = self._controller
        await controller.listen()
        try:
            for number in range(count):
                self._names.append(self._start_rig(number))
            controller.follow()
            await until(lambda: len(controller.endpoint.channels()) == count, f"{count} rigs")
            await asyncio.sleep(1.0)
            await self._deploy(count)
        finally:
            for rig in self._rigs:
                rig.terminate()
            await asyncio.gather(*(asyncio.to_thread(rig.wait) for rig in self._rigs))
            await controller.close()
        return self

    def _start_rig(self, number: int) -> str:
        """Start a worker as ``miner-ctrl`` does, with a home that knows the controller."""
        home, name = Home.resolve(str(self._home / f"rig-{number}")), f"rig-{number:04d}"
        home.prepare()
        keys, _ = make_identity(
            key_file=home.key_file, node_file=home.node_file, plan_file=home.first_start_file, name=name,
            role=Role.WORKER, created_at="2026-01-01T00:00:00Z",
        )  # fmt: skip
        registry = Registry.open(home.peers_database, now_ms=now_ms)
        registry.add(
            keys_of(CONTROLLER).public, name="controller", address=f"127.0.0.1:{self._controller.port}",
            role=Role.CONTROLLER, grants=ALL_GRANTS, verified=True,
        )  # fmt: skip
        registry.close()
        ours = self._controller.registry
        ours.add(keys.public, name=name, role=Role.WORKER, verified=True)
        ours.update(keys.public.fingerprint, granted=ALL_GRANTS)
        command = [
            *program(),
            "--home",
            str(self._home / f"rig-{number}"),
            "node",
            "serve",
            "--listen",
            "127.0.0.1:0",
            "--no-api",
        ]
        with (self._home / f"{name}.log").open("ab") as log:
            self._rigs.append(psutil.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log))
        return name

    async def _deploy(self, count: int) -> None:
        store = BundleStore(self._home / "bundles", now_ms=now_ms)
        store.add(put_incoming(self._archive, self._home / "bundles"), miner_type="xmrig", version="6.22.2")
        keys = keys_of(CONTROLLER)
        deploys = Deploys(
            self._controller.commands, store, signing_key=keys.public.e, sign=keys.sign, clock=time.monotonic
        )
        own = psutil.Process()
        idle = [rig.memory_info().rss for rig in self._rigs]
        most, own_idle, own_most = list(idle), own.memory_info().rss, 0
        own_cpu, rig_cpu = _cpu_s(own), sum(map(_cpu_s, self._rigs))
        began, arrived = time.perf_counter(), dict[str, float]()

        async def one(name: str) -> None:
            answer = await deploys.deploy_program(name, miner_type="xmrig", told=self._cutter(name, arrived))
            assert answer.status == "installed"

        work = asyncio.gather(*map(one, self._names))
        while not work.done():
            own_most = max(own_most, own.memory_info().rss)
            most = [max(known, rig.memory_info().rss) for known, rig in zip(most, self._rigs, strict=True)]
            await asyncio.wait({work}, timeout=SAMPLED_EVERY_S)
        await work
        self.installed_s = time.perf_counter() - began
        self.arrived_s = max(arrived.values()) - began
        self.controller_cpu_s, self.rig_cpu_s = _cpu_s(own) - own_cpu, sum(map(_cpu_s, self._rigs)) - rig_cpu
        self.controller_more = own_most - own_idle
        self.rigs_more = [known - before for known, before in zip(most, idle, strict=True)]
        self._check(count)

    def _cutter(self, name: str, arrived: dict[str, float]) -> Callable[[DeployProgress], None]:
        """Return what cuts a rig's link as its transfer goes on, and notes when all has arrived."""
        cuts = 0

        def told(progress: DeployProgress) -> None:
            nonlocal cuts
            if progress.state == "sending" and progress.sent_bytes > progress.total_bytes * (cuts + 1) / (CUTS + 1):
                if progress.sent_bytes < progress.total_bytes and cuts < CUTS:
                    cuts += 1
                    self.cuts += 1
                    self._channel(name).end("cut by the bench", clean=False, cut=True)
            elif progress.state == "installing":
                arrived[name] = time.perf_counter()

        return told

    def _channel(self, name: str) -> Channel:
        channel = self._controller.endpoint.channel(self._controller.registry.find(name).keys.fingerprint)
        assert channel is not None
        return channel

    def _check(self, count: int) -> None:
        """See that every rig has exactly what was sent."""
        size = self._archive.stat().st_size
        for number in range(count):
            programs = self._home / f"rig-{number}" / "data" / "programs" / "xmrig"
            [data] = programs.glob("*/x/data")
            with data.open("rb") as got, self._archive.open("rb") as sent:
                assert size > data.stat().st_size > size - 20_000
                sent.seek(self._data_at)
                while part := got.read(2**20):
                    assert part == sent.read(len(part)), f"rig {number} has something else"


def _cpu_s(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)
