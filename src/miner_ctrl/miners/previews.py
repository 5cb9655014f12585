"""What a miner would be given for a config, without a rig: by the code that starts it."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator, Sequence
from pathlib import PurePath, PurePosixPath, PureWindowsPath
from typing import TypeVar

import msgspec

from miner_ctrl.errors import BadInput, MinerCtrlError, NotFound
from miner_ctrl.miners.contract import DraftingAdapter, LaunchPlan, MinerApi
from miner_ctrl.miners.heeded import not_heeded, unheeded
from miner_ctrl.miners.placeholders import RIG_TEMPLATE
from miner_ctrl.miners.simulated import SimulatedAdapter
from miner_ctrl.model.profile_views import (
    CommandLineView,
    MinerTypeView,
    PreviewFileView,
    PreviewPartView,
    ProfilePreviewView,
)
from miner_ctrl.model.profiles import MinerConfig, PoolConfig
from miner_ctrl.model.text import one_line

P = TypeVar("P", bound=PoolConfig)

API = MinerApi(port=0, token="MADE-AT-EACH-START")  # noqa: S106 - it says that there is none
"""Stands for where the miner will answer: the real port and token are made when it is started."""
ON_LINUX, ON_WINDOWS = PurePosixPath("/FOLDER"), PureWindowsPath("C:/FOLDER")
HIDDEN = "********"
_STANDS_FOR_PASSWORD = "HIDDEN.PASSWORD.OF.THIS.POOL"  # noqa: S105 - it is none
"""Plain enough for every place that a password may stand in; ``HIDDEN`` is not."""
_NO_SECRET = ("", PoolConfig(pool="").password)
_PLAIN = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_@+=:,./\\-")


class Previews:
    """Drafts what miners of the types of ``adapters`` would be given; they are made when somebody asks."""

    def __init__(self, adapters: Callable[[], Sequence[DraftingAdapter]]) -> None:
        self._adapters = adapters

    def types(self) -> tuple[MinerTypeView, ...]:
        """Return the types, in the order in which they are known."""
        return tuple(
            MinerTypeView(
                name=adapter.type,
                description=adapter.description,
                simulated=isinstance(adapter, SimulatedAdapter),
                fields=tuple(sorted(adapter.fields)),
            )
            for adapter in self._adapters()
        )

    def complaints(self, miner_type: str, config: MinerConfig) -> tuple[MinerCtrlError, ...]:
        """Return why a miner of this type would not start with ``config``, as far as its rig does not matter: every
        field that it does not heed, or else the first other reason."""
        try:
            adapter = self._adapter(miner_type)
            if config.gpu_pool is not None and "gpuPool" not in adapter.fields:
                return (not_heeded("gpuPool", adapter.fields, miner_type),)
            names = dict.fromkeys(name for _, own in config.parts for name in unheeded(own, adapter.fields))
            if names:
                return tuple(not_heeded(name, adapter.fields, miner_type) for name in names)
            for _, own in config.parts:
                adapter.refuse(own)
                adapter.draft(own, folder=ON_LINUX, rig_name=RIG_TEMPLATE, api=API)
        except (BadInput, NotFound) as error:
            error.details.setdefault("field", "minerType")
            return (error,)
        return ()

    def preview(self, miner_type: str, config: MinerConfig, *, rig_name: str | None, hide: bool) -> ProfilePreviewView:
        """Return what its miners would be given. ``rig_name`` is filled in for ``{rig}``; ``hide``: without passwords.

        Raises:
            NotFound: there is no such type here.
            BadInput: a miner of this type cannot have the config; names the field.
        """
        adapter = self._adapter(miner_type)
        name = rig_name or RIG_TEMPLATE
        parts, hidden = [], False
        for part, own in config.parts:
            adapter.refuse(own)
            adapter.draft(own, folder=ON_LINUX, rig_name=name, api=API)
            shown = _without_passwords(own) if hide else own
            hidden = hidden or shown != own
            parts.append(_part(part, *(_draft(adapter, shown, folder, name) for folder in (ON_LINUX, ON_WINDOWS))))
        depends = tuple(_depends(adapter, config, parts, named=rig_name is not None))
        return ProfilePreviewView(miner_type=miner_type, parts=tuple(parts), depends=depends, hidden=hidden)

    def _adapter(self, miner_type: str) -> DraftingAdapter:
        adapters = self._adapters()
        for adapter in adapters:
            if adapter.type == miner_type:
                return adapter
        raise NotFound(
            f"This node knows no miner type {one_line(miner_type, 32)!r}.",
            suggestion=f"Those it knows: {', '.join(sorted(each.type for each in adapters))}. A rig may know others, by"
            " descriptions of its own.",
            code="MINER_TYPE_UNKNOWN",
            details={"minerType": one_line(miner_type, 32)},
        )


def quoted_for_windows(argv: Sequence[str]) -> str:
    """Return a command line for Windows' command prompt, in the quotes that C programs undo. ``%`` cannot be quoted
    there."""
    return " ".join(map(_quoted, argv))


def _quoted(word: str) -> str:
    if word and _PLAIN.issuperset(word):
        return word
    text, slashes = '"', 0
    for char in word:
        if char == "\\":
            slashes += 1
            continue
        text += "\\" * (2 * slashes + 1 if char == '"' else slashes) + char
        slashes = 0
    return text + "\\" * (2 * slashes) + '"'


def _draft(adapter: DraftingAdapter, config: MinerConfig, folder: PurePath, rig_name: str) -> LaunchPlan:
    return adapter.draft(config, folder=folder, rig_name=rig_name, api=API)


def _part(part: str, linux: LaunchPlan, windows: LaunchPlan) -> PreviewPartView:
    argv = tuple(map(_masked, linux.argv))
    return PreviewPartView(
        part=part,
        command=CommandLineView(
            argv=argv,
            linux=shlex.join(argv),
            windows=quoted_for_windows(tuple(map(_masked, windows.argv))),
        ),
        files=tuple(
            PreviewFileView(name=name, text=_masked(data.decode("utf-8", "replace")))
            for name, data in linux.files.items()
        ),
        env=dict(linux.env),
    )


def _without_passwords(config: MinerConfig) -> MinerConfig:
    """Return ``config`` with what stands for a password in the place of each that may be one."""
    failover = tuple(_without_password(pool) for pool in config.failover)
    return msgspec.structs.replace(_without_password(config), failover=failover)


def _without_password(pool: P) -> P:
    if pool.password in _NO_SECRET:
        return pool
    return msgspec.structs.replace(pool, password=_STANDS_FOR_PASSWORD)


def _masked(text: str) -> str:
    return text.replace(_STANDS_FOR_PASSWORD, HIDDEN)


def _depends(
    adapter: DraftingAdapter, config: MinerConfig, parts: Sequence[PreviewPartView], *, named: bool
) -> Iterator[str]:
    texts = [text for part in parts for text in (*part.command.argv, *(file.text for file in part.files))]
    yield f"The program: {parts[0].command.argv[0]} stands for its path on the rig, which may not have it."
    if any(str(ON_LINUX) in text for text in texts):
        yield f"The folder: {ON_LINUX} (on Windows {ON_WINDOWS}) stands for one of the miner's own."
    yield f"The miner's local API: port {API.port} stands for a free one, taken at each start."
    if any(API.token in text for text in texts):
        yield f"Its access token: {API.token} stands for one that is made at each start, and never shown."
    if not named and any(RIG_TEMPLATE in text for text in texts):
        yield f"The rig's name: {RIG_TEMPLATE} stands for it."
    if isinstance(adapter, SimulatedAdapter) and config.seed is None:
        yield "The seed: it follows from the rig's and the miner's name."
