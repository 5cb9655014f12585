"""This machine as its owner has it, with or without an identity: its programs, the doctor, installing; wired."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING

from miner_ctrl.config import Home
from miner_ctrl.deploy import ProgramStore
from miner_ctrl.miners import DraftingAdapter
from miner_ctrl.miners.adapters import default_adapters
from miner_ctrl.model.miners import InstalledMiner
from miner_ctrl.model.times import now_ms
from miner_ctrl.worker.trial import AdaptersFor, trial_by

if TYPE_CHECKING:
    from miner_ctrl.api.faces import AccessFace, Faces, NodeFace
    from miner_ctrl.app.checkup import Checkup
    from miner_ctrl.metrics import Metrics
    from miner_ctrl.miners.previews import Previews
    from miner_ctrl.worker.installs import Installs


class OwnMachine:
    """``programs`` is the one store of this home: whoever changes what is in it has this object. ``mines``: whether its
    node is to be a rig. Doctor and installs are made when they are asked for: most rigs never are."""

    def __init__(self, home: Home, *, mines: Callable[[], bool]) -> None:
        self._home = home
        self._mines = mines
        self.programs = ProgramStore(home.programs)
        self.running: Callable[[], Sequence[str]] = tuple
        """The types of the miners that run."""

    @cached_property
    def doctor(self) -> Checkup:
        from miner_ctrl.app.checkup import Checkup  # noqa: PLC0415 - see above

        return Checkup(self._home, self._installed, mines=self._mines)

    @cached_property
    def installs(self) -> Installs:
        from miner_ctrl.worker.installs import Installs  # noqa: PLC0415 - see above

        installs = Installs(
            self._home.programs,
            _Unpacked(self.programs, partial(adapters_of, self._home)),
            installed=self._installed,
            bundles=partial(_bundles, self._home.bundles),
        )
        installs.running = self._running
        return installs

    @cached_property
    def miner_types(self) -> Previews:
        from miner_ctrl.miners.previews import Previews  # noqa: PLC0415 - see above

        return Previews(lambda: self._adapters)

    @cached_property
    def metrics(self) -> Metrics:
        from miner_ctrl.app.metrics import metrics_of  # noqa: PLC0415 - see above

        return metrics_of(self._home)

    def faces(self, node: NodeFace, access: AccessFace) -> Faces:
        """Return what the local API reaches of a node without an identity."""
        from miner_ctrl.api.faces import Faces  # noqa: PLC0415 - see above

        self.metrics.info = node.info
        return Faces(node, doctor=self.doctor, installs=self.installs, access=access, metrics=self.metrics)

    def _running(self) -> Sequence[str]:
        return self.running()

    @cached_property
    def _adapters(self) -> tuple[DraftingAdapter, ...]:
        return adapters_of(self._home, self.programs.program)

    def _installed(self) -> tuple[InstalledMiner, ...]:
        return tuple(adapter.locate() for adapter in self._adapters)


def adapters_of(home: Home, deployed: Callable[[str], Path | None]) -> tuple[DraftingAdapter, ...]:
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
