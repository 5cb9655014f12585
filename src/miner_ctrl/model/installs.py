"""Miner programs put on this machine by its owner, and newer ones that are at hand."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from miner_ctrl.model.doctor import MinerProgram
from miner_ctrl.model.values import Sentence, ShortText

Version = Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._+-]{0,63}\Z")]
Sha256 = Annotated[str, Meta(pattern=r"^[0-9a-fA-F]{64}\Z")]
LongText = Annotated[str, Meta(min_length=1, max_length=2048)]


class InstallOrder(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where a program comes from: the archive ``file`` on this machine, the archive at ``url`` that has ``sha256``, or
    the ``system``'s package. ``program`` is its path in the archive, where that is not plain; ``version`` what to call
    it, where the archive's name does not say."""

    file: LongText | None = None
    url: LongText | None = None
    sha256: Sha256 | None = None
    system: bool = False
    version: Version | None = None
    program: ShortText | None = None


class InstallView(msgspec.Struct, frozen=True, kw_only=True):
    """What was installed or removed. ``note``: what there is to know beside it."""

    status: ShortText
    miner: MinerProgram
    note: Sentence = ""


class NewerProgram(msgspec.Struct, frozen=True, kw_only=True):
    """A newer version of a program that is at hand. ``source``: ``package`` or ``bundle``; ``fix``: how to take it."""

    installed: ShortText
    available: ShortText
    source: ShortText
    fix: Sentence


class UpdatesView(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """``POST /update``: newer programs by miner type, or a sentence in ``status`` where there are none."""

    status: Sentence = ""
    updates_available: dict[str, NewerProgram] = msgspec.field(default_factory=dict)
