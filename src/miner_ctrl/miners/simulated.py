"""The simulated miner: for demonstrations and tests, on any machine. What it shows is made up, and says so."""

from __future__ import annotations

import asyncio
import sys
import zlib
from pathlib import Path, PurePath
from typing import ClassVar

import msgspec

from miner_ctrl.errors import OperationFailed
from miner_ctrl.miners.brief_run import run_briefly, spoken_lines
from miner_ctrl.miners.contract import Capabilities, LaunchPlan, MinerApi, Reading
from miner_ctrl.miners.heeded import EVERY_FIELD
from miner_ctrl.miners.log_file import LogFile
from miner_ctrl.miners.loopback_http import exchange
from miner_ctrl.miners.program import MAX_PATH_CHARS
from miner_ctrl.miners.xmrig_answers import parse_put
from miner_ctrl.miners.xmrig_api import call, read_summary
from miner_ctrl.model.miners import InstalledMiner
from miner_ctrl.model.profiles import MinerConfig

PROGRAM = Path(__file__).with_name("simulated_program.py")
CONFIG_FILE = "config.json"
CHECK_WITHIN_S = 15.0
DEFAULT_ALGORITHM = "rx/0"
DEFAULT_THREADS = 2


class SimulatedAdapter:
    """Speaks XMRig's local API to ``simulated_program``, which every installation has."""

    type = "simulated"
    description = "Simulated miner for demonstrations: mines nothing, its numbers are made up"
    capabilities: ClassVar[Capabilities] = Capabilities(
        pause=True, reload=True, per_thread=True, difficulty=True, pool_state=True
    )
    fields = EVERY_FIELD
    """It stands in for any miner, so it takes what any of them heeds; pool, algorithm, threads and seed show."""

    def locate(self) -> InstalledMiner:
        """Return the program that comes with this package."""
        return InstalledMiner(
            type=self.type,
            installed=True,
            version="simulated",
            path=str(PROGRAM)[:MAX_PATH_CHARS],
            simulated=True,
            description=self.description,
            capabilities=self.capabilities.names,
            fields=tuple(sorted(self.fields)),
            source="package",
        )

    def refuse(self, config: MinerConfig) -> None:
        """Nothing: it takes what any miner heeds."""

    def draft(self, config: MinerConfig, *, folder: PurePath, rig_name: str, api: MinerApi) -> LaunchPlan:
        """Return how it would be started. Without a seed in ``config`` the numbers follow from the rig's and the
        instance's name: other rigs show others, the same one shows the same after a restart."""
        seed = config.seed if config.seed is not None else zlib.crc32(f"{rig_name}/{folder.name}".encode())
        settings = {
            "http": {"port": api.port, "access-token": api.token},
            "pool": config.pool,
            "algo": config.algo or DEFAULT_ALGORITHM,
            "threads": config.threads or DEFAULT_THREADS,
            "seed": seed,
        }
        return LaunchPlan(
            argv=(PROGRAM.name, f"--config={folder / CONFIG_FILE}"),
            env={},
            files={CONFIG_FILE: msgspec.json.encode(settings)},
            api=api,
        )

    def plan(self, config: MinerConfig, *, folder: Path, rig_name: str, api: MinerApi) -> LaunchPlan:
        """Return how to start it, with this package's own Python."""
        draft = self.draft(config, folder=folder.absolute(), rig_name=rig_name, api=api)
        argv = (sys.executable, "-I", "-S", "-E", str(PROGRAM), *draft.argv[1:])
        return msgspec.structs.replace(draft, argv=argv)

    async def check(self, plan: LaunchPlan, folder: Path) -> None:
        """Have the program read the configuration and end. Raises as ``Adapter.check``."""
        argv = (*plan.argv, "--dry-run")
        try:
            run = await asyncio.to_thread(run_briefly, argv, within_s=CHECK_WITHIN_S, cwd=folder, env=plan.env)
        except OSError as error:
            raise _not_accepted(f"it could not be started ({error.strerror})") from None
        if run.code != 0:
            words = " / ".join(spoken_lines(run.output))[-400:]
            raise _not_accepted(words or "it gave no reason")

    async def read(self, api: MinerApi, *, log: LogFile | None = None) -> Reading:
        """Ask a running one. Raises as ``Adapter.read``."""
        return await read_summary(api)

    async def pause(self, api: MinerApi) -> None:
        """Stop making up shares. Raises as ``Adapter.pause``."""
        await call(api, "pause")

    async def reload(self, plan: LaunchPlan) -> bool:
        """Go on with another configuration. Raises as ``Adapter.reload``."""
        parse_put(await exchange(plan.api, "/2/config", put=plan.files[CONFIG_FILE]))
        return True

    async def resume(self, api: MinerApi) -> None:
        """Go on. Raises as ``Adapter.pause``."""
        await call(api, "resume")


def _not_accepted(words: str) -> OperationFailed:
    return OperationFailed(
        f"The simulated miner does not accept this configuration: {words}.",
        suggestion="Give the pool as HOST:PORT; any will do, nothing is sent to it.",
        code="MINER_CONFIG_REFUSED",
    )
