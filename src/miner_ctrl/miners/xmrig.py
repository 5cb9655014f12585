"""XMRig: where it is, how it is started, how it is asked."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterable, Mapping
from pathlib import Path, PurePath
from typing import ClassVar

import msgspec

from miner_ctrl.errors import OperationFailed
from miner_ctrl.miners.brief_run import run_briefly, spoken_lines, without_secrets
from miner_ctrl.miners.contract import Capabilities, LaunchPlan, MinerApi, Reading
from miner_ctrl.miners.heeded import EVERY_FIELD, refuse_unheeded
from miner_ctrl.miners.located import located
from miner_ctrl.miners.log_file import LogFile
from miner_ctrl.miners.program import Deployed, Program, nothing_deployed, variable_of, version_after
from miner_ctrl.miners.xmrig_api import BackendReader, call
from miner_ctrl.miners.xmrig_config import xmrig_config
from miner_ctrl.miners.xmrig_reload import reload_config
from miner_ctrl.model.miners import InstalledMiner
from miner_ctrl.model.profiles import MinerConfig

PROGRAM_VARIABLE = variable_of("xmrig")
CONFIG_FILE = "config.json"
CHECK_WITHIN_S = 15.0

_LOOKED_ELSEWHERE = "unable to open "
_CUSTOMARY_PASSWORD = "x"  # noqa: S105 - what pools take from everybody


class XmrigAdapter:
    """XMRig 6.22 and later."""

    type = "xmrig"
    description = "XMRig: RandomX, CryptoNight, Argon2, GhostRider on the CPU; some of them and KawPow on GPUs"
    capabilities: ClassVar[Capabilities] = Capabilities(
        pause=True, reload=True, per_thread=True, per_device=True, difficulty=True, pool_state=True
    )
    fields = EVERY_FIELD - {"intensity", "seed"}

    def __init__(self, deployed: Deployed = nothing_deployed, *, environ: Mapping[str, str] = os.environ) -> None:
        self._program = Program(
            self.type,
            ("xmrig",),
            title="XMRig",
            how_to_get="Install XMRig (Debian: apt install xmrig) so that xmrig is on the PATH, deploy it",
            version_arguments=("--version",),
            find_version=version_after(r"\AXMRig (\d[\w.+-]{0,40})"),
            deployed=deployed,
            environ=environ,
        )
        self._backends = BackendReader()

    def locate(self) -> InstalledMiner:
        """Return the XMRig named by ``MINER_CTRL_XMRIG``, else the deployed one, else the one on ``PATH``.

        A program that does not run, or is not XMRig, is not installed. Blocks as ``Program.version``.
        """
        return located(self, self._program)

    def refuse(self, config: MinerConfig) -> None:
        """Refuse what XMRig does not heed. Raises as ``Adapter.refuse``."""
        refuse_unheeded(config, self.fields, miner_type=self.type)

    def draft(self, config: MinerConfig, *, folder: PurePath, rig_name: str, api: MinerApi) -> LaunchPlan:
        """Return how XMRig would be started in ``folder``. Raises as ``Adapter.draft``.

        XMRig looks for other configuration files, beside its program and in the user's home, when it dislikes the one
        given; with both places set to ``folder`` it can find none, and ends instead of mining for somebody else.
        """
        return LaunchPlan(
            argv=(self._program.name, f"--config={folder / CONFIG_FILE}", f"--data-dir={folder}"),
            env={"HOME": str(folder)},
            files={CONFIG_FILE: xmrig_config(config, rig_name=rig_name, api=api)},
            api=api,
        )

    def plan(self, config: MinerConfig, *, folder: Path, rig_name: str, api: MinerApi) -> LaunchPlan:
        """Return how to start XMRig in ``folder``. Raises as ``Adapter.plan``."""
        self.refuse(config)
        return self._program.placed(self.draft(config, folder=folder.absolute(), rig_name=rig_name, api=api))

    async def check(self, plan: LaunchPlan, folder: Path) -> None:
        """Have XMRig read the configuration and end (``--dry-run``). Raises as ``Adapter.check``."""
        argv = (*plan.argv, "--dry-run")
        try:
            run = await asyncio.to_thread(run_briefly, argv, within_s=CHECK_WITHIN_S, cwd=folder, env=plan.env)
        except OSError as error:
            raise _not_accepted(f"it could not be started ({error.strerror})") from None
        if run.code is None:
            raise _not_accepted("it did not finish reading it")
        if run.code != 0:
            raise _not_accepted(_complaint(run.output, plan))

    async def read(self, api: MinerApi, *, log: LogFile | None = None) -> Reading:
        """Ask a running XMRig. Raises as ``Adapter.read``."""
        return await self._backends.read(api)

    async def pause(self, api: MinerApi) -> None:
        """Stop hashing, keep process, dataset and pool connection. Raises as ``Adapter.pause``."""
        await call(api, "pause")

    async def resume(self, api: MinerApi) -> None:
        """Go on hashing. Raises as ``Adapter.pause``."""
        await call(api, "resume")

    async def reload(self, plan: LaunchPlan) -> bool:
        """Have the running XMRig take over the plan's configuration. Raises as ``Adapter.reload``.

        Counters, uptime and a pause stay as they are. XMRig writes what it took over to its file, in its own words.
        ``False`` where a restart is needed: ``xmrig_reload`` says for what; after a pool that was not reached it runs
        with the new configuration all the same.
        """
        self._backends.forget(plan.api)
        return await reload_config(plan.api, plan.files[CONFIG_FILE])


def _complaint(output: str, plan: LaunchPlan) -> str:
    """Return XMRig's own words on why it refused, without what it quotes of the file and without secrets."""
    file = plan.files[CONFIG_FILE].decode("utf-8", "replace")
    lines = [line for line in spoken_lines(output) if line not in file and not line.startswith(_LOOKED_ELSEWHERE)]
    words = " / ".join(line for line in lines if line.strip("^ "))[-400:]
    return without_secrets(words, _secrets(plan)) or "it gave no reason"


def _secrets(plan: LaunchPlan) -> Iterable[str]:
    yield plan.api.token
    try:
        pools = msgspec.json.decode(plan.files[CONFIG_FILE], type=_Pools).pools
    except msgspec.DecodeError:
        return
    for pool in pools:
        yield pool.user
        if pool.password != _CUSTOMARY_PASSWORD:
            yield pool.password


class _Pool(msgspec.Struct):
    user: str = ""
    password: str = msgspec.field(default="", name="pass")


class _Pools(msgspec.Struct):
    pools: list[_Pool] = []


def _not_accepted(words: str) -> OperationFailed:
    return OperationFailed(
        f"XMRig does not accept this configuration: {words}.",
        suggestion="Compare pool, coin and algorithm of the profile with what the pool asks for.",
        code="MINER_CONFIG_REFUSED",
    )
