"""This machine as its owner has it, with or without an identity: its programs, the doctor, installing; wired."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import NamedTuple

from miner_ctrl.app.checkup import Checkup
from miner_ctrl.config import Home
from miner_ctrl.deploy import ProgramStore
from miner_ctrl.miners.adapters import default_adapters
from miner_ctrl.model.miners import InstalledMiner
from miner_ctrl.model.times import now_ms
from miner_ctrl.worker.installs import Installs


class OwnMachine(NamedTuple):
    """``programs`` is the one store of this home: whoever changes what is in it has this object."""

    programs: ProgramStore
    doctor: Checkup
    installs: Installs


def own_machine(home: Home, *, mines: Callable[[], bool]) -> OwnMachine:
    """Return what can be done with the machine of ``home``; ``mines``: whether its node is to be a rig."""
    programs = ProgramStore(home.programs)
    adapters = default_adapters(deployed=programs.program)

    def installed() -> tuple[InstalledMiner, ...]:
        return tuple(adapter.locate() for adapter in adapters)

    installs = Installs(
        home.programs, _Unpacked(programs), installed=installed, bundles=partial(_bundles, home.bundles)
    )
    return OwnMachine(programs, Checkup(home, installed, mines=mines), installs)


class _Unpacked:
    """The store of programs, as ``Installs`` needs it."""

    def __init__(self, programs: ProgramStore) -> None:
        self._programs = programs
        self.version, self.remove = programs.version, programs.remove

    def put(self, archive: Path, *, miner_type: str, version: str, program: str | None) -> None:
        from miner_ctrl.deploy.making import make_offer  # noqa: PLC0415 - for who installs
        from miner_ctrl.deploy.offers import check_offer  # noqa: PLC0415
        from miner_ctrl.worker.trial import trial_by  # noqa: PLC0415

        offer = make_offer(archive, miner_type=miner_type, version=version, program=program)
        check_offer(offer)
        try_program = trial_by(lambda deployed: default_adapters(deployed=deployed))
        self._programs.install(offer, archive, try_program=try_program, now_ms=now_ms())


def _bundles(folder: Path) -> Iterable[tuple[str, str]]:
    from miner_ctrl.deploy.bundles import BundleStore  # noqa: PLC0415 - for who asks for updates

    return [(each.offer.miner_type, each.offer.version) for each in BundleStore(folder, now_ms=now_ms).all()]
