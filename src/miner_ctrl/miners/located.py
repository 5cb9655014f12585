"""An adapter and its program as the rig tells of them."""

from __future__ import annotations

from miner_ctrl.miners.contract import Adapter
from miner_ctrl.miners.program import MAX_PATH_CHARS, Program
from miner_ctrl.model.miners import InstalledMiner


def located(adapter: Adapter, program: Program) -> InstalledMiner:
    """Return what is there for this adapter. Blocks as ``Program.version``."""
    found = program.find()
    version = program.version(found.path) if found else ""
    return InstalledMiner(
        type=adapter.type,
        installed=bool(version),
        version=version,
        path=str(found.path)[:MAX_PATH_CHARS] if found else "",
        description=adapter.description,
        capabilities=adapter.capabilities.names,
        fields=tuple(sorted(adapter.fields)),
        source=found.source if found else "",
    )
