"""Descriptions from files: those that ship with the package, and the owner's own."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from miner_ctrl.errors import BadInput, MinerCtrlError, OperationFailed
from miner_ctrl.miners.contract import DraftingAdapter
from miner_ctrl.miners.described import DescribedAdapter
from miner_ctrl.miners.description_check import MAX_BYTES, read_description
from miner_ctrl.miners.not_described import NotDescribed
from miner_ctrl.miners.program import Deployed, nothing_deployed
from miner_ctrl.model.text import one_line

SHIPPED = Path(__file__).with_name("descriptions")
MAX_FILES = 32
BUILT_IN = frozenset({"xmrig", "simulated", "tt-miner"})
_TYPE = re.compile(r"[a-z][a-z0-9-]{0,31}")


class Described(NamedTuple):
    """The adapters of all that is described, and one sentence for each file that cannot be used."""

    adapters: tuple[DraftingAdapter, ...]
    problems: tuple[str, ...]


def described_miners(
    folder: Path | None, deployed: Deployed = nothing_deployed, *, environ: Mapping[str, str] = os.environ
) -> Described:
    """Return what ships and what the owner has in ``folder``, whose files go before shipped ones of the same type.

    A file of the owner's that cannot be used stops nothing: its type says what is wrong with it.
    """
    adapters: dict[str, DraftingAdapter] = {}
    for path in sorted(SHIPPED.glob("*.toml")):
        description = read_description(path.read_bytes(), name=path.name)
        adapters[description.type] = DescribedAdapter(description, deployed, environ=environ)
    problems = []
    for path in _files_in(folder):
        try:
            description = read_description(_read(path), name=path.name)
            if description.type in BUILT_IN:
                raise _taken(path, description.type)
            adapters[description.type] = DescribedAdapter(description, deployed, environ=environ)
        except MinerCtrlError as error:
            problems.append(error.message)
            if _TYPE.fullmatch(path.stem) and path.stem not in BUILT_IN:
                adapters[path.stem] = NotDescribed(path.stem, error)
    return Described(tuple(adapters.values()), tuple(problems))


def _files_in(folder: Path | None) -> list[Path]:
    if folder is None:
        return []
    try:
        return sorted(path for path in folder.iterdir() if path.suffix == ".toml")[:MAX_FILES]
    except OSError:
        return []


def _read(path: Path) -> bytes:
    """Return what stands in a regular file, a byte more than is allowed at most."""
    try:
        handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))  # a pipe must not hold up the start
        with os.fdopen(handle, "rb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise _unreadable(path, "it is no file")
            return file.read(MAX_BYTES + 1)
    except OSError as error:
        raise _unreadable(path, error.strerror or "it cannot be opened") from None


def _unreadable(path: Path, why: str) -> OperationFailed:
    return OperationFailed(
        f"The description {one_line(path.name, 80)} cannot be read: {why}.",
        suggestion="Put a file there that this user can read, and restart the node.",
        code="BAD_DESCRIPTION",
    )


def _taken(path: Path, miner_type: str) -> BadInput:
    return BadInput(
        f"The description {one_line(path.name, 80)} cannot be used: type {miner_type} is built in.",
        suggestion="Give it another type.",
        code="BAD_DESCRIPTION",
    )
