"""This machine as its owner has it, with or without an identity: its programs, the doctor, installing; wired."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import NamedTuple

from miner_ctrl.app.checkup import Checkup
from miner_ctrl.config import Home
from miner_ctrl.deploy import ProgramStore
from miner_ctrl.miners import Adapter
from miner_ctrl.miners.adapters import default_adapters
from miner_ctrl.model.miners import InstalledMiner
from miner_ctrl.model.times import now_ms
from miner_ctrl.worker.installs import Installs
from miner_ctrl.worker.trial import AdaptersFor, trial_by


class OwnMachine(NamedTuple):
    """``programs`` is the one store of this home: whoever changes what is in it has this object."""

    programs: ProgramStore
    doctor: Checkup
    installs: Installs


def own_machine(home: Home, *, mines: Callable[[], bool]) -> OwnMachine:
    """Return what can be done with the machine of ``home``; ``mines``: whether its node is to be a rig."""
    programs = ProgramStore(home.programs)
    adapters = adapters_of(home, programs.program)

    def installed() -> tuple[InstalledMiner, ...]:
        return tuple(adapter.locate() for adapter in adapters)

    installs = Installs(
        home.programs,
        _Unpacked(programs, partial(adapters_of, home)),
        installed=installed,
        bundles=partial(_bundles, home.bundles),
    )
    return OwnMachine(programs, Checkup(home, installed, mines=mines), installs)


def adapters_of(home: Home, deployed: Callable[[str], Path | None]) -> tuple[Adapter, ...]:
    """Return the adapters of the machine of ``home``, as they are with the programs ``deployed``."""
    return default_adapters(deployed=deployed, descriptions=home.miner_descriptions)


class _Unpacked:
    """The store of programs, as ``Installs`` needs it."""

    def __init__(self, programs: ProgramStore, adapters_for: AdaptersFor) -> None:
        self._programs = programs
        self._adapters_for = adapters_for
        self.version, self.remove = programs.version, programs.remove

    def put(self, archive: Path, *, miner_type: str, version: str, program: str | None) -> None:
        from miner_ctrl.deploy.making import make_offer  # noqa: PLC0415 - for who installs
        from miner_ctrl.deploy.offers import check_offer  # noqa: PLC0415

        offer = make_offer(archive, miner_type=miner_type, version=version, program=program)
        check_offer(offer)
        self._programs.install(offer, archive, try_program=trial_by(self._adapters_for), now_ms=now_ms())


def _bundles(folder: Path) -> Iterable[tuple[str, str]]:
    from miner_ctrl.deploy.bundles import BundleStore  # noqa: PLC0415 - for who asks for updates

    return [(each.offer.miner_type, each.offer.version) for each in BundleStore(folder, now_ms=now_ms).all()]
