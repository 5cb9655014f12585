"""XMRig: where it is, how it is started, how it is asked."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import ClassVar

import msgspec

from miner_ctrl.errors import NotFound, OperationFailed
from miner_ctrl.miners.brief_run import run_briefly, spoken_lines, without_secrets
from miner_ctrl.miners.contract import Capabilities, LaunchPlan, MinerApi, Reading
from miner_ctrl.miners.log_file import LogFile
from miner_ctrl.miners.xmrig_api import call, read_summary
from miner_ctrl.miners.xmrig_config import xmrig_config
from miner_ctrl.model.miners import InstalledMiner
from miner_ctrl.model.profiles import MinerConfig

PROGRAM_VARIABLE = "MINER_CTRL_XMRIG"
CONFIG_FILE = "config.json"
VERSION_WITHIN_S = 3.0
CHECK_WITHIN_S = 15.0
MAX_PATH_CHARS = 255

_VERSION = re.compile(r"XMRig (\d[\w.+-]{0,40})")
_LOOKED_ELSEWHERE = "unable to open "
_CUSTOMARY_PASSWORD = "x"  # noqa: S105 - what pools take from everybody
_Stamp = tuple[str, int, int]


class XmrigAdapter:
    """XMRig 6.22 and later. ``deployed(type)`` is the program that a deploy has put on this rig."""

    type = "xmrig"
    description = "XMRig: RandomX, CryptoNight, Argon2 and GhostRider on the CPU"
    capabilities: ClassVar[Capabilities] = Capabilities(pause=True)

    def __init__(
        self, *, deployed: Callable[[str], Path | None] = lambda _: None, environ: Mapping[str, str] = os.environ
    ) -> None:
        self._deployed = deployed
        self._environ = environ
        self._versions: dict[_Stamp, str] = {}

    @property
    def fields(self) -> frozenset[str]:
        """Every field there is."""
        return frozenset(MinerConfig.__struct_encode_fields__)

    def locate(self) -> InstalledMiner:
        """Return the XMRig named by ``MINER_CTRL_XMRIG``, else the deployed one, else the one on ``PATH``.

        Its version comes from running it, once for each state of the file; that blocks for at most
        ``VERSION_WITHIN_S`` seconds. A program that does not run, or is not XMRig, is not installed.
        """
        program = self._program()
        version = self._version(program) if program else ""
        path = str(program)[:MAX_PATH_CHARS] if program else ""
        return InstalledMiner(type=self.type, installed=bool(version), version=version, path=path)

    def plan(self, config: MinerConfig, *, folder: Path, rig_name: str, api: MinerApi) -> LaunchPlan:
        """Return how to start XMRig in ``folder``. Raises as ``Adapter.plan``.

        XMRig looks for other configuration files, beside its program and in the user's home, when it dislikes the one
        given; with both places set to ``folder`` it can find none, and ends instead of mining for somebody else.
        """
        program = self._program()
        if program is None:
            raise self._missing(f"XMRig is not on this rig{self._variable_hint()}.")
        if not self._version(program):
            raise self._missing(f"The program {program} is not a working XMRig.")
        folder = folder.absolute()
        return LaunchPlan(
            argv=(str(program), f"--config={folder / CONFIG_FILE}", f"--data-dir={folder}"),
            env={"HOME": str(folder)},
            files={CONFIG_FILE: xmrig_config(config, rig_name=rig_name, api=api)},
            api=api,
        )

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
        return await read_summary(api)

    async def pause(self, api: MinerApi) -> None:
        """Stop hashing, keep process, dataset and pool connection. Raises as ``Adapter.pause``."""
        await call(api, "pause")

    async def reload(self, plan: LaunchPlan) -> bool:
        """Not offered yet."""
        return False

    async def resume(self, api: MinerApi) -> None:
        """Go on hashing. Raises as ``Adapter.pause``."""
        await call(api, "resume")

    def _program(self) -> Path | None:
        named = self._environ.get(PROGRAM_VARIABLE)
        if named:
            return _executable(Path(named))
        on_path = shutil.which("xmrig", path=self._environ.get("PATH", os.defpath))
        deployed = self._deployed(self.type)
        return (_executable(deployed) if deployed else None) or (Path(on_path).absolute() if on_path else None)

    def _version(self, program: Path) -> str:
        try:
            status = program.stat()
        except OSError:  # removed a moment ago
            return ""
        stamp = (str(program.resolve()), status.st_mtime_ns, status.st_size)
        if stamp not in self._versions:
            self._versions = {stamp: _ask_version(program)}
        return self._versions[stamp]

    def _variable_hint(self) -> str:
        named = self._environ.get(PROGRAM_VARIABLE)
        return f": {PROGRAM_VARIABLE} names {named}, which is no executable file" if named else ""

    def _missing(self, message: str) -> NotFound:
        return NotFound(
            message,
            suggestion=(
                "Install XMRig (Debian: apt install xmrig) so that xmrig is on the PATH, "
                f"or name its program in {PROGRAM_VARIABLE}."
            ),
            code="MINER_NOT_INSTALLED",
            details={"minerType": self.type},
        )


def _executable(path: Path) -> Path | None:
    return path.absolute() if path.is_file() and os.access(path, os.X_OK) else None


def _ask_version(program: Path) -> str:
    """Return the version; empty when the program does not run, or is not XMRig."""
    try:
        run = run_briefly((str(program), "--version"), within_s=VERSION_WITHIN_S, cwd=program.parent, env={})
    except OSError:
        return ""
    said = _VERSION.match(run.output)
    return said[1] if said and run.code == 0 else ""


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
