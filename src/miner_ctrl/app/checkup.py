"""The doctor's look at this node's machine."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

import msgspec

from miner_ctrl import __version__
from miner_ctrl.config import Home
from miner_ctrl.model.doctor import Diagnosis, MachineInfo, MinerProgram
from miner_ctrl.model.miners import InstalledMiner
from miner_ctrl.telemetry.machine import read_machine


class Checkup:
    """Reads this machine when somebody asks. ``installed`` asks every miner program for its version, and blocks;
    ``mines``: whether this node is to be a rig."""

    def __init__(
        self, home: Home, installed: Callable[[], Sequence[InstalledMiner]], *, mines: Callable[[], bool]
    ) -> None:
        self._home = home
        self._installed = installed
        self._mines = mines

    async def info(self) -> MachineInfo:
        """Return this machine, and the miner programs it has."""
        return await asyncio.to_thread(lambda: _info(self._installed()))

    async def examine(self) -> Diagnosis:
        """Look at the machine now, and say what it lacks."""
        return await asyncio.to_thread(self._examine)

    def _examine(self) -> Diagnosis:
        from miner_ctrl.doctor import examine, take_snapshot  # noqa: PLC0415 - seldom asked for

        seen = take_snapshot(
            data_dir=self._home.data,
            run_dir=self._home.socket.parent,
            miners=self._installed,
            mines=self._mines(),
        )
        return Diagnosis(**msgspec.structs.asdict(_info(seen.miners)), findings=examine(seen))


def _info(miners: Sequence[InstalledMiner]) -> MachineInfo:
    machine = read_machine()
    return MachineInfo(
        os=machine.os,
        architecture=machine.architecture,
        cpu=machine.cpu,
        available_cpu_cores=machine.cpu_cores,
        total_system_ram_gb=round(machine.ram_bytes / 1024**3, 1),
        timestamp=datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
        version=__version__,
        installed_miners_info=tuple(MinerProgram.of(miner) for miner in miners),
    )
