"""TT-Miner (NVIDIA GPUs; closed source): how it is started and asked.

Options as its ReadMe 3.0.10 and README 2024 have them. It reads no configuration file, so pool, wallet and password are
arguments (``in_arguments`` says what may stand there); it cannot be paused, nor take another configuration.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePath
from typing import ClassVar

from miner_ctrl.miners.contract import Capabilities, LaunchPlan, MinerApi, Reading
from miner_ctrl.miners.described_answers import cannot_pause
from miner_ctrl.miners.extra_args import parse_extra_args
from miner_ctrl.miners.heeded import cannot_have, refuse_unheeded
from miner_ctrl.miners.in_arguments import refuse_secret_password
from miner_ctrl.miners.located import located
from miner_ctrl.miners.log_file import LogFile
from miner_ctrl.miners.loopback_http import HOST
from miner_ctrl.miners.loopback_tcp import ask
from miner_ctrl.miners.program import Deployed, Program, nothing_deployed, version_after
from miner_ctrl.miners.tt_miner_answers import parse_stat1
from miner_ctrl.model.miners import InstalledMiner
from miner_ctrl.model.profiles import MinerConfig, PoolConfig

RIG_TEMPLATE = "{rig}"
QUESTION = b'{"id":0,"jsonrpc":"2.0","method":"miner_getstat1"}\n'
EXTRA_ARGS: Mapping[str, bool] = {
    "-luck": False,
    "-nocolor": False,
    "-notimestamp": False,
    "-poolinfo": False,
    "-rate": False,
    "-DSS": False,
    "-PRGN": False,
    "-PRHRI": True,
    "-PRT": True,
    "-PRS": True,
    "-ig": True,
    "-tstop": True,
    "-tstart": True,
    "-rep-i": True,
    "-rep-s": True,
}
"""Name → whether it takes a value."""
PRIORITIES = {0: "1", 1: "2", 2: "3", 3: "3", 4: "4", 5: "5"}
"""Ours (0 idle, 2 normal, 5 highest) → its own (1 low, 3 normal, 5 high)."""
_PLAIN = re.compile(r"[A-Za-z0-9._+-]*")


class TtMinerAdapter:
    """TT-Miner 2.2 and later."""

    type = "tt-miner"
    description = "TT-Miner: Ethash, ProgPoW, KawPow, Blake3, EvrProgPow and others on NVIDIA GPUs"
    capabilities: ClassVar[Capabilities] = Capabilities(pause=False, per_device=True)
    fields: ClassVar[frozenset[str]] = frozenset(
        [
            "pool",
            "wallet",
            "password",
            "algo",
            "coin",
            "tls",
            "failover",
            "devices",
            "intensity",
            "cpuPriority",
            "rigId",
            "extraArgs",
        ]
    )

    def __init__(self, deployed: Deployed = nothing_deployed, *, environ: Mapping[str, str] = os.environ) -> None:
        self._program = Program(
            self.type,
            ("TT-Miner", "tt-miner"),
            title="TT-Miner",
            how_to_get="Get TT-Miner from its releases (TrailingStop/TT-Miner-release), put it on the PATH, deploy it",
            version_arguments=("--version",),
            find_version=version_after(r"(?i:tt-?miner)[ /-]+(?:(?i:version):? *)?([0-9][\w.+-]{0,40})"),
            ends_well=False,
            deployed=deployed,
            environ=environ,
        )

    def locate(self) -> InstalledMiner:
        """Return the program this machine has. Blocks as ``Program.version``."""
        return located(self, self._program)

    def refuse(self, config: MinerConfig) -> None:
        """Refuse what TT-Miner does not heed, and passwords that are secrets. Raises as ``Adapter.refuse``."""
        refuse_unheeded(config, self.fields, miner_type=self.type)
        for pool in config.pools:
            refuse_secret_password(pool, miner_type=self.type)

    def draft(self, config: MinerConfig, *, folder: PurePath, rig_name: str, api: MinerApi) -> LaunchPlan:
        """Return how TT-Miner would be started in ``folder``. Raises as ``Adapter.draft``."""
        arguments = tuple(_arguments(config, rig_name, api))
        extra = parse_extra_args(config.extra_args, EXTRA_ARGS, miner_type=self.type)
        for each in extra:  # it knows no joined values
            arguments += (each.name,) if each.value is None else (each.name, each.value)
        return LaunchPlan(
            argv=(self._program.name, *arguments),
            env={"HOME": str(folder)},
            files={},
            api=api,
        )

    def plan(self, config: MinerConfig, *, folder: Path, rig_name: str, api: MinerApi) -> LaunchPlan:
        """Return how to start TT-Miner in ``folder``. Raises as ``Adapter.plan``."""
        self.refuse(config)
        return self._program.placed(self.draft(config, folder=folder.absolute(), rig_name=rig_name, api=api))

    async def check(self, plan: LaunchPlan, folder: Path) -> None:
        """Nothing to ask: it cannot read its arguments without starting to mine."""

    async def read(self, api: MinerApi, *, log: LogFile | None = None) -> Reading:
        """Ask a running TT-Miner. Raises as ``Adapter.read``."""
        return parse_stat1(await ask(api, QUESTION, json=True))

    async def pause(self, api: MinerApi) -> None:
        """Refuse: it has no such command."""
        raise cannot_pause(self.type)

    async def resume(self, api: MinerApi) -> None:
        """Refuse: it has no such command."""
        raise cannot_pause(self.type)

    async def reload(self, plan: LaunchPlan) -> bool:
        """It has to be restarted."""
        return False


def _arguments(config: MinerConfig, rig_name: str, api: MinerApi) -> Iterator[str]:
    if not (config.algo or config.coin):
        raise cannot_have("algo", "TT-Miner needs it, or a coin", "Give algo=… or coin=… in the profile.")
    if config.algo:
        yield from ("-a", config.algo)
    if config.coin:
        yield from ("-coin", config.coin)
    if config.failover:
        for pool in config.pools:
            yield from ("-P", _whole_pool(pool, rig_name))
    else:
        yield from ("-o", _scheme(config) + config.pool, "-u", _named(config.wallet, rig_name))
        if config.rig_id:
            yield from ("-w", _named(config.rig_id, rig_name))
        yield from ("-p", _named(config.password, rig_name))
    if config.devices:
        yield from ("-d", ",".join(map(str, config.devices)))
    if config.intensity is not None:
        yield from ("-i", f"{config.intensity:g}")
    if config.cpu_priority is not None:
        yield from ("-PP", PRIORITIES[config.cpu_priority])
    yield from ("-b", f"{HOST}:{api.port}")


def _whole_pool(pool: PoolConfig, rig_name: str) -> str:
    """Return ``scheme://wallet[.worker]:password@host:port``, in which a wallet has no mark of its own."""
    wallet = _named(pool.wallet, rig_name)
    password = _named(pool.password, rig_name)
    for field, text in (("wallet", wallet), ("password", password)):
        if not _PLAIN.fullmatch(text):
            raise cannot_have(
                field,
                "TT-Miner takes several pools only with wallets and passwords of letters, digits, dots, + and -",
                "Leave failover out, or use another wallet.",
            )
    worker = f".{_named(pool.rig_id, rig_name)}" if pool.rig_id else ""
    return f"{_scheme(pool) or 'stratum+tcp://'}{wallet}{worker}:{password}@{pool.pool}"


def _scheme(pool: PoolConfig) -> str:
    return "stratum+ssl://" if pool.tls else ""


def _named(text: str, rig_name: str) -> str:
    return text.replace(RIG_TEMPLATE, rig_name)
