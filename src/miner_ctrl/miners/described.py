"""The adapter of a miner that a description file describes: started by its template, read where it says."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path, PurePath

import msgspec

from miner_ctrl.errors import OperationFailed
from miner_ctrl.miners.contract import Capabilities, LaunchPlan, MinerApi, Reading
from miner_ctrl.miners.described_answers import cannot_pause, make_reading, numbers, parse_http, parse_json, parse_text
from miner_ctrl.miners.description import Description, Part
from miner_ctrl.miners.description_check import fields_of
from miner_ctrl.miners.extra_args import parse_extra_args
from miner_ctrl.miners.heeded import cannot_have, refuse_unheeded
from miner_ctrl.miners.in_arguments import refuse_secret_password
from miner_ctrl.miners.located import located
from miner_ctrl.miners.log_file import LogFile
from miner_ctrl.miners.log_lines import HOLES, read_lines
from miner_ctrl.miners.loopback_http import exchange
from miner_ctrl.miners.loopback_tcp import ask
from miner_ctrl.miners.patterns import LinePattern
from miner_ctrl.miners.placeholders import (
    CONFIG_FILE,
    FIELDS,
    HOLE,
    POOLS,
    holes_in,
    values_of_pool,
    values_of_profile,
)
from miner_ctrl.miners.program import Deployed, Program, nothing_deployed
from miner_ctrl.model.miners import InstalledMiner
from miner_ctrl.model.profiles import MinerConfig

LINES_READ = 200
_EVERYWHERE = "; its local API listens on every interface"


class DescribedAdapter:
    """A miner as ``description`` has it. It cannot be paused, nor be given another configuration while it runs."""

    def __init__(
        self,
        description: Description,
        deployed: Deployed = nothing_deployed,
        *,
        environ: Mapping[str, str] = os.environ,
    ) -> None:
        self._description = description
        self.fields = fields_of(description)
        self._patterns = [LinePattern(line, HOLES) for line in description.read.lines]
        version = LinePattern(description.version.pattern, {"version": "version"})
        self._program = Program(
            description.type,
            description.programs,
            title=description.title,
            how_to_get=description.how_to_get,
            version_arguments=description.version.arguments,
            find_version=partial(_version_in, version),
            ends_well=False,
            deployed=deployed,
            environ=environ,
        )

    @property
    def type(self) -> str:
        """The type's name, as profiles have it."""
        return self._description.type

    @property
    def description(self) -> str:
        """One line for people."""
        everywhere = self._description.start.listens == "everywhere"
        return self._description.description + (_EVERYWHERE if everywhere else "")

    @property
    def capabilities(self) -> Capabilities:
        """What its description lets it tell."""
        read = self._description.read
        told = {name for pattern in self._patterns for name in pattern.names}
        return Capabilities(
            pause=False,
            per_thread=read.threads is not None,
            per_device=read.devices is not None,
            difficulty="difficulty" in told or (read.values is not None and read.values.difficulty is not None),
        )

    def locate(self) -> InstalledMiner:
        """Return the program this machine has. Blocks as ``Program.version``."""
        return located(self, self._program)

    def refuse(self, config: MinerConfig) -> None:
        """Refuse what it does not heed, and passwords that are secrets and would be arguments. Raises as
        ``Adapter.refuse``."""
        refuse_unheeded(config, self.fields, miner_type=self.type)
        start = self._description.start
        if any("password" in holes_in(text) for text in _all_texts((*start.arguments, *start.each_pool))):
            for pool in config.pools:
                refuse_secret_password(pool, miner_type=self.type)

    def draft(self, config: MinerConfig, *, folder: PurePath, rig_name: str, api: MinerApi) -> LaunchPlan:
        """Return how it would be started in ``folder``. Raises as ``Adapter.draft``."""
        values = values_of_profile(self._description, config, rig_name=rig_name, api=api, folder=folder)
        arguments = tuple(self._arguments(config, values, rig_name))
        extra = parse_extra_args(config.extra_args, self._allowed(), miner_type=self.type)
        return LaunchPlan(
            argv=(self._program.name, *arguments, *(word for each in extra for word in each.as_given)),
            env={"HOME": str(folder)},
            files=self._files(values),
            api=api,
        )

    def plan(self, config: MinerConfig, *, folder: Path, rig_name: str, api: MinerApi) -> LaunchPlan:
        """Return how to start it in ``folder``. Raises as ``Adapter.plan``."""
        self.refuse(config)
        return self._program.placed(self.draft(config, folder=folder.absolute(), rig_name=rig_name, api=api))

    async def check(self, plan: LaunchPlan, folder: Path) -> None:
        """Nothing to ask: none of these programs reads its arguments without starting to mine."""

    async def read(self, api: MinerApi, *, log: LogFile | None = None) -> Reading:
        """Ask a running one, or read its log. Raises as ``Adapter.read``."""
        read = self._description.read
        if read.kind == "log":
            return await self._read_log(log)
        if read.values is None:  # refused when it was loaded
            raise OperationFailed(f"The description of {self.type} does not say how to read it.")
        if read.kind == "http":
            document = parse_http(await exchange(msgspec.structs.replace(api, token=""), read.path))
        elif read.kind == "tcp-jsonrpc":
            document = parse_json(await ask(api, read.request.encode() + b"\n", json=True))
        else:
            document = parse_text(await ask(api, read.request.encode(), json=False))
        reading = make_reading(document, read.values, read.devices)
        if read.threads is not None:
            said = parse_text(await ask(api, read.threads.request.encode(), json=False))
            threads = said if isinstance(said, list) else [said]
            reading = msgspec.structs.replace(reading, threads_hps=numbers(threads, read.threads.hashrates))
        return reading

    async def pause(self, api: MinerApi) -> None:
        """Refuse: it has no such command."""
        raise cannot_pause(self.type)

    async def resume(self, api: MinerApi) -> None:
        """Refuse: it has no such command."""
        raise cannot_pause(self.type)

    async def reload(self, plan: LaunchPlan) -> bool:
        """It has to be restarted."""
        return False

    async def _read_log(self, log: LogFile | None) -> Reading:
        if log is None:
            raise OperationFailed(
                f"{self.type} is read from its log, and there is none.",
                suggestion="Start it here: a miner that somebody else started has its log elsewhere.",
                code="MINER_HAS_NO_LOG",
            )
        part = await asyncio.to_thread(log.tail, LINES_READ, ended=False)
        return read_lines(part.lines, self._patterns)

    def _allowed(self) -> dict[str, bool]:
        return {name: kind == "value" for name, kind in self._description.extra_args.items()}

    def _arguments(self, config: MinerConfig, values: Mapping[str, str], rig_name: str) -> Iterator[str]:
        start = self._description.start
        for part in start.arguments:
            if part != POOLS:
                yield from self._part(part, values)
                continue
            for pool in config.pools:
                pool_values = {**values, **values_of_pool(self._description, pool, rig_name=rig_name)}
                for each in start.each_pool:
                    yield from self._part(each, pool_values)

    def _part(self, part: str | Part, values: Mapping[str, str]) -> Iterator[str]:
        if isinstance(part, str):
            yield from self._filled(part, values)
        else:
            for text in part.add if values[part.when] else part.otherwise:
                yield from self._filled(text, values)

    def _filled(self, text: str, values: Mapping[str, str]) -> Iterator[str]:
        if text == "{devices*}":
            yield from values["devices"].split(",")
            return
        for name in holes_in(text):
            if not values[name] and name != "password":
                field = FIELDS.get(name, name)
                raise cannot_have(field, f"{self.type} needs it", f"Give {field} in the profile.")
        yield HOLE.sub(lambda hole: values[hole[1]], text)

    def _files(self, values: Mapping[str, str]) -> dict[str, bytes]:
        config = self._description.start.config
        if config is None:
            return {}
        settings = {
            key: HOLE.sub(lambda hole: values[hole[1]], value) if isinstance(value, str) else value
            for key, value in config.values.items()
            if not isinstance(value, str) or all(values[name] for name in holes_in(value))
        }
        return {CONFIG_FILE: msgspec.json.format(msgspec.json.encode(settings), indent=2)}


def _version_in(pattern: LinePattern, said: str) -> str:
    lines = (pattern.find(line) for line in said.splitlines()[:100])
    return next((found["version"] for found in lines if found), "")


def _all_texts(parts: tuple[str | Part, ...]) -> Iterator[str]:
    for part in parts:
        yield from (part,) if isinstance(part, str) else (*part.add, *part.otherwise)
